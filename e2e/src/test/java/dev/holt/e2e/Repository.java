package dev.holt.e2e;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where things are in the checkout under test. */
final class Repository {
    private Repository() {}

    /** The checkout's root: the nearest directory upwards that holds the {@code holt} script. */
    static Path root() {
        for (Path directory = Path.of("").toAbsolutePath(); directory != null; directory = directory.getParent()) {
            if (Files.isRegularFile(directory.resolve("holt"))) {
                return directory;
            }
        }
        throw new IllegalStateException(
                "no holt script in any directory above " + Path.of("").toAbsolutePath());
    }

    static Path holt() {
        return root().resolve("holt");
    }

    static Path e2e() {
        return root().resolve("e2e");
    }
}
