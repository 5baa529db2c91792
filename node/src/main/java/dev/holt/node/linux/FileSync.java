package dev.holt.node.linux;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Makes durable what was written: fsync(2) and syncfs(2). */
public final class FileSync {
    private FileSync() {}

    /** One file's content, or the names in one directory. */
    public static void sync(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** Everything of the file system on which {@code path} is. */
    public static void syncFileSystem(Path path) throws IOException {
        int descriptor = FileExtents.open(path, Libc.O_RDONLY);
        try {
            long result = Libc.syncFileSystem(descriptor);
            if (result < 0) {
                throw new IOException(
                        "could not write the file system of '" + path + "' to its disk: " + Libc.message(-result));
            }
        } finally {
            Libc.close(descriptor);
        }
    }
}
