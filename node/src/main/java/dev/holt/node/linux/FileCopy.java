package dev.holt.node.linux;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** Copies of large sparse files, as cheap as the file system makes them: shared blocks where it can, else data without holes. */
public final class FileCopy {
    private static final long CLONE = 0x40049409L; // FICLONE, see ioctl_ficlone(2)
    private static final long AT_ONCE = 16L << 20;

    private FileCopy() {}

    /**
     * Makes {@code target} a copy of {@code source}, readable by its owner only. Nobody may write to the source meanwhile. On failure
     * nothing is left of it.
     *
     * @return whether the two share their blocks, so that the copy took no room and next to no time
     * @throws IOException when the target exists, the disk is full, or this thread is interrupted
     */
    public static boolean copy(Path source, Path target) throws IOException {
        FileChannel.open(
                        target,
                        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))
                .close();
        boolean done = false;
        try {
            boolean shared = fill(source, target);
            done = true;
            return shared;
        } finally {
            if (!done) {
                Files.deleteIfExists(target);
            }
        }
    }

    private static boolean fill(Path source, Path target) throws IOException {
        int from = FileExtents.open(source, Libc.O_RDONLY);
        try {
            int to = FileExtents.open(target, Libc.O_RDWR);
            try {
                if (Libc.ioctl(to, CLONE, MemorySegment.ofAddress(from)) >= 0) {
                    return true;
                }
                for (FileExtents.Extent extent : FileExtents.of(source, from)) {
                    copy(source, from, target, to, extent);
                }
            } finally {
                Libc.close(to);
            }
        } finally {
            Libc.close(from);
        }
        try (RandomAccessFile whole = new RandomAccessFile(target.toFile(), "rw")) {
            whole.setLength(Files.size(source)); // the hole at its end
        }
        return false;
    }

    private static void copy(Path source, int from, Path target, int to, FileExtents.Extent extent) throws IOException {
        for (long at = extent.start(); at < extent.end(); ) {
            if (Thread.currentThread().isInterrupted()) {
                throw new InterruptedIOException("interrupted while copying '" + source + "'");
            }
            long copied = Libc.copyFileRange(from, to, at, Math.min(AT_ONCE, extent.end() - at));
            if (copied == -Libc.EXDEV
                    || copied == -Libc.EINVAL
                    || copied == -Libc.EOPNOTSUPP
                    || copied == -Libc.ENOSYS) {
                copied = transfer(source, target, at, extent.end() - at);
            }
            if (copied < 0) {
                throw new IOException("could not copy '" + source + "' to '" + target + "': " + Libc.message(-copied));
            }
            if (copied == 0) {
                throw new IOException("'" + source + "' became shorter while it was copied");
            }
            at += copied;
        }
    }

    /** For two file systems of which one does not know the other. */
    private static long transfer(Path source, Path target, long at, long length) throws IOException {
        try (FileChannel in = FileChannel.open(source, StandardOpenOption.READ);
                FileChannel out = FileChannel.open(target, StandardOpenOption.WRITE)) {
            out.position(at);
            return in.transferTo(at, Math.min(AT_ONCE, length), out);
        }
    }
}
