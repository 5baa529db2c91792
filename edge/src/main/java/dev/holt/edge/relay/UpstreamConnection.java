package dev.holt.edge.relay;

import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * One TCP connection to a server in a sandbox, blocking. One thread reads while another may write; any thread may close it,
 * which ends both. Sockets that belong to a channel are read into direct buffers, which saves two copies.
 */
final class UpstreamConnection implements AutoCloseable {
    private final Socket socket;
    private final @Nullable SocketChannel channel;
    private final int port;
    private final UpstreamConnections owner;
    private final AtomicBoolean closed = new AtomicBoolean();

    /** When it became idle, from {@link System#nanoTime}; guarded by the owner. */
    long idleSince;

    UpstreamConnection(Socket socket, int port, UpstreamConnections owner) throws IOException {
        this.socket = socket;
        this.channel = socket.getChannel();
        this.port = port;
        this.owner = owner;
        socket.setTcpNoDelay(true);
    }

    int port() {
        return port;
    }

    /** Whether buffers for this connection should be direct. */
    boolean direct() {
        return channel != null;
    }

    /** Waits for bytes and puts them at the buffer's position; -1 at the end of the stream. */
    int read(ByteBuffer buffer) throws IOException {
        if (channel != null) {
            return channel.read(buffer);
        }
        int read = socket.getInputStream()
                .read(buffer.array(), buffer.arrayOffset() + buffer.position(), buffer.remaining());
        if (read > 0) {
            buffer.position(buffer.position() + read);
        }
        return read;
    }

    /** Whether a read would return without waiting, as far as is known. */
    boolean ready() throws IOException {
        return socket.getInputStream().available() > 0;
    }

    /** Writes everything in {@code buffers}. */
    void write(ByteBuffer... buffers) throws IOException {
        if (channel != null) {
            ByteBuffer last = buffers[buffers.length - 1];
            while (last.hasRemaining() || (buffers.length > 1 && anyRemaining(buffers))) {
                channel.write(buffers);
            }
            return;
        }
        byte[] joined = new byte[(int) remaining(buffers)];
        int at = 0;
        for (ByteBuffer buffer : buffers) {
            int length = buffer.remaining();
            buffer.get(joined, at, length);
            at += length;
        }
        socket.getOutputStream().write(joined);
    }

    private static boolean anyRemaining(ByteBuffer[] buffers) {
        return remaining(buffers) > 0;
    }

    private static long remaining(ByteBuffer[] buffers) {
        long sum = 0;
        for (ByteBuffer buffer : buffers) {
            sum += buffer.remaining();
        }
        return sum;
    }

    /** Tells the server that nothing more comes. */
    void shutdownOutput() throws IOException {
        socket.shutdownOutput();
    }

    /** Offers the connection for the next exchange. It must be between two exchanges, with nothing unread. */
    void giveBack() {
        owner.giveBack(this);
    }

    boolean isClosed() {
        return closed.get();
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            owner.closed(this);
            try {
                socket.close();
            } catch (IOException ignored) {
                // A socket that fails to close is closed all the same.
            }
        }
    }
}
