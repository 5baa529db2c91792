package dev.holt.node.guest;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The connection with one process: its output, its end, its input. One thread polls, one sends input; closing from any thread
 * breaks both off and leaves the process running. While the connections of the agent are held it is quiet, and goes on behind that.
 */
public final class ProcessStream extends AgentStream {
    private static final Quiet QUIET = new Quiet();

    private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(10);

    private final int pid;
    private final long startId;
    /** Whoever sends input has it. */
    private final ReentrantLock sending = new ReentrantLock();
    /** What the agent has not answered. Guarded by the stream's lock. */
    private final Deque<Input> unanswered = new ArrayDeque<>();

    /** @param data null closes it */
    private record Input(byte @Nullable [] data) {
        void send(AgentConnection connection) {
            if (data == null) {
                connection.send(new FrameBuilder().frame(FrameType.CLOSE_STDIN).build());
            } else {
                connection.send(
                        new FrameBuilder().header(FrameType.STDIN, data.length).build(), ByteBuffer.wrap(data));
            }
        }
    }

    ProcessStream(ConnectionPool pool, AgentConnection connection, Frame started) {
        super(pool, connection);
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
        Frame frame = next(patience);
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
                answered();
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

    /** The most bytes in one {@link #sendInput}. */
    public static final int INPUT_MAXIMUM = FrameType.STREAM_MAXIMUM;

    /** Sends input; answered by one {@link InputTaken} once the process's pipe or terminal has it. */
    public void sendInput(ByteBuffer data) {
        if (data.remaining() > INPUT_MAXIMUM) {
            throw new IllegalArgumentException("at most " + INPUT_MAXIMUM + " bytes of input at a time");
        }
        byte[] bytes = new byte[data.remaining()];
        data.get(bytes);
        send(new Input(bytes));
    }

    /** Closes stdin; answered by one {@link InputTaken}. */
    public void closeInput() {
        send(new Input(null));
    }

    private void answered() {
        lock.lock();
        try {
            unanswered.poll();
        } finally {
            lock.unlock();
        }
    }

    /** What is sent while nobody is attached goes out when somebody is again. */
    private void send(Input input) {
        sending.lock();
        try {
            AgentConnection target;
            lock.lock();
            try {
                unanswered.add(input);
                target = current();
            } finally {
                lock.unlock();
            }
            if (target != null) {
                input.send(target);
            }
        } catch (GuestUnreachable broken) {
            if (current() != null && !isDetaching()) {
                throw broken;
            }
        } finally {
            sending.unlock();
        }
    }

    @Override
    FrameBuilder reattachRequest() {
        return new FrameBuilder().frame(FrameType.ATTACH).u32(pid).u64(startId);
    }

    @Override
    int reattachAnswer() {
        return FrameType.STARTED;
    }

    /** The agent took so many bytes of the oldest input that it has not answered. */
    @Override
    void detached(Payload payload) {
        int taken = payload.size();
        Input oldest = unanswered.peek();
        if (oldest == null || oldest.data == null || taken > oldest.data.length) {
            if (taken != 0) {
                throw GuestFailure.protocol(taken + " bytes taken of input that was not sent");
            }
        } else if (taken > 0) {
            unanswered.poll();
            unanswered.addFirst(new Input(Arrays.copyOfRange(oldest.data, taken, oldest.data.length)));
        }
    }

    @Override
    void becomeAttached(AgentConnection attached, Runnable publish) {
        sending.lock();
        try {
            List<Input> again;
            lock.lock();
            try {
                again = List.copyOf(unanswered);
                publish.run();
            } finally {
                lock.unlock();
            }
            again.forEach(input -> input.send(attached));
        } finally {
            sending.unlock();
        }
    }

    /** Not on its own connection, from which the agent reads no more while the process does not take its input. */
    @Override
    void askToDetach(AgentConnection own, AgentConnection other, int seconds) {
        other.send(new FrameBuilder()
                .frame(FrameType.DETACH)
                .u32(pid)
                .u64(startId)
                .u32(seconds)
                .build());
        other.receive(ANSWER_TIMEOUT).expect(FrameType.OK);
    }

    @Override
    boolean isLast(Frame frame) {
        return frame.type() == FrameType.EXIT;
    }
}
