package dev.holt.node.guest;

import java.nio.ByteBuffer;
import java.time.Duration;

/** A file of the guest, open for reading. One thread at a time; closing from another breaks off a read. */
public final class FileSource implements AutoCloseable {
    /** Reads to the end, wherever that is: files of procfs and devices tell no size. */
    public static final long TO_THE_END = -1;

    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private final ConnectionPool pool;
    private final AgentConnection connection;
    private final GuestEntry entry;
    private boolean inRange;
    private int frameLeft;
    private boolean closed;

    private FileSource(ConnectionPool pool, AgentConnection connection, GuestEntry entry, boolean inRange) {
        this.pool = pool;
        this.connection = connection;
        this.entry = entry;
        this.inRange = inRange;
    }

    static FileSource open(ConnectionPool pool, AgentConnection connection, String user, String path, long first) {
        FrameBuilder request =
                new FrameBuilder().frame(FrameType.OPEN).text(user).text(path);
        if (first != 0) {
            request.frame(FrameType.RANGE).u64(0).u64(first);
        }
        connection.send(request.build());
        Frame answer = connection.receive(PATIENCE);
        if (answer.type() == FrameType.ERROR && first == 0) {
            pool.giveBack(connection);
        }
        Payload payload = answer.expect(FrameType.ENTRY).payload();
        GuestEntry entry = GuestEntry.decode(payload);
        payload.end();
        return new FileSource(pool, connection, entry, first != 0);
    }

    /** What was opened. */
    public GuestEntry entry() {
        return entry;
    }

    /** Asks for bytes; all of the range before must have been read. */
    public void range(long offset, long length) {
        if (inRange && frameLeft == 0) {
            endRange(connection.receiveHead(PATIENCE));
        }
        if (inRange) {
            throw new IllegalStateException("the range before was not read to its end");
        }
        connection.send(new FrameBuilder()
                .frame(FrameType.RANGE)
                .u64(offset)
                .u64(length)
                .build());
        inRange = true;
    }

    /**
     * Reads some bytes of the range.
     *
     * @return how many, or -1 at its end, which is where the file ends if that comes first
     */
    public int read(ByteBuffer target) {
        if (!target.hasRemaining()) {
            throw new IllegalArgumentException("no room to read into");
        }
        while (inRange && frameLeft == 0) {
            AgentConnection.FrameHead head = connection.receiveHead(PATIENCE);
            if (head.type() == FrameType.DATA && head.payloadBytes() <= FrameType.DATA_MAXIMUM) {
                frameLeft = head.payloadBytes();
            } else {
                endRange(head);
            }
        }
        if (!inRange) {
            return -1;
        }
        int count = connection.readPayload(target, frameLeft);
        frameLeft -= count;
        return count;
    }

    /** Reads until {@code target} is full or the range ends; the number of bytes read. */
    public int readFully(ByteBuffer target) {
        int total = 0;
        while (target.hasRemaining()) {
            int count = read(target);
            if (count < 0) {
                break;
            }
            total += count;
        }
        return total;
    }

    private void endRange(AgentConnection.FrameHead head) {
        ByteBuffer payload = ByteBuffer.allocate(head.payloadBytes());
        while (payload.hasRemaining()) {
            connection.readPayload(payload, payload.remaining());
        }
        Frame frame = new Frame(head.type(), payload.array());
        inRange = false;
        Payload end;
        try {
            end = frame.expect(FrameType.END).payload();
        } catch (GuestFailure failure) {
            if (frame.type() != FrameType.ERROR) {
                abandon();
            }
            throw failure;
        }
        end.u64();
        end.end();
    }

    private void abandon() {
        closed = true;
        connection.close();
    }

    /** Breaks off whatever another thread does with it. */
    public void abort() {
        connection.close();
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (inRange) {
            connection.close();
            return;
        }
        try {
            connection.send(new FrameBuilder().frame(FrameType.CLOSE).build());
            connection.ignoreOk();
            pool.giveBack(connection);
        } catch (GuestUnreachable gone) {
            connection.close();
        }
    }
}
