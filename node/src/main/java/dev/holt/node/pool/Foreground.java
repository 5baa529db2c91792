package dev.holt.node.pool;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Counts the work that somebody waits for, so that work ahead of need can step aside: a create {@link #enter}s, a pool's refill
 * {@link #awaitQuiet}s before each thing that it makes. What was waited for a moment ago is seldom all: whoever got a sandbox
 * runs a command in it next, and then often creates another, so it is quiet only when it has been for {@link #PAUSE}.
 */
public final class Foreground {
    private static final Duration PAUSE = Duration.ofMillis(150);

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition quiet = lock.newCondition();
    private int active;
    /** When the last of them left, as {@link System#nanoTime}. */
    private long left = System.nanoTime() - PAUSE.toNanos();

    /** Somebody waits until the returned lease is closed. */
    public Lease enter() {
        lock.lock();
        try {
            active++;
        } finally {
            lock.unlock();
        }
        return new Lease() {
            private boolean closed;

            @Override
            public void close() {
                lock.lock();
                try {
                    if (!closed) {
                        closed = true;
                        left = System.nanoTime();
                        if (--active == 0) {
                            quiet.signalAll();
                        }
                    }
                } finally {
                    lock.unlock();
                }
            }
        };
    }

    /**
     * Blocks until it is quiet, but at most for {@code patience}: under a load that never pauses the pools would otherwise
     * stay empty and every create would take the slow path for good.
     */
    public void awaitQuiet(Duration patience) throws InterruptedException {
        long until = System.nanoTime() + patience.toNanos();
        lock.lock();
        try {
            for (long now = System.nanoTime(); now < until; now = System.nanoTime()) {
                long pause = left + PAUSE.toNanos() - now;
                if (active == 0 && pause <= 0) {
                    return;
                }
                long longest = active > 0 ? until - now : Math.min(pause, until - now);
                quiet.awaitNanos(longest);
            }
        } finally {
            lock.unlock();
        }
    }

    /** How many are waited for now. */
    public int active() {
        lock.lock();
        try {
            return active;
        } finally {
            lock.unlock();
        }
    }
}
