package dev.holt.app.server;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A file of {@code KEY=value} lines that tells clients where Holt is. It holds an API key: only its owner may read it, and
 * it appears whole or not at all.
 */
public final class EnvFile {
    private EnvFile() {}

    /** Where a Holt leaves it for the commands of its own host. */
    public static Path inStateDirectory(Path stateDirectory) {
        return stateDirectory.resolve("client.env");
    }

    /**
     * Writes the file beside its place and moves it there.
     *
     * @throws IllegalArgumentException when a value can't stand on one line
     */
    public static void write(Path file, Map<String, String> values) throws IOException {
        StringBuilder text = new StringBuilder();
        values.forEach((name, value) -> {
            if (value.lines().count() > 1 || value.endsWith("\n")) {
                throw new IllegalArgumentException(name + " has more than one line");
            }
            text.append(name).append('=').append(value).append('\n');
        });
        Path target = file.toAbsolutePath();
        Path parent = target.getParent();
        if (parent == null) {
            throw new IOException(file + " is no file");
        }
        Path unfinished = Files.createTempFile(
                parent,
                "." + target.getFileName() + ".",
                ".new",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try {
            Files.writeString(unfinished, text, StandardCharsets.UTF_8);
            try (FileChannel channel = FileChannel.open(unfinished, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
            Files.move(unfinished, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }

    /** The values of a file that {@link #write} made. */
    public static Map<String, String> read(Path file) throws IOException {
        Map<String, String> values = new LinkedHashMap<>();
        for (String line : Files.readAllLines(file)) {
            int equals = line.indexOf('=');
            if (equals > 0) {
                values.put(line.substring(0, equals), line.substring(equals + 1));
            }
        }
        return values;
    }
}
