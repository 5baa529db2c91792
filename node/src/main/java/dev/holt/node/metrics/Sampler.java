package dev.holt.node.metrics;

import dev.holt.node.pool.Foreground;
import dev.holt.node.pool.Lease;
import java.time.Duration;
import java.util.Collection;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes a sample of every running sandbox at an interval: a few at a time, none of a sandbox whose last sample is still being
 * taken, and after the creates that somebody waits for.
 */
public final class Sampler implements Lease {
    private static final Logger log = LoggerFactory.getLogger(Sampler.class);
    private static final int AT_ONCE = 4;

    /** Something to sample. Identity tells two apart. */
    public interface Target {
        /** Takes a sample and keeps it; may fail when the sandbox ends meanwhile. */
        void takeSample();
    }

    private final Duration interval;
    private final Foreground foreground;
    private final Supplier<? extends Collection<? extends Target>> targets;
    private final Semaphore places = new Semaphore(AT_ONCE);
    private final Set<Target> sampling = ConcurrentHashMap.newKeySet();
    private final Semaphore stopped = new Semaphore(0);
    private final Thread thread;

    /** Starts sampling at once. */
    public Sampler(Duration interval, Foreground foreground, Supplier<? extends Collection<? extends Target>> targets) {
        this.interval = interval;
        this.foreground = foreground;
        this.targets = targets;
        this.thread = Thread.ofVirtual().name("metrics").start(this::run);
    }

    private void run() {
        try {
            while (!stopped.tryAcquire(interval.toMillis(), TimeUnit.MILLISECONDS)) {
                foreground.awaitQuiet(interval.dividedBy(2));
                for (Target target : targets.get()) {
                    if (sampling.add(target)) {
                        places.acquire();
                        Thread.ofVirtual().name("sample").start(() -> sample(target));
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void sample(Target target) {
        try {
            target.takeSample();
        } catch (RuntimeException e) {
            log.debug("no sample of {}", target, e);
        } finally {
            places.release();
            sampling.remove(target);
        }
    }

    /** Stops; samples being taken end by themselves. */
    @Override
    public void close() {
        stopped.release();
        thread.interrupt();
    }
}
