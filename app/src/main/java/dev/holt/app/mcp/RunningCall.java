package dev.holt.app.mcp;

import dev.holt.app.client.ClientException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;

/**
 * One call while it is answered: what its client can do to it, and what ends it when its time is up. Whoever works for it says how to
 * stop; a stop that comes first stops the work as soon as it says so.
 */
final class RunningCall implements AutoCloseable {
    /** Between two signs of life; clients that take them wait as long as they come. */
    private static final Duration SIGN_OF_LIFE = Duration.ofSeconds(10);

    private final CountDownLatch ended = new CountDownLatch(1);
    private final Deque<Runnable> stops = new ArrayDeque<>();
    private boolean canceled;
    private boolean late;

    /** @param signOfLife told every few seconds how many seconds the call has taken */
    RunningCall(LongConsumer signOfLife) {
        Thread.ofVirtual().name("signs of life").start(() -> {
            long begin = System.nanoTime();
            while (!endsWithin(SIGN_OF_LIFE)) {
                signOfLife.accept(Duration.ofNanos(System.nanoTime() - begin).toSeconds());
            }
        });
    }

    /** Whether the client asked to end the call. */
    synchronized boolean isCanceled() {
        return canceled;
    }

    /** Whether the time that {@link #endAfter} set was up. */
    synchronized boolean isLate() {
        return late;
    }

    /** Stops the work, since the client asked for it. */
    void cancel() {
        synchronized (this) {
            canceled = true;
        }
        stop();
    }

    /** Says how to stop the work from now on. {@code stop} runs at most once, perhaps at once, on another thread than the work's. */
    void onStop(Runnable stop) {
        boolean now;
        synchronized (this) {
            now = canceled || late;
            if (!now) {
                stops.push(stop);
            }
        }
        if (now) {
            Thread.ofVirtual().name("stop of a call").start(() -> run(stop));
        }
    }

    /** Stops the work when it takes longer than this from now on. */
    void endAfter(Duration time) {
        Thread.ofVirtual().name("end of a call").start(() -> {
            if (!endsWithin(time)) {
                synchronized (this) {
                    late = true;
                }
                stop();
            }
        });
    }

    private void stop() {
        while (true) {
            Runnable next;
            synchronized (this) {
                next = stops.poll();
            }
            if (next == null) {
                return;
            }
            run(next);
        }
    }

    private static void run(Runnable stop) {
        try {
            stop.run();
        } catch (ClientException e) {
            // what was to be stopped has ended, or its sandbox has
        }
    }

    private boolean endsWithin(Duration time) {
        try {
            return ended.await(time.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
    }

    @Override
    public void close() {
        ended.countDown();
    }
}
