package dev.holt.node.pool;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Counts the work that somebody waits for, so that work ahead of need can step aside: a create {@link #enter}s, a pool's refill
 * {@link #awaitQuiet}s before each thing that it makes.
 */
public final class Foreground {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition quiet = lock.newCondition();
    private int active;

    /** Somebody waits until the returned lease is closed. */
    public Lease enter() {
        lock.lock();
        try {
            active++;
        } finally {
            lock.unlock();
        }
        return new Lease() {
            private boolean left;

            @Override
            public void close() {
                lock.lock();
                try {
                    if (!left) {
                        left = true;
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
     * Blocks while somebody waits, but at most for {@code patience}: under a load that never pauses the pools would otherwise
     * stay empty and every create would take the slow path for good.
     */
    public void awaitQuiet(Duration patience) throws InterruptedException {
        long left = patience.toNanos();
        lock.lock();
        try {
            while (active > 0 && left > 0) {
                left = quiet.awaitNanos(left);
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
