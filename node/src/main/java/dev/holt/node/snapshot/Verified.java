package dev.holt.node.snapshot;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * Remembers which files were found as they should be, by this process, since they last changed: reading a gigabyte again for each of
 * a hundred forks would tell nothing new. A restart of the daemon or of the host forgets all of it.
 */
public final class Verified {
    private static final int MOST = 10_000;

    /** What changes when somebody writes to a file or puts another in its place. */
    private record Look(Object inode, long size, long modified) {}

    private record Known(Look look, long sum) {}

    private final Map<Path, Known> files = new LinkedHashMap<>();

    /**
     * Compares {@code file} with what it must be.
     *
     * @throws SnapshotFailure that names the file and says what is wrong, when something is
     */
    public void verify(FileSum sum, Path file) {
        sum.requireSize(file);
        Look look = look(file);
        synchronized (this) {
            if (Objects.equals(files.get(file), new Known(look, sum.sum()))) {
                return;
            }
        }
        sum.verify(file);
        remember(sum, file, look);
    }

    /**
     * What {@code file} is now, which nobody writes to any more.
     *
     * @param name what the sum calls it
     */
    public FileSum sum(Path file, String name) {
        FileSum sum = FileSum.of(file, name);
        computed(sum, file, file);
        return sum;
    }

    /** Notes that {@code sum} was computed just now from {@code file}, which will be {@code name}. */
    void computed(FileSum sum, Path name, Path file) {
        remember(sum, name, look(file));
    }

    private synchronized void remember(FileSum sum, Path file, Look look) {
        files.remove(file);
        files.put(file, new Known(look, sum.sum()));
        if (files.size() > MOST) {
            files.remove(files.keySet().iterator().next());
        }
    }

    private static Look look(Path file) {
        try {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            return new Look(
                    Objects.requireNonNullElse(attributes.fileKey(), file),
                    attributes.size(),
                    attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS));
        } catch (IOException e) {
            throw new SnapshotFailure("could not look at '" + file + "': " + e, e);
        }
    }
}
