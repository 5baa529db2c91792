package dev.holt.app.cli;

import dev.holt.app.server.EnvFile;
import dev.holt.app.server.Holt;
import dev.holt.app.server.StartFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option that writes what clients need to a file; the file's appearance says that Holt is ready. */
final class EnvFileOption {
    @Option(
            names = "--env-file",
            paramLabel = "FILE",
            description = "Write what clients need there, as KEY=value lines, once Holt is ready.")
    private @Nullable Path file;

    /** Removes the file of an earlier run, so that nobody who waits for it finds that one. */
    void prepare() throws IOException {
        if (file != null) {
            Files.deleteIfExists(file);
        }
    }

    void write(Holt holt) {
        if (file == null) {
            return;
        }
        try {
            EnvFile.write(file, holt.clientVariables());
        } catch (IOException e) {
            throw new StartFailure("The file of --env-file can't be written: " + e, e);
        }
    }
}
