package dev.holt.app.server;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Turns SIGTERM and SIGINT into an orderly stop: the thread that started Holt is woken, also in the middle of a start, stops what it
 * started and says so; only then the process ends, with exit code 0.
 */
public final class Shutdown implements AutoCloseable {
    /** Longer than a stop takes: requests get 2 s, creates that are under way 60 s. */
    private static final long PATIENCE_SECONDS = 90;

    private final CountDownLatch finished = new CountDownLatch(1);

    private Shutdown() {}

    /** From now on a signal interrupts the calling thread. */
    public static Shutdown ofThisThread() {
        Thread starter = Thread.currentThread();
        Shutdown shutdown = new Shutdown();
        Runtime.getRuntime()
                .addShutdownHook(Thread.ofPlatform().name("shutdown").unstarted(() -> shutdown.stop(starter)));
        return shutdown;
    }

    private void stop(Thread starter) {
        if (finished.getCount() == 0) {
            return; // the process ends by itself, with a code of its own
        }
        starter.interrupt();
        try {
            if (finished.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                Runtime.getRuntime().halt(0);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Blocks until a signal comes, and clears the interrupt so that what follows can block again. */
    public void await() {
        try {
            new CountDownLatch(1).await();
        } catch (InterruptedException e) {
            // that is the signal
        }
    }

    /** Says that everything is stopped. */
    @Override
    public void close() {
        finished.countDown();
    }
}
