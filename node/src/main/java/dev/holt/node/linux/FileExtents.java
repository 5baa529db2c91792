package dev.holt.node.linux;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Where a sparse file has data, by lseek(2): what lies between is holes, which read as zeros and take no room. */
public final class FileExtents {
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;

    private FileExtents() {}

    /** A stretch of data: from {@code start} up to {@code end}. */
    public record Extent(long start, long end) {
        public long length() {
            return end - start;
        }
    }

    /**
     * The data of {@code file}, in order.
     *
     * @throws IOException when it can't be read
     */
    public static List<Extent> of(Path file) throws IOException {
        int descriptor = open(file, Libc.O_RDONLY);
        try {
            return of(file, descriptor);
        } finally {
            Libc.close(descriptor);
        }
    }

    static List<Extent> of(Path file, int descriptor) throws IOException {
        List<Extent> extents = new ArrayList<>();
        long start = Libc.seek(descriptor, 0, SEEK_DATA);
        while (start >= 0) { // -ENXIO: no data behind that offset
            long end = Libc.seek(descriptor, start, SEEK_HOLE);
            if (end < 0) {
                throw new IOException("could not find the holes of '" + file + "': " + Libc.message(-end));
            }
            extents.add(new Extent(start, end));
            start = Libc.seek(descriptor, end, SEEK_DATA);
        }
        if (start != -Libc.ENXIO) {
            throw new IOException("could not find the holes of '" + file + "': " + Libc.message(-start));
        }
        return extents;
    }

    /** How many bytes of {@code file} are data. */
    public static long bytes(Path file) throws IOException {
        return of(file).stream().mapToLong(Extent::length).sum();
    }

    static int open(Path file, int flags) throws IOException {
        long opened = Libc.open(file.toString(), flags | Libc.O_CLOEXEC);
        if (opened < 0) {
            throw new IOException("could not open '" + file + "': " + Libc.message(-opened));
        }
        return (int) opened;
    }
}
