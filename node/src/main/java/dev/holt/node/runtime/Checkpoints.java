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

/** Makes an engine write memory images. */
record Checkpoints(Remains remains) {
    private static final long ALMOST_NOTHING = 1 << 20;

    /** As {@link RuntimeInstance#checkpoint}. */
    void write(RuntimeInstance instance, Path imageDirectory, Duration limit) {
        OciEngine engine = remains.engine();
        String failed = engine.name() + " could not write the memory of sandbox " + instance.id() + ": ";
        List<String> words =
                engine.checkpoint(imageDirectory).orElseThrow(() -> new RuntimeFailure(failed + "it keeps no memory"));
        // Not beside the image, where the disk may be full; named as runsc names its files, to go with them whatever
        // happens.
        Path log = remains.root().resolve(instance.id() + "_sandbox:" + instance.id() + ".log");
        List<String> whole = new ArrayList<>(engine.command(remains.root(), log));
        whole.addAll(words);
        whole.add(instance.id().value());
        HostCommand command = HostCommand.of(whole).withLimit(limit);
        for (Map.Entry<String, String> variable : engine.environment().entrySet()) {
            command = command.withVariable(variable.getKey(), variable.getValue());
        }
        try {
            int exitCode = command.runSilently();
            if (exitCode != 0) {
                String said = EngineLog.said(log);
                engine.refusal(said).ifPresent(reason -> {
                    throw new CheckpointRefused(failed + reason);
                });
                throw new RuntimeFailure(failed + (instance.alive() ? "" : "its kernel has ended; ")
                        + full(imageDirectory) + "status " + exitCode + ", " + said);
            }
        } catch (CommandFailure e) {
            throw new RuntimeFailure(failed + e.getMessage(), e);
        } finally {
            remove(log);
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
