package dev.holt.node.envd;

import dev.holt.node.guest.ProcessStream;
import dev.holt.wire.connect.ConnectFailure;
import dev.holt.wire.process.ProcessEvent;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** A client that is told of a process. The process's pump writes to it; the request's own thread waits for its end. */
final class Subscriber {
    /** What has become of it. */
    enum State {
        /** It is being told. */
        OPEN,
        /** It was told everything, the end included, or an error in its place. */
        TOLD,
        /** Its client went away. */
        GONE,
        /** The sandbox went away. */
        BROKEN
    }

    private final StreamAnswer answer;
    private final Duration keepalive;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private volatile State state = State.OPEN;

    Subscriber(StreamAnswer answer, Duration keepalive) {
        this.answer = answer;
        this.keepalive = keepalive;
    }

    /** What it is told first; goes out with the next {@link #flush}, so that it can be subscribed before. */
    void start(int pid) {
        answer.add(ProcessEvents.start(answer.format(), pid));
    }

    void output(ProcessStream.Output output) {
        if (state == State.OPEN) {
            answer.add(ProcessEvents.output(answer.format(), output));
        }
    }

    void flush() {
        write(answer::flush);
    }

    void end(ProcessEvent.EndEvent end) {
        answer.add(ProcessEvents.end(answer.format(), end));
        write(answer::end);
        become(State.TOLD);
    }

    /** The stream ends with an error. */
    void fail(ConnectFailure failure) {
        write(() -> answer.end(failure));
        become(State.TOLD);
    }

    void clientGone() {
        become(State.GONE);
    }

    void breakOff() {
        become(State.BROKEN);
    }

    State state() {
        return state;
    }

    private interface Write {
        void run() throws IOException;
    }

    private void write(Write write) {
        if (state != State.OPEN) {
            return;
        }
        try {
            write.run();
        } catch (IOException gone) {
            become(State.GONE);
        }
    }

    private void become(State next) {
        lock.lock();
        try {
            if (state == State.OPEN) {
                state = next;
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until it is over or {@code deadline} has come (then {@link State#OPEN}), telling the client now and then that the
     * stream is alive.
     */
    State await(Deadline deadline) {
        while (state == State.OPEN && !deadline.isOver()) {
            long untilKeepalive = answer.lastWrite() + keepalive.toNanos() - System.nanoTime();
            if (untilKeepalive <= 0) {
                write(() -> answer.send(ProcessEvents.keepalive(answer.format())));
            } else {
                pause(Math.min(untilKeepalive, deadline.nanosLeft()));
            }
        }
        return state;
    }

    private void pause(long nanos) {
        lock.lock();
        try {
            if (state == State.OPEN) {
                changed.awaitNanos(Math.max(nanos, TimeUnit.MICROSECONDS.toNanos(100)));
            }
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
            state = State.BROKEN;
        } finally {
            lock.unlock();
        }
    }
}
