package dev.holt.node.guest;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;

/**
 * A file of the guest that is being written. {@link #finish} makes it whole; closing without it leaves what was written so far.
 * One thread at a time.
 */
public final class FileSink implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    /** How many bytes go out between two looks for an early error. */
    private static final long LOOK_AFTER = 4 * 1024 * 1024;

    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

    /**
     * What to write to.
     *
     * @param mode permission bits of a file that is new
     * @param offset where to begin without truncating; empty truncates and begins at 0
     * @param attributePrefix existing attributes that begin with it are replaced by {@code attributes}; empty leaves them
     */
    public record Target(
            String user,
            String path,
            int mode,
            OptionalLong offset,
            String attributePrefix,
            List<GuestEntry.Attribute> attributes) {
        public Target {
            attributes = List.copyOf(attributes);
        }

        FrameBuilder encode() {
            FrameBuilder frame = new FrameBuilder()
                    .frame(FrameType.WRITE)
                    .text(user)
                    .text(path)
                    .u32(mode);
            frame.u64(offset.isEmpty() ? 0 : offset.getAsLong() + 1)
                    .text(attributePrefix)
                    .u32(attributes.size());
            attributes.forEach(attribute -> frame.text(attribute.name()).bytes(attribute.value()));
            return frame;
        }
    }

    private enum State {
        /** WRITE was not sent. */
        NEW,
        /** The agent said OK. */
        OPEN,
        DONE
    }

    private final ConnectionPool pool;
    private final AgentConnection connection;
    private final Target target;
    private State state = State.NEW;
    private long sent;
    private long lookAt = LOOK_AFTER;

    FileSink(ConnectionPool pool, AgentConnection connection, Target target) {
        this.pool = pool;
        this.connection = connection;
        this.target = target;
    }

    /** Opens the file now, for callers that must know that it can be before they read what to write. */
    public void open() {
        if (state == State.NEW) {
            connection.send(target.encode().build());
            awaitOpen();
        }
    }

    /** Writes all that remains in {@code data}. */
    public void write(ByteBuffer data) {
        while (data.hasRemaining()) {
            int count = Math.min(data.remaining(), FrameType.DATA_MAXIMUM);
            FrameBuilder frames = state == State.NEW ? target.encode() : new FrameBuilder();
            ByteBuffer part = data.slice(data.position(), count);
            connection.send(frames.header(FrameType.DATA, count).build(), part);
            data.position(data.position() + count);
            sent += count;
            if (state == State.NEW) {
                awaitOpen();
            } else if (sent >= lookAt) {
                lookAt = sent + LOOK_AFTER;
                if (connection.hasNews()) {
                    throw earlyFailure();
                }
            }
        }
    }

    /** The file is whole with all that was written. */
    public GuestEntry finish() {
        return finish(NOTHING);
    }

    /** The file is whole with these last bytes; for small files the only exchange there is. */
    public GuestEntry finish(ByteBuffer last) {
        if (last.remaining() > FrameType.DATA_MAXIMUM) {
            write(last);
        }
        int count = last.remaining();
        boolean opening = state == State.NEW;
        FrameBuilder frames = opening ? target.encode() : new FrameBuilder();
        ByteBuffer end =
                new FrameBuilder().frame(FrameType.END).u64(sent + count).build();
        if (count > 0) {
            connection.send(frames.header(FrameType.DATA, count).build(), last, end);
        } else {
            connection.send(frames.build(), end);
        }
        if (opening) {
            awaitOpen();
        }
        Frame answer = connection.receive(PATIENCE);
        state = State.DONE;
        if (answer.type() == FrameType.ERROR || answer.type() == FrameType.ENTRY) {
            pool.giveBack(connection);
        } else {
            connection.close();
        }
        Payload payload = answer.expect(FrameType.ENTRY).payload();
        GuestEntry entry = GuestEntry.decode(payload);
        payload.end();
        return entry;
    }

    private void awaitOpen() {
        Frame answer = connection.receive(PATIENCE);
        if (answer.type() != FrameType.OK) {
            // Frames may be on their way that the agent would take for requests.
            state = State.DONE;
            connection.close();
        }
        answer.expect(FrameType.OK);
        state = State.OPEN;
    }

    private GuestFailure earlyFailure() {
        Frame answer = connection.receive(PATIENCE);
        state = State.DONE;
        connection.close();
        return answer.type() == FrameType.ERROR
                ? answer.failure()
                : GuestFailure.protocol("a frame of type 0x%02x during a write".formatted(answer.type()));
    }

    @Override
    public void close() {
        if (state == State.NEW) {
            state = State.DONE;
            pool.giveBack(connection);
        } else if (state == State.OPEN) {
            state = State.DONE;
            connection.close();
        }
    }
}
