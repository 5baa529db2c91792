package dev.holt.node.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicBoolean;

/** A pipe whose writing end is for another process, see pipe(7). It holds as much as the kernel lets it, up to 1 MiB. */
public final class Pipe implements AutoCloseable {
    private static final int SIZE = 1 << 20;

    private final FileChannel readingEnd;
    private final int writingEnd;
    private final AtomicBoolean writable = new AtomicBoolean(true);

    private Pipe(FileChannel readingEnd, int writingEnd) {
        this.readingEnd = readingEnd;
        this.writingEnd = writingEnd;
    }

    /** @throws IOException when the kernel has no more */
    public static Pipe open() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ends = arena.allocate(ValueLayout.JAVA_INT, 2);
            long made = Libc.pipe(ends);
            if (made < 0) {
                throw new IOException("could not make a pipe: " + Libc.message(-made));
            }
            int reading = ends.getAtIndex(ValueLayout.JAVA_INT, 0);
            int writing = ends.getAtIndex(ValueLayout.JAVA_INT, 1);
            Libc.setPipeSize(writing, SIZE); // a smaller one works too
            try {
                return new Pipe(
                        FileChannel.open(Path.of("/proc/self/fd/" + reading), StandardOpenOption.READ), writing);
            } catch (IOException e) {
                Libc.close(writing);
                throw e;
            } finally {
                Libc.close(reading);
            }
        }
    }

    /** Ends when every copy of the writing end is closed. */
    public ReadableByteChannel readingEnd() {
        return readingEnd;
    }

    int writingEnd() {
        if (!writable.get()) {
            throw new IllegalStateException("the writing end is closed");
        }
        return writingEnd;
    }

    /** Closes this process's copy of the writing end. */
    public void closeWritingEnd() {
        if (writable.getAndSet(false)) {
            Libc.close(writingEnd);
        }
    }

    /** Closes both ends: who writes to it then gets EPIPE, and who reads here an exception. */
    @Override
    public void close() throws IOException {
        closeWritingEnd();
        readingEnd.close();
    }
}
