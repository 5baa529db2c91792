package dev.holt.node.runtime;

import dev.holt.node.linux.Pipe;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Has a sentry write its memory image into pipes, and writes the files itself: their sums are known then without reading a gigabyte
 * from the disk again, and no command is spawned. Works with builds that write their files from the first byte to the last.
 *
 * @param witness sees what is written
 */
record ImageStream(SentryControl sentry, boolean withoutEmptyPages, ImageWitness witness) {
    /** In the order in which the sentry expects them; restoring looks for these names. */
    private static final List<String> FILES = List.of("checkpoint.img", "pages_meta.img", "pages.img");

    /** The sentry would not, and said why; it is as it was. */
    static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;

        Refused(String said) {
            super(said);
        }
    }

    /**
     * Writes it.
     *
     * @throws Refused what the sentry said
     * @throws IOException when the files can't be written, or the sentry ended
     * @throws TimeoutException when it was not done within {@code limit}; it is told to stop by closed pipes
     */
    void write(Path directory, Duration limit) throws IOException, Refused, TimeoutException {
        long deadline = System.nanoTime() + limit.toNanos();
        List<Pipe> pipes = new ArrayList<>();
        List<CompletableFuture<Void>> files = new ArrayList<>();
        try {
            for (int i = 0; i < FILES.size(); i++) {
                pipes.add(Pipe.open());
            }
            CompletableFuture<Void> answer = sentry.checkpoint(withoutEmptyPages, pipes);
            for (int i = 0; i < FILES.size(); i++) {
                files.add(writing(pipes.get(i), directory.resolve(FILES.get(i))));
            }
            // A file that can't be written stops the sentry, which then says less of why than that file's failure does.
            for (CompletableFuture<Void> file : files) {
                await(file, deadline);
            }
            try {
                await(answer, deadline);
            } catch (SentryControl.Failure e) {
                throw new Refused(String.valueOf(e.getMessage()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            for (Pipe pipe : pipes) {
                pipe.close();
            }
            files.forEach(file -> file.exceptionally(failure -> null).join()); // nobody writes there any more
        }
    }

    private CompletableFuture<Void> writing(Pipe pipe, Path file) {
        CompletableFuture<Void> written = new CompletableFuture<>();
        Thread.ofPlatform().daemon().name("writing " + file.getFileName()).start(() -> {
            try {
                ImageFile.write(pipe.readingEnd(), file, witness.begin(file));
                written.complete(null);
            } catch (IOException | InterruptedException | RuntimeException e) {
                written.completeExceptionally(e);
                closeQuietly(pipe);
            }
        });
        return written;
    }

    private static void closeQuietly(Pipe pipe) {
        try {
            pipe.close();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static void await(CompletableFuture<Void> one, long deadline)
            throws IOException, InterruptedException, TimeoutException {
        try {
            one.get(Math.max(1, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case IOException failure -> throw failure;
                case RuntimeException failure -> throw failure;
                case null, default -> throw new IOException(e);
            }
        }
    }
}
