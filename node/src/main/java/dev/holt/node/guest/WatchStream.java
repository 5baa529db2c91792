package dev.holt.node.guest;

import java.time.Duration;
import java.util.Optional;

/** A directory being watched. One thread polls; closing from another breaks that off. */
public final class WatchStream implements AutoCloseable {
    private static final int KIND_MAXIMUM = 5;

    private final AgentConnection connection;

    WatchStream(AgentConnection connection) {
        this.connection = connection;
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
        Frame frame = connection.poll(patience);
        if (frame == null) {
            return new Quiet();
        }
        if (frame.type() == FrameType.END) {
            return new Ended();
        }
        if (frame.type() == FrameType.OK) {
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

    /** Asks for a {@link Synced} behind all that has happened up to now. Not from several threads at once. */
    public void sync() {
        connection.send(new FrameBuilder().frame(FrameType.PING).build());
    }

    /** Whether {@link #poll} would return at once with what has arrived already. */
    public boolean hasMore() {
        return connection.hasBufferedFrame();
    }

    @Override
    public void close() {
        connection.close();
    }
}
