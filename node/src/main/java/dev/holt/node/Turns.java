package dev.holt.node;

import dev.holt.nodeapi.NodeException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The one lock of a sandbox: who may change it, who waits how long, and who has to give way. */
final class Turns {
    private static final Logger log = LoggerFactory.getLogger(Turns.class);

    private final Sandbox sandbox;
    private final ReentrantLock lock = new ReentrantLock();
    /** Who has it for a flow that has a deadline, and whether it was told that its time is over. */
    private volatile @Nullable Thread worker;

    private volatile boolean workerTold;
    private volatile boolean endWanted;

    Turns(Sandbox sandbox) {
        this.sandbox = sandbox;
    }

    /** Whether somebody has it this moment. */
    boolean busy() {
        return lock.isLocked();
    }

    /** Does {@code work} when nobody else changes the sandbox, however long that takes. */
    <T> T take(Supplier<T> work) {
        lock.lock();
        try {
            return work.get();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Does {@code work} when nobody else changes the sandbox.
     *
     * @throws NodeException CONFLICT when somebody else did for all of {@code patience}
     */
    <T> T take(Duration patience, Supplier<T> work) {
        boolean locked = false;
        try {
            locked = lock.tryLock(patience.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (!locked) {
            throw new NodeException(
                    NodeException.Kind.CONFLICT,
                    "sandbox " + sandbox.id() + " has been " + sandbox.phase().words() + " for the "
                            + patience.toSeconds() + " s that this call waited; try again later");
        }
        try {
            return work.get();
        } finally {
            lock.unlock();
        }
    }

    /** As {@link #take(Duration, Supplier)}, and {@link #endOverdue} ends it. */
    <T> T takeInTime(Duration patience, Supplier<T> work) {
        return take(patience, () -> {
            workerTold = false;
            worker = Thread.currentThread();
            try {
                return work.get();
            } finally {
                worker = null;
            }
        });
    }

    /** Does {@code work} if nobody else changes the sandbox right now, and nothing otherwise. */
    void whenFree(Runnable work) {
        if (lock.tryLock()) {
            try {
                work.run();
            } finally {
                lock.unlock();
            }
        }
    }

    /** Interrupts, once, whoever has brought the sandbox into a transition whose time is over. */
    void endOverdue(Instant now) {
        Thread working = worker;
        boolean overdue = sandbox.entry()
                .transition()
                .map(way -> way.until().isBefore(now))
                .orElse(false);
        if (overdue && working != null && !workerTold) {
            workerTold = true;
            log.warn(
                    "sandbox {} has been {} for longer than it may",
                    sandbox.id(),
                    sandbox.phase().words());
            working.interrupt();
        }
    }

    /** Whoever has it is to give way at its next step, because the sandbox is to be ended. */
    void wantEnd() {
        endWanted = true;
    }

    boolean endWanted() {
        return endWanted;
    }
}
