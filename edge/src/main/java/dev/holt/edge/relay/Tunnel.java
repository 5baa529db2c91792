package dev.holt.edge.relay;

import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.ByteBufferPool;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.RetainableByteBuffer;
import org.eclipse.jetty.util.Blocker;
import org.eclipse.jetty.util.BufferUtil;
import org.jspecify.annotations.Nullable;

/**
 * What a connection becomes when client and server switch protocols, a WebSocket for example: bytes both ways, ends of
 * stream included. It is never idle for too long. What the client sends is moved by the server's dispatch, what the sandbox
 * sends by a virtual thread.
 */
final class Tunnel extends AbstractConnection implements Connection.UpgradeTo {
    private static final int BUFFER_BYTES = 16 * 1024;

    /** How long the server may be silent after the client ended its half; nobody would notice that client vanish. */
    private static final long HALF_OPEN_MILLIS = 60_000;

    private final ByteBufferPool buffers;
    private final UpstreamConnection upstream;
    private final byte[] early;
    private final Runnable lease;
    private final AtomicInteger halves = new AtomicInteger(2);
    private final AtomicBoolean ended = new AtomicBoolean();
    private final AtomicLong fromServer = new AtomicLong();
    private @Nullable ByteBuffer fromClient;

    /**
     * A tunnel that starts when it is opened.
     *
     * @param early bytes that came from the server behind its 101
     * @param lease run once at the end
     */
    Tunnel(
            EndPoint client,
            Executor executor,
            ByteBufferPool buffers,
            UpstreamConnection upstream,
            byte[] early,
            Runnable lease) {
        super(client, executor);
        this.buffers = buffers;
        this.upstream = upstream;
        this.early = early;
        this.lease = lease;
    }

    @Override
    public void onUpgradeTo(ByteBuffer buffer) {
        fromClient = BufferUtil.copy(buffer);
    }

    @Override
    public void onOpen() {
        super.onOpen();
        getEndPoint().setIdleTimeout(0);
        Thread.startVirtualThread(this::moveToClient);
        Thread.startVirtualThread(this::onFillable);
    }

    /** Moves what the client has sent, then waits to be called again. */
    @Override
    public void onFillable() {
        RetainableByteBuffer.Mutable pooled = buffers.acquire(BUFFER_BYTES, upstream.direct());
        try {
            ByteBuffer first = fromClient;
            if (first != null) {
                fromClient = null;
                upstream.write(first);
            }
            ByteBuffer buffer = pooled.getByteBuffer();
            while (true) {
                BufferUtil.clear(buffer);
                int filled = getEndPoint().fill(buffer);
                if (filled == 0) {
                    fillInterested();
                    return;
                }
                if (filled < 0) {
                    clientEnded();
                    return;
                }
                upstream.write(buffer);
            }
        } catch (IOException failure) {
            breakBoth(failure);
        } finally {
            pooled.release();
        }
    }

    private void clientEnded() throws IOException {
        upstream.shutdownOutput();
        if (halves.decrementAndGet() == 0) {
            end();
        } else {
            Thread.startVirtualThread(this::watchHalfOpen);
        }
    }

    private void watchHalfOpen() {
        long seen = -1;
        try {
            while (!ended.get() && seen != fromServer.get()) {
                seen = fromServer.get();
                Thread.sleep(HALF_OPEN_MILLIS);
            }
            end();
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    private void moveToClient() {
        RetainableByteBuffer.Mutable pooled = buffers.acquire(BUFFER_BYTES, upstream.direct());
        try {
            if (early.length > 0) {
                write(ByteBuffer.wrap(early));
            }
            ByteBuffer buffer = pooled.getByteBuffer();
            while (true) {
                buffer.clear();
                int read = upstream.read(buffer);
                if (read < 0) {
                    break;
                }
                buffer.flip();
                fromServer.addAndGet(read);
                write(buffer);
            }
            getEndPoint().shutdownOutput();
            if (halves.decrementAndGet() == 0) {
                end();
            }
        } catch (IOException failure) {
            breakBoth(failure);
        } finally {
            BufferUtil.clear(pooled.getByteBuffer());
            pooled.release();
        }
    }

    private void write(ByteBuffer buffer) throws IOException {
        try (Blocker.Callback blocker = Blocker.callback()) {
            getEndPoint().write(blocker, buffer);
            blocker.block();
        }
    }

    /** Resets the client's connection, so that the break is not taken for an end. */
    private void breakBoth(IOException failure) {
        if (!ended.get() && getEndPoint().getTransport() instanceof SocketChannel channel) {
            try {
                channel.setOption(StandardSocketOptions.SO_LINGER, 0);
            } catch (IOException alreadyClosed) {
                failure.addSuppressed(alreadyClosed);
            }
        }
        end();
    }

    private void end() {
        if (ended.compareAndSet(false, true)) {
            upstream.close();
            getEndPoint().close();
            lease.run();
        }
    }

    @Override
    public void onFillInterestedFailed(Throwable cause) {
        end();
    }

    @Override
    public void onClose(@Nullable Throwable cause) {
        super.onClose(cause);
        end();
    }

    @Override
    public boolean onIdleExpired(TimeoutException timeout) {
        return false;
    }
}
