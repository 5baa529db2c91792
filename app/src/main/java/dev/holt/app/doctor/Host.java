package dev.holt.app.doctor;

import dev.holt.app.server.RuntimeTrial;
import dev.holt.nodeapi.Isolation;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** What the checks ask of the machine: an interface so that a test can be a machine with something missing. */
public interface Host {
    /** The text of a file, or empty when it is missing or may not be read. */
    Optional<String> read(String path);

    /** Whether there is something at the path. */
    boolean exists(String path);

    /** Whether the path can be opened for reading and writing. */
    boolean opens(String path);

    /** Where a program is, or empty when it is not installed. */
    Optional<Path> locate(String program);

    /** What a command printed, to standard output and then to standard error, and how it ended. */
    Answer run(List<String> command);

    /** What happened when a sandbox of that isolation was tried. */
    RuntimeTrial tryRuntime(Isolation isolation);

    /** Bytes that may be used on the file system that {@code path} is or would be on. */
    long freeBytes(Path path);

    /** Whether a server could listen there now. */
    boolean canListen(InetSocketAddress address);

    /** The version of the Java that runs this. */
    Runtime.Version javaVersion();

    /**
     * How a command ended.
     *
     * @param exitCode -1 when it could not be started or took too long
     */
    record Answer(int exitCode, String output) {
        boolean succeeded() {
            return exitCode == 0;
        }

        /** The first line, or the empty text. */
        String firstLine() {
            return output.lines()
                    .map(String::strip)
                    .filter(line -> !line.isEmpty())
                    .findFirst()
                    .orElse("");
        }
    }
}
