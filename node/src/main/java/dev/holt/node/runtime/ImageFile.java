package dev.holt.node.runtime;

import com.sun.nio.file.ExtendedOpenOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Writes a stream to a file at the speed of the disk: whole parts past the page cache, several at once, while the next are read. What
 * is left at the end, all of a small file, goes by the page cache.
 */
final class ImageFile {
    /** A disk is idle between two writes of one thread: with four, 1 GB took 0.7 s where one took 1.2. */
    private static final int WRITERS = 4;

    private static final int PARTS = 2 * WRITERS;
    private static final int PART = 4 << 20;
    /** What direct writes are aligned to: as much as any disk of today wants. */
    private static final int ALIGNMENT = 4096;

    private ImageFile() {}

    /**
     * Writes {@code content} to its end into a new file. Not durable.
     *
     * @throws IOException when it can't be read or written
     * @throws InterruptedException what was being written is left half
     */
    static void write(ReadableByteChannel content, Path file, ImageWitness.Content witness)
            throws IOException, InterruptedException {
        ByteBuffer first = part();
        if (fill(content, first)) {
            first.flip();
            witness.bytes(first.duplicate());
            writeTail(file, first, 0, StandardOpenOption.CREATE_NEW);
        } else {
            writeLarge(content, file, witness, first);
        }
        witness.end();
    }

    private static void writeLarge(
            ReadableByteChannel content, Path file, ImageWitness.Content witness, ByteBuffer first)
            throws IOException, InterruptedException {
        long position = 0;
        ByteBuffer current = first;
        List<Future<?>> writing = new ArrayList<>();
        try (FileChannel channel = openDirectly(file);
                ExecutorService writers = Executors.newFixedThreadPool(
                        WRITERS, Thread.ofPlatform().name("memory image ", 0).factory())) {
            BlockingQueue<ByteBuffer> free = new ArrayBlockingQueue<>(PARTS);
            int made = 1;
            boolean last = false;
            try {
                while (!last) {
                    current.flip();
                    witness.bytes(current.duplicate());
                    ByteBuffer whole = current;
                    long at = position;
                    writing.add(writers.submit(() -> {
                        writeFully(channel, whole, at);
                        free.add(whole.clear());
                        return Optional.empty();
                    }));
                    position += PART;
                    failed(writing);
                    current = made++ < PARTS ? part() : next(free, writing);
                    last = fill(content, current);
                }
                for (Future<?> one : writing) {
                    await(one);
                }
            } catch (IOException | InterruptedException | RuntimeException e) {
                writers.shutdownNow();
                throw e;
            }
        }
        current.flip();
        if (current.hasRemaining()) {
            witness.bytes(current.duplicate());
            writeTail(file, current, position, StandardOpenOption.WRITE);
        }
    }

    private static ByteBuffer part() {
        return ByteBuffer.allocateDirect(PART + ALIGNMENT)
                .alignedSlice(ALIGNMENT)
                .limit(PART)
                .slice();
    }

    /** Whether the stream ended before {@code part} was full. */
    private static boolean fill(ReadableByteChannel content, ByteBuffer part) throws IOException {
        while (part.hasRemaining()) {
            if (content.read(part) < 0) {
                return true;
            }
        }
        return false;
    }

    private static ByteBuffer next(BlockingQueue<ByteBuffer> free, List<Future<?>> writing)
            throws IOException, InterruptedException {
        while (true) {
            ByteBuffer part = free.poll(10, TimeUnit.MILLISECONDS);
            if (part != null) {
                return part;
            }
            failed(writing);
        }
    }

    /** Throws what made one of these fail, and forgets those that succeeded. */
    private static void failed(List<Future<?>> writing) throws IOException, InterruptedException {
        for (Future<?> one : List.copyOf(writing)) {
            if (one.isDone()) {
                await(one);
                writing.remove(one);
            }
        }
    }

    private static void await(Future<?> one) throws IOException, InterruptedException {
        try {
            one.get();
        } catch (ExecutionException e) {
            throw new IOException(
                    e.getCause() == null ? e.toString() : e.getCause().getMessage(), e);
        }
    }

    private static FileChannel openDirectly(Path file) throws IOException {
        try {
            return FileChannel.open(
                    file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, ExtendedOpenOption.DIRECT);
        } catch (IOException | UnsupportedOperationException e) { // not every file system can
            return FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        }
    }

    private static void writeTail(Path file, ByteBuffer bytes, long position, OpenOption how) throws IOException {
        try (FileChannel channel = FileChannel.open(file, how, StandardOpenOption.WRITE)) {
            writeFully(channel, bytes, position);
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes, long position) throws IOException {
        long next = position;
        while (bytes.hasRemaining()) {
            next += channel.write(bytes, next);
        }
    }
}
