package dev.holt.node.guest;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A connection that one thread reads as long as something lasts, and that outlives the connection itself: before a checkpoint the agent
 * is asked to detach it, which it does behind everything that it had to say; when the connections are released, whoever reads attaches
 * it again. So nothing is lost and nothing comes twice.
 */
abstract sealed class AgentStream implements AutoCloseable permits ProcessStream, WatchStream {
    /** After a release the guest may need a moment until it listens. */
    private static final Duration REATTACH_TIME = Duration.ofSeconds(10);

    private static final Duration REATTACH_STEP = Duration.ofMillis(10);
    private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(60);
    /** What the agent had said and nobody had read when it was detached: what fits into the sockets' buffers, and some. */
    private static final long UNREAD_MAXIMUM = 32L * 1024 * 1024;

    private final ConnectionPool pool;
    /** Whoever reads the connection has it. */
    private final ReentrantLock reading = new ReentrantLock();
    /** Guards all below; never held while anything waits for the agent. */
    final ReentrantLock lock = new ReentrantLock();

    private final Condition detached = lock.newCondition();
    private final Deque<Frame> unread = new ArrayDeque<>();
    /** Null while it is detached. */
    private @Nullable AgentConnection connection;

    private boolean detaching;
    private boolean closed;
    /** The agent has nothing more to say. */
    private boolean over;

    AgentStream(ConnectionPool pool, AgentConnection connection) {
        this.pool = pool;
        this.connection = connection;
    }

    /** Asks for what takes the stream up again. */
    abstract FrameBuilder reattachRequest();

    /** The type of the answer to that. */
    abstract int reattachAnswer();

    /** What DETACHED told; called under the lock. */
    abstract void detached(Payload payload);

    /** Runs {@code publish} under the lock, then sends what the agent has not answered before anybody sends anything else. */
    abstract void becomeAttached(AgentConnection attached, Runnable publish);

    /**
     * Asks the agent to detach it.
     *
     * @param own its connection
     * @param other a unary connection
     * @param seconds how long the agent is to keep what happens until somebody attaches again
     */
    abstract void askToDetach(AgentConnection own, AgentConnection other, int seconds);

    /** Whether nothing comes behind this frame. */
    abstract boolean isLast(Frame frame);

    /** To be called once it is complete. */
    final void register() {
        AgentConnection own = current();
        if (own != null) {
            pool.becameStream(own, this);
        }
    }

    /** Null while it is detached. */
    final @Nullable AgentConnection current() {
        lock.lock();
        try {
            return connection;
        } finally {
            lock.unlock();
        }
    }

    final boolean isDetaching() {
        lock.lock();
        try {
            return detaching;
        } finally {
            lock.unlock();
        }
    }

    /** The next frame, or null when none came within {@code patience}; zero waits as long as it takes. */
    final @Nullable Frame next(Duration patience) {
        long deadline = patience.isZero() ? Long.MAX_VALUE : System.nanoTime() + patience.toNanos();
        while (true) {
            if (!awaitReading(deadline)) {
                return null;
            }
            try {
                Frame kept = unread();
                if (kept != null) {
                    return kept;
                }
                AgentConnection source = current();
                if (source == null) {
                    requireOpen();
                    if (!pool.awaitOpen(left(deadline))) {
                        return null;
                    }
                    reattach();
                    continue;
                }
                Frame frame = source.poll(left(deadline));
                if (frame == null) {
                    return null;
                }
                if (frame.type() != FrameType.DETACHED) {
                    return frame;
                }
                becomeDetached(source, frame);
            } finally {
                reading.unlock();
            }
        }
    }

    private boolean awaitReading(long deadline) {
        try {
            return reading.tryLock(
                    deadline == Long.MAX_VALUE ? Long.MAX_VALUE : Math.max(0, deadline - System.nanoTime()),
                    TimeUnit.NANOSECONDS);
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
            throw new GuestUnreachable("interrupted while reading from the guest agent");
        }
    }

    /** At least a millisecond, because zero is without end. */
    private static Duration left(long deadline) {
        return deadline == Long.MAX_VALUE
                ? Duration.ZERO
                : Duration.ofNanos(Math.max(1_000_000, deadline - System.nanoTime()));
    }

    private @Nullable Frame unread() {
        lock.lock();
        try {
            return unread.poll();
        } finally {
            lock.unlock();
        }
    }

    private void requireOpen() {
        lock.lock();
        try {
            if (closed) {
                throw new GuestUnreachable("the stream from the guest agent was closed");
            }
        } finally {
            lock.unlock();
        }
    }

    private void becomeDetached(AgentConnection from, Frame frame) {
        Payload payload = frame.payload();
        lock.lock();
        try {
            detached(payload);
            payload.end();
            connection = null;
            detaching = false;
            detached.signalAll();
        } finally {
            lock.unlock();
        }
        from.close();
    }

    /**
     * Attaches it again, now that connections are to be had, if nobody reads it: the agent waits for that only for a while, and whoever
     * reads may be waiting for a client.
     */
    final void takeUp() {
        if (!reading.tryLock()) {
            return; // whoever reads it does it
        }
        try {
            if (isToBeTakenUp() && pool.awaitOpen(Duration.ofMillis(1))) {
                reattach();
            }
        } catch (GuestFailure failure) {
            return; // whoever reads next finds out the same
        } finally {
            reading.unlock();
        }
    }

    private boolean isToBeTakenUp() {
        lock.lock();
        try {
            return connection == null && !closed && !over;
        } finally {
            lock.unlock();
        }
    }

    private void reattach() {
        long deadline = System.nanoTime() + REATTACH_TIME.toNanos();
        while (true) {
            try {
                attach();
                return;
            } catch (GuestCutOff cut) {
                throw cut;
            } catch (GuestUnreachable notYet) {
                requireOpen();
                if (System.nanoTime() > deadline) {
                    throw notYet;
                }
            }
            try {
                Thread.sleep(REATTACH_STEP);
            } catch (InterruptedException stopping) {
                Thread.currentThread().interrupt();
                throw new GuestUnreachable("interrupted while taking up a stream again");
            }
        }
    }

    private void attach() {
        AgentConnection fresh = pool.connect(ANSWER_TIMEOUT);
        try {
            fresh.send(reattachRequest().build());
            fresh.receive(ANSWER_TIMEOUT).expect(reattachAnswer());
        } catch (RuntimeException failure) {
            fresh.close();
            throw failure;
        }
        becomeAttached(fresh, () -> connection = fresh);
        pool.becameStream(fresh, this);
        lock.lock();
        try {
            if (!closed) {
                return;
            }
        } finally {
            lock.unlock();
        }
        close(); // it was meanwhile, when there was no connection to close
    }

    /**
     * Begins to detach it; {@link #awaitDetached} is to follow. The connections must be held.
     *
     * @param other a unary connection
     */
    final void beginDetaching(AgentConnection other, int seconds) {
        AgentConnection own;
        lock.lock();
        try {
            own = connection;
            if (own == null || closed) {
                return;
            }
            detaching = true;
        } finally {
            lock.unlock();
        }
        if (own.version() < FrameType.VERSION_DETACH) {
            own.close("the agent of this sandbox is too old to keep its streams over a capture");
            return;
        }
        try {
            askToDetach(own, other, seconds);
        } catch (GuestFailure failure) {
            own.close("broken off because it could not be detached for the sandbox to be captured: " + failure.text());
        }
    }

    /** Breaks it off. */
    final void breakOff(String reason) {
        AgentConnection own = current();
        if (own != null) {
            own.close(reason);
        }
    }

    /** Waits until it is detached or over, reading itself what nobody else reads; breaks it off when that takes too long. */
    final void awaitDetached(long deadline) {
        while (!isDetached()) {
            if (System.nanoTime() > deadline) {
                breakOff("broken off because it could not be detached in time for the sandbox to be captured");
                return;
            }
            if (reading.tryLock()) {
                try {
                    drain(deadline);
                } catch (GuestFailure broken) {
                    return; // whoever reads next finds out the same
                } finally {
                    reading.unlock();
                }
            } else {
                awaitSignal();
            }
        }
    }

    private boolean isDetached() {
        lock.lock();
        try {
            return connection == null || closed;
        } finally {
            lock.unlock();
        }
    }

    private void awaitSignal() {
        lock.lock();
        try {
            if (connection != null && !closed) {
                long left = detached.awaitNanos(TimeUnit.MILLISECONDS.toNanos(1));
                assert left <= TimeUnit.MILLISECONDS.toNanos(1);
            }
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
        } finally {
            lock.unlock();
        }
    }

    /** Keeps what comes until the stream is detached. */
    private void drain(long deadline) {
        long kept = 0;
        for (AgentConnection source = current(); source != null && kept < UNREAD_MAXIMUM; source = current()) {
            Frame frame = source.poll(left(deadline));
            if (frame == null) {
                return;
            }
            if (frame.type() == FrameType.DETACHED) {
                becomeDetached(source, frame);
                return;
            }
            kept += frame.bytes().length;
            lock.lock();
            try {
                unread.add(frame);
                if (isLast(frame)) {
                    over = true;
                    connection = null;
                    source.close();
                    return;
                }
            } finally {
                lock.unlock();
            }
        }
    }

    /** Whether {@link #next} would return at once with what has arrived already. */
    public final boolean hasMore() {
        lock.lock();
        try {
            return !unread.isEmpty() || (connection != null && connection.hasBufferedFrame());
        } finally {
            lock.unlock();
        }
    }

    @Override
    public final void close() {
        AgentConnection own;
        lock.lock();
        try {
            closed = true;
            own = connection;
            detached.signalAll();
        } finally {
            lock.unlock();
        }
        pool.streamEnded(this);
        if (own != null) {
            own.close();
        }
    }
}
