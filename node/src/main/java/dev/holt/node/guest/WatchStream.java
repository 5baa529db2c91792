package dev.holt.node.guest;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A directory being watched. One thread polls; closing from another breaks that off. While the connections of the agent are held it is
 * quiet; the guest's kernel keeps what happens meanwhile.
 */
public final class WatchStream extends AgentStream {
    private static final int KIND_MAXIMUM = 5;

    /** Whoever sends has it. */
    private final ReentrantLock sending = new ReentrantLock();
    /** By which the agent knows it while it is detached. */
    private long id;
    /** How many {@link #sync} are not answered. Guarded by the stream's lock, as the id is. */
    private int syncs;

    WatchStream(ConnectionPool pool, AgentConnection connection) {
        super(pool, connection);
    }

    /** What {@link #poll} found. */
    public sealed interface News {}

    /** Nothing happened. */
    public record Quiet() implements News {}

    /** The answer to the oldest {@link #sync} not answered yet: all that had happened before it was told. */
    public record Synced() implements News {}

    /** The watched directory itself is gone; nothing more will come. */
    public record Ended() implements News {}

    /**
     * Something happened.
     *
     * @param path relative to the watched directory
     * @param entry what is there now, if that was asked for and makes sense
     */
    public record Event(Kind kind, String path, Optional<GuestEntry> entry) implements News {}

    /** What happened to an entry. */
    public enum Kind {
        CREATE,
        WRITE,
        REMOVE,
        RENAME,
        CHMOD
    }

    /**
     * Waits for an event.
     *
     * @param patience how long; zero is without end
     * @throws GuestFailure EOVERFLOW when events were lost
     */
    public News poll(Duration patience) {
        Frame frame = next(patience);
        if (frame == null) {
            return new Quiet();
        }
        if (frame.type() == FrameType.END) {
            return new Ended();
        }
        if (frame.type() == FrameType.OK) {
            answered();
            return new Synced();
        }
        Payload payload = frame.expect(FrameType.EVENT).payload();
        int kind = payload.u8();
        if (kind < 1 || kind > KIND_MAXIMUM) {
            throw GuestFailure.protocol("an event of kind " + kind);
        }
        String path = payload.text();
        Optional<GuestEntry> entry = payload.bool() ? Optional.of(GuestEntry.decode(payload)) : Optional.empty();
        payload.end();
        return new Event(Kind.values()[kind - 1], path, entry);
    }

    /** Asks for a {@link Synced} behind all that has happened up to now. */
    public void sync() {
        sending.lock();
        try {
            AgentConnection target;
            lock.lock();
            try {
                syncs++;
                target = current();
            } finally {
                lock.unlock();
            }
            if (target != null) {
                target.send(new FrameBuilder().frame(FrameType.PING).build());
            }
        } catch (GuestUnreachable broken) {
            if (current() != null && !isDetaching()) {
                throw broken;
            }
        } finally {
            sending.unlock();
        }
    }

    private void answered() {
        lock.lock();
        try {
            syncs--;
        } finally {
            lock.unlock();
        }
    }

    @Override
    FrameBuilder reattachRequest() {
        return new FrameBuilder().frame(FrameType.REWATCH).u64(id);
    }

    @Override
    int reattachAnswer() {
        return FrameType.OK;
    }

    @Override
    void detached(Payload payload) {
        id = payload.u64();
    }

    @Override
    void becomeAttached(AgentConnection attached, Runnable publish) {
        sending.lock();
        try {
            int again;
            lock.lock();
            try {
                again = syncs;
                publish.run();
            } finally {
                lock.unlock();
            }
            for (int i = 0; i < again; i++) {
                attached.send(new FrameBuilder().frame(FrameType.PING).build());
            }
        } finally {
            sending.unlock();
        }
    }

    @Override
    void askToDetach(AgentConnection own, AgentConnection other, int seconds) {
        sending.lock();
        try {
            own.send(new FrameBuilder().frame(FrameType.DETACH).u32(seconds).build());
        } finally {
            sending.unlock();
        }
    }

    @Override
    boolean isLast(Frame frame) {
        return frame.type() == FrameType.END || frame.type() == FrameType.ERROR;
    }
}
