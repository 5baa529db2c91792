package dev.holt.node.runtime;

import dev.holt.node.process.CommandFailure;
import dev.holt.node.process.HostCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes an engine write memory images. */
record Checkpoints(Remains remains) {
    private static final Logger log = LoggerFactory.getLogger(Checkpoints.class);
    private static final long ALMOST_NOTHING = 1 << 20;

    /** As {@link RuntimeInstance#checkpoint}. */
    void write(RuntimeInstance instance, Path imageDirectory, ImageWitness witness, Duration limit) {
        OciEngine engine = remains.engine();
        String failed = engine.name() + " could not write the memory of sandbox " + instance.id() + ": ";
        Optional<ImageStream> stream = engine.images(remains, instance.id(), witness);
        if (stream.isPresent() && streamed(stream.get(), instance, imageDirectory, failed, limit)) {
            return;
        }
        command(instance, imageDirectory, failed, limit);
    }

    /** Whether that worked; otherwise the engine's command may. */
    private boolean streamed(
            ImageStream stream, RuntimeInstance instance, Path imageDirectory, String failed, Duration limit) {
        try {
            stream.write(imageDirectory, limit);
            return true;
        } catch (ImageStream.Refused e) {
            String said = String.valueOf(e.getMessage());
            remains.engine().refusal(said).ifPresent(reason -> {
                throw new CheckpointRefused(failed + reason);
            });
            log.warn(
                    "{} does not write the memory of sandbox {} into pipes: {}",
                    remains.engine().name(),
                    instance.id(),
                    said.lines().findFirst().orElse(""));
            empty(imageDirectory);
            return false;
        } catch (TimeoutException e) {
            throw new RuntimeFailure(failed + "it did not end within " + limit.toMillis() + " ms", e);
        } catch (IOException e) {
            throw new RuntimeFailure(
                    failed + (instance.alive() ? "" : "its kernel has ended; ") + full(imageDirectory) + e.getMessage(),
                    e);
        }
    }

    private static void empty(Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new RuntimeFailure("could not empty '" + directory + "'", e);
        }
    }

    private void command(RuntimeInstance instance, Path imageDirectory, String failed, Duration limit) {
        OciEngine engine = remains.engine();
        List<String> words =
                engine.checkpoint(imageDirectory).orElseThrow(() -> new RuntimeFailure(failed + "it keeps no memory"));
        // Not beside the image, where the disk may be full; named as runsc names its files, to go with them whatever
        // happens.
        Path engineLog = remains.root().resolve(instance.id() + "_sandbox:" + instance.id() + ".log");
        List<String> whole = new ArrayList<>(engine.command(remains.root(), engineLog));
        whole.addAll(words);
        whole.add(instance.id().value());
        HostCommand command = HostCommand.of(whole).withLimit(limit);
        for (Map.Entry<String, String> variable : engine.environment().entrySet()) {
            command = command.withVariable(variable.getKey(), variable.getValue());
        }
        try {
            int exitCode = command.runSilently();
            if (exitCode != 0) {
                String said = EngineLog.said(engineLog);
                engine.refusal(said).ifPresent(reason -> {
                    throw new CheckpointRefused(failed + reason);
                });
                throw new RuntimeFailure(failed + (instance.alive() ? "" : "its kernel has ended; ")
                        + full(imageDirectory) + "status " + exitCode + ", " + said);
            }
        } catch (CommandFailure e) {
            throw new RuntimeFailure(failed + e.getMessage(), e);
        } finally {
            remove(engineLog);
        }
    }

    /** Said by us, because sentries whose first write fails say something else. */
    private static String full(Path directory) {
        try {
            return Files.getFileStore(directory).getUsableSpace() < ALMOST_NOTHING
                    ? "no space left on device at '" + directory + "'; "
                    : "";
        } catch (IOException e) {
            return "'" + directory + "' can't be looked at (" + e.getMessage() + "); ";
        }
    }

    private static void remove(Path log) {
        try {
            Files.deleteIfExists(log);
        } catch (IOException e) {
            throw new RuntimeFailure("could not remove '" + log + "'", e);
        }
    }
}
