package dev.holt.node;

import dev.holt.node.pool.Lease;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Work that nobody waits for until the node closes: closing waits for all of it, and for the work that it starts in turn. */
final class Background implements Executor, Lease {
    private static final Logger log = LoggerFactory.getLogger(Background.class);

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition idle = lock.newCondition();
    private int running;

    @Override
    public void execute(Runnable work) {
        count(1);
        Thread.ofVirtual().name("background").start(() -> {
            try {
                work.run();
            } catch (RuntimeException e) {
                log.error("work in the background failed", e);
            } finally {
                count(-1);
            }
        });
    }

    private void count(int change) {
        lock.lock();
        try {
            running += change;
            if (running == 0) {
                idle.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        lock.lock();
        try {
            while (running > 0) {
                idle.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }
}
