package dev.holt.node.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What of files the host has in memory. */
public final class PageCache {
    private static final Path MEMORY = Path.of("/proc/meminfo");
    private static final String AVAILABLE = "MemAvailable:";

    private PageCache() {}

    /** Begins to read {@code file}, so that who reads it later need not wait for the disk; see posix_fadvise(2), POSIX_FADV_WILLNEED. */
    public static void prefetch(Path file) throws IOException {
        int descriptor = FileExtents.open(file, Libc.O_RDONLY);
        try {
            long result = Libc.willNeed(descriptor);
            if (result != 0) {
                throw new IOException("could not read '" + file + "' ahead: " + Libc.message(result));
            }
        } finally {
            Libc.close(descriptor);
        }
    }

    /** How many bytes the host can give without swapping, caches that it would give up included; see proc(5). */
    public static long availableBytes() throws IOException {
        for (String line : Files.readAllLines(MEMORY)) {
            if (line.startsWith(AVAILABLE)) {
                return Long.parseLong(line.substring(AVAILABLE.length())
                                .replace("kB", "")
                                .strip())
                        << 10;
            }
        }
        throw new IOException("'" + MEMORY + "' does not say what is available");
    }
}
