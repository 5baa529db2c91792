package dev.holt.node.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Needs nothing but Linux. */
class ProcessEndsTest {
    @TempDir
    Path directory;

    /** Programs being started hold copies of all descriptors for a moment, and an epoll goes on reporting those. */
    @Test
    void closesNoDescriptorsButItsOwn() throws Exception {
        AtomicBoolean over = new AtomicBoolean();
        try (ProcessEnds ends = new ProcessEnds();
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Integer>> starting = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                starting.add(threads.submit(() -> startAndAwait(ends)));
            }
            List<Future<Integer>> writing = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                Path file = directory.resolve("file" + i);
                writing.add(threads.submit(() -> writeUntil(over, file)));
            }
            try {
                for (Future<Integer> future : starting) {
                    assertThat(future.get()).isZero();
                }
            } finally {
                over.set(true);
            }
            for (Future<Integer> future : writing) {
                assertThat(future.get())
                        .as("bytes written, none to a closed descriptor")
                        .isPositive();
            }
            assertThat(ends.watching()).isZero();
        }
    }

    private static int startAndAwait(ProcessEnds ends) throws Exception {
        int failed = 0;
        for (int count = 0; count < 60; count++) {
            Process process = new ProcessBuilder("true").start();
            ProcessIdentity.of(process.pid())
                    .ifPresent(identity -> ends.of(identity).join());
            failed += process.waitFor();
        }
        return failed;
    }

    private static int writeUntil(AtomicBoolean over, Path file) throws Exception {
        int written = 0;
        while (!over.get()) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
                written += channel.write(ByteBuffer.allocate(100));
            }
        }
        return written;
    }
}
