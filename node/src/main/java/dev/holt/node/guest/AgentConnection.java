package dev.holt.node.guest;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * One connection to the agent: whole frames in and out, blocking. One thread reads and one writes at a time; closing from any
 * other thread wakes both with a {@link GuestUnreachable}. Holds no buffer while it is idle.
 */
final class AgentConnection implements AutoCloseable {
    private static final int INPUT_BYTES = 8 * 1024;
    private static final byte[] NO_BYTES = new byte[0];
    /** How long the rest of a frame may take whose beginning is there. */
    private static final Duration STALL_MAXIMUM = Duration.ofSeconds(60);

    private final SocketChannel channel;
    private final InputStream stream;
    private final Runnable onClose;

    /** Why we closed it, if that is worth telling whoever uses it. */
    private volatile @Nullable String closedBecause;

    private @Nullable ByteBuffer unsentHello;
    /** That of the agent; 0 until it is known. */
    private int version;
    /** OK frames that are still to come and of no interest. */
    private int unreadOks;

    private boolean requestStarted;
    private boolean reused;
    private byte[] input = NO_BYTES;
    private int inputStart;
    private int inputEnd;

    private AgentConnection(SocketChannel channel, InputStream stream, AgentToken token, Runnable onClose) {
        this.channel = channel;
        this.stream = stream;
        this.onClose = onClose;
        this.unsentHello = new FrameBuilder()
                .frame(FrameType.HELLO)
                .u32(FrameType.MAGIC)
                .u16(FrameType.GREETING_VERSION)
                .raw(HexFormat.of().parseHex(token.hex()))
                .build();
    }

    /** Connects; HELLO goes out with the first request. */
    static AgentConnection open(InetSocketAddress address, AgentToken token, Duration timeout, Runnable onClose) {
        SocketChannel channel = null;
        try {
            channel = SocketChannel.open();
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            channel.socket().connect(address, (int) Math.max(1, timeout.toMillis()));
            return new AgentConnection(channel, channel.socket().getInputStream(), token, onClose);
        } catch (IOException failure) {
            closeQuietly(channel);
            throw new GuestUnreachable("no connection to the guest agent at " + address, failure);
        }
    }

    /** Sends all of {@code parts}, behind HELLO if that was not sent yet. */
    void send(ByteBuffer... parts) {
        ByteBuffer[] buffers = parts;
        requestStarted = false;
        ByteBuffer hello = unsentHello;
        if (hello != null) {
            buffers = new ByteBuffer[parts.length + 1];
            buffers[0] = hello;
            System.arraycopy(parts, 0, buffers, 1, parts.length);
            unsentHello = null;
        }
        try {
            long left = 0;
            for (ByteBuffer buffer : buffers) {
                left += buffer.remaining();
            }
            while (left > 0) {
                left -= buffers.length == 1 ? channel.write(buffers[0]) : channel.write(buffers);
                requestStarted = true;
            }
        } catch (IOException failure) {
            throw broken(failure);
        }
    }

    /** Whether any byte of what was sent last was taken by the network, so that the agent may have acted on it. */
    boolean requestStarted() {
        return requestStarted;
    }

    /** Whether an earlier request was answered on it. */
    boolean reused() {
        return reused;
    }

    /** The next frame; a connection on which nothing comes for {@code patience} (zero: ever) is broken. */
    Frame receive(Duration patience) {
        Frame frame = poll(patience);
        if (frame == null) {
            close();
            throw new GuestUnreachable("the guest agent did not answer within " + patience);
        }
        return frame;
    }

    /** The next frame, or null when none began within {@code patience}; zero waits as long as it takes. */
    @Nullable
    Frame poll(Duration patience) {
        if (version == 0) {
            Frame welcome = pollAny(patience);
            if (welcome == null) {
                return null;
            }
            checkWelcome(welcome);
        }
        while (unreadOks > 0) {
            Frame ok = pollAny(patience);
            if (ok == null) {
                return null;
            }
            ok.expect(FrameType.OK);
            unreadOks--;
        }
        return pollAny(patience);
    }

    /** An OK will come that nobody waits for. */
    void ignoreOk() {
        unreadOks++;
    }

    private void checkWelcome(Frame frame) {
        Payload payload = frame.expect(FrameType.WELCOME).payload();
        int told = payload.u16();
        payload.text();
        payload.text();
        payload.end();
        if (told == 0) {
            throw GuestFailure.protocol("version 0");
        }
        version = told;
    }

    /** The protocol's version that the agent speaks; 0 until it has answered something. */
    int version() {
        return version;
    }

    private @Nullable Frame pollAny(Duration patience) {
        try {
            if (inputStart == inputEnd && !fill(patience)) {
                return null;
            }
            while (inputEnd - inputStart < FrameType.HEADER_BYTES) {
                fillOrFail();
            }
            int length = headerLength();
            int type = input[inputStart + Integer.BYTES];
            inputStart += FrameType.HEADER_BYTES;
            byte[] payload = new byte[length - 1];
            int buffered = Math.min(payload.length, inputEnd - inputStart);
            System.arraycopy(input, inputStart, payload, 0, buffered);
            inputStart += buffered;
            channel.socket().setSoTimeout((int) STALL_MAXIMUM.toMillis());
            for (int at = buffered; at < payload.length; ) {
                int count = stream.read(payload, at, payload.length - at);
                if (count < 0) {
                    throw ended();
                }
                at += count;
            }
            return new Frame(type, payload);
        } catch (IOException failure) {
            throw broken(failure);
        }
    }

    /** Begins a frame whose payload is taken with {@link #readPayload}: its type and how many bytes follow. */
    FrameHead receiveHead(Duration patience) {
        try {
            while (inputEnd - inputStart < FrameType.HEADER_BYTES) {
                if (!fill(patience)) {
                    close();
                    throw new GuestUnreachable("the guest agent sent nothing for " + patience);
                }
            }
            int length = headerLength();
            int type = input[inputStart + Integer.BYTES];
            inputStart += FrameType.HEADER_BYTES;
            return new FrameHead(type, length - 1);
        } catch (IOException failure) {
            throw broken(failure);
        }
    }

    /** The beginning of a frame. */
    record FrameHead(int type, int payloadBytes) {}

    /** Reads between 1 and {@code maximum} bytes of a payload into {@code target}, straight from the socket if none are buffered. */
    int readPayload(ByteBuffer target, int maximum) {
        int wanted = Math.min(maximum, target.remaining());
        int buffered = Math.min(wanted, inputEnd - inputStart);
        if (buffered > 0) {
            target.put(input, inputStart, buffered);
            inputStart += buffered;
            return buffered;
        }
        int limit = target.limit();
        target.limit(target.position() + wanted);
        try {
            int count = channel.read(target);
            if (count < 0) {
                throw ended();
            }
            return count;
        } catch (IOException failure) {
            throw broken(failure);
        } finally {
            target.limit(limit);
        }
    }

    /** Whether a whole frame can be had without waiting for the network. */
    boolean hasBufferedFrame() {
        if (inputEnd - inputStart < FrameType.HEADER_BYTES) {
            return false;
        }
        int length = ByteBuffer.wrap(input, inputStart, Integer.BYTES).getInt();
        return length > 0 && length <= inputEnd - inputStart - Integer.BYTES;
    }

    /** Whether the agent has sent something, or has gone, without waiting. */
    boolean hasNews() {
        if (inputStart < inputEnd) {
            return true;
        }
        try {
            channel.configureBlocking(false);
            try {
                makeRoom();
                int count = channel.read(ByteBuffer.wrap(input, inputEnd, input.length - inputEnd));
                inputEnd += Math.max(count, 0);
                return count != 0;
            } finally {
                channel.configureBlocking(true);
            }
        } catch (IOException failure) {
            return true;
        }
    }

    /** Whether it can be kept for another request; gives its buffer back. */
    boolean rest() {
        reused = true;
        if (inputStart != inputEnd || !channel.isOpen()) {
            return false;
        }
        input = NO_BYTES;
        inputStart = 0;
        inputEnd = 0;
        return true;
    }

    /** Whether a kept connection still serves: the only thing that may be waiting are answers that nobody waits for. */
    boolean isAlive() {
        return !hasNews() || (unreadOks > 0 && inputStart < inputEnd);
    }

    private int headerLength() {
        int length = ByteBuffer.wrap(input, inputStart, Integer.BYTES).getInt();
        if (length < 1 || length > FrameType.LENGTH_MAXIMUM) {
            close();
            throw GuestFailure.protocol("a frame of " + Integer.toUnsignedString(length) + " bytes");
        }
        return length;
    }

    /** Reads something behind what is there; false when nothing came in time. */
    private boolean fill(Duration patience) throws IOException {
        makeRoom();
        channel.socket().setSoTimeout((int) Math.min(Integer.MAX_VALUE, patience.toMillis()));
        int count;
        try {
            count = stream.read(input, inputEnd, input.length - inputEnd);
        } catch (SocketTimeoutException timeout) {
            return false;
        }
        if (count < 0) {
            throw ended();
        }
        inputEnd += count;
        return true;
    }

    private void fillOrFail() throws IOException {
        if (!fill(STALL_MAXIMUM)) {
            close();
            throw new GuestUnreachable("the guest agent stopped in the middle of a frame");
        }
    }

    private void makeRoom() {
        if (input.length == 0) {
            input = new byte[INPUT_BYTES];
        }
        if (inputStart == inputEnd) {
            inputStart = 0;
            inputEnd = 0;
        } else if (inputEnd == input.length) {
            System.arraycopy(input, inputStart, input, 0, inputEnd - inputStart);
            inputEnd -= inputStart;
            inputStart = 0;
        }
    }

    private GuestUnreachable ended() {
        close();
        String reason = closedBecause;
        return new GuestUnreachable(reason == null ? "the guest agent closed the connection" : reason);
    }

    private GuestUnreachable broken(IOException failure) {
        close();
        String reason = closedBecause;
        return reason == null
                ? new GuestUnreachable("the connection to the guest agent broke", failure)
                : new GuestUnreachable(reason);
    }

    /** Breaks off whatever is done with it, which fails with this reason. */
    void close(String because) {
        closedBecause = because;
        close();
    }

    @Override
    public void close() {
        onClose.run();
        closeQuietly(channel);
    }

    private static void closeQuietly(@Nullable SocketChannel channel) {
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException alreadyUseless) {
                // Nothing can be done with it any more in either case.
            }
        }
    }
}
