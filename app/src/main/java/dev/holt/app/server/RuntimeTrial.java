package dev.holt.app.server;

import dev.holt.app.settings.Settings;
import dev.holt.node.process.CommandFailure;
import dev.holt.node.runtime.RuntimeFailure;
import dev.holt.node.runtime.RuntimeProbe;
import dev.holt.nodeapi.Isolation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/**
 * Whether a runtime works here, found out by running something in it, in a temporary directory.
 *
 * @param works whether it ran
 * @param found the program, its version and what happened
 */
public record RuntimeTrial(boolean works, String found) {
    /** Tries the runtime that the settings lead to. Takes up to some seconds and needs root. */
    public static RuntimeTrial of(Settings settings, Isolation isolation) {
        try {
            Path directory = Files.createTempDirectory("holt-trial");
            try {
                return tried(settings, isolation, directory);
            } finally {
                delete(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("a runtime can't be tried without a temporary directory", e);
        }
    }

    private static RuntimeTrial tried(Settings settings, Isolation isolation, Path directory) {
        try {
            var probe = new RuntimeProbe(
                    directory.resolve("memory"),
                    directory.resolve("work"),
                    AgentProgram.unpack(directory),
                    new RoomSettings(settings).engines());
            RuntimeProbe.Report report = probe.probe(isolation, true);
            String program = report.binary().map(path -> path + ": ").orElse("")
                    + report.version().map(version -> version + "; ").orElse("");
            return new RuntimeTrial(report.working().isPresent(), program + report.explanation());
        } catch (RuntimeFailure | CommandFailure | StartFailure e) {
            return new RuntimeTrial(false, String.valueOf(e.getMessage()));
        }
    }

    /** Deletes a directory and all below it. */
    static void delete(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
