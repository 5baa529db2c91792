package dev.holt.node.guest;

import java.nio.ByteBuffer;
import java.time.Duration;

/**
 * The connection with one process: its output, its end, its input. One thread polls, one sends input; closing from any thread
 * breaks both off and leaves the process running.
 */
public final class ProcessStream implements AutoCloseable {
    private static final Quiet QUIET = new Quiet();

    private final AgentConnection connection;
    private final int pid;
    private final long startId;

    ProcessStream(AgentConnection connection, Frame started) {
        this.connection = connection;
        Payload payload = started.payload();
        this.pid = payload.size();
        this.startId = payload.u64();
        payload.end();
    }

    /** What {@link #poll} found. */
    public sealed interface News {}

    /** Nothing came in time. */
    public record Quiet() implements News {}

    /** Output, as it was read: 1 byte to 64 KiB. */
    public record Output(Channel channel, byte[] data) implements News {}

    /** The answer to the oldest input frame not answered yet: 0, or the Linux error number. */
    public record InputTaken(int error) implements News {}

    /** The process is gone and all its output was told; nothing more will come. */
    public record Exit(boolean bySignal, int code, boolean coreDumped) implements News {}

    /** Where output was written to. */
    public enum Channel {
        OUT,
        ERR,
        TERMINAL
    }

    /** Its pid in the guest. */
    public int pid() {
        return pid;
    }

    /** Tells it from others that had the same pid. */
    public long startId() {
        return startId;
    }

    /** Waits for news, at most {@code patience} (zero: without end). */
    public News poll(Duration patience) {
        Frame frame = connection.poll(patience);
        if (frame == null) {
            return QUIET;
        }
        return switch (frame.type()) {
            case FrameType.OUT -> new Output(Channel.OUT, frame.bytes());
            case FrameType.ERR -> new Output(Channel.ERR, frame.bytes());
            case FrameType.PTY -> new Output(Channel.TERMINAL, frame.bytes());
            case FrameType.INPUT_ACK -> {
                Payload payload = frame.payload();
                int error = payload.u32();
                payload.end();
                yield new InputTaken(error);
            }
            case FrameType.EXIT -> {
                Payload payload = frame.payload();
                int kind = payload.u8();
                int code = payload.u32();
                boolean core = payload.bool();
                payload.end();
                if (kind > 1) {
                    throw GuestFailure.protocol("an exit of kind " + kind);
                }
                yield new Exit(kind == 1, code, core);
            }
            case FrameType.ERROR -> throw frame.failure();
            default -> throw GuestFailure.protocol("a frame of type 0x%02x from a process".formatted(frame.type()));
        };
    }

    /** Whether {@link #poll} would return at once with what has arrived already. */
    public boolean hasMore() {
        return connection.hasBufferedFrame();
    }

    /** The most bytes in one {@link #sendInput}. */
    public static final int INPUT_MAXIMUM = FrameType.STREAM_MAXIMUM;

    /** Sends input; answered by one {@link InputTaken} once the process's pipe or terminal has it. */
    public void sendInput(ByteBuffer data) {
        if (data.remaining() > INPUT_MAXIMUM) {
            throw new IllegalArgumentException("at most " + INPUT_MAXIMUM + " bytes of input at a time");
        }
        connection.send(
                new FrameBuilder().header(FrameType.STDIN, data.remaining()).build(), data);
    }

    /** Closes stdin; answered by one {@link InputTaken}. */
    public void closeInput() {
        connection.send(new FrameBuilder().frame(FrameType.CLOSE_STDIN).build());
    }

    @Override
    public void close() {
        connection.close();
    }
}
