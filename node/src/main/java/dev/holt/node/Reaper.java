package dev.holt.node;

import dev.holt.node.pool.Lease;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the wall clock four times a second what is due. It never sleeps until a deadline: the clock may be set, and a suspended
 * host wakes up later than it thinks.
 */
final class Reaper implements Lease {
    private static final Logger log = LoggerFactory.getLogger(Reaper.class);
    private static final Duration TICK = Duration.ofMillis(250);

    private final Clock clock;
    private final Consumer<Instant> due;
    private final Semaphore stopped = new Semaphore(0);
    private final Thread thread;

    /** @param due called with the present time at every tick; must not block for long */
    Reaper(Clock clock, Consumer<Instant> due) {
        this.clock = clock;
        this.due = due;
        this.thread = Thread.ofVirtual().name("reaper").start(this::run);
    }

    private void run() {
        try {
            while (!stopped.tryAcquire(TICK.toMillis(), TimeUnit.MILLISECONDS)) {
                try {
                    due.accept(clock.instant());
                } catch (RuntimeException e) {
                    log.error("the reaper failed and goes on", e);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        stopped.release();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
