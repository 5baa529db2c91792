package dev.holt.node.interpreter.jupyter;

import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.zeromq.SocketType;
import org.zeromq.ZContext;
import org.zeromq.ZMQ;

/** One ZeroMQ socket, connected to one port of a kernel. Everything is done on the thread of {@link KernelSockets}. */
final class KernelSocket {
    /**
     * How many whole messages of iopub ZeroMQ keeps between its thread and ours. Small, so that few large ones are in memory; what waits
     * longer waits in the network's and then in the kernel's own queue. Not smaller: JeroMQ wakes its thread for every part of one
     * message in half as many, which with a queue of 1 is the larger part of what short code costs.
     */
    static final int QUEUE = 8;
    /** Replies are few, one for each request. */
    private static final int REPLIES = 16;

    private static final int RECONNECT_MILLISECONDS = 200;
    private static final int RECONNECT_MAXIMUM_MILLISECONDS = 5000;
    private static final int HANDSHAKE_MILLISECONDS = 10_000;
    private static final Duration HANDING_OVER = Duration.ofMillis(20);
    private static final int EVENTS = ZMQ.EVENT_DISCONNECTED | ZMQ.EVENT_CONNECT_RETRIED;

    private final KernelLink link;
    private final Channel channel;
    private final FrameAllocator allocator;
    private final ZMQ.Socket socket;
    private final SelectionKey key;
    private final AtomicBoolean breaking = new AtomicBoolean();
    private boolean disconnected;
    private boolean closed;
    private boolean nothing;

    /** Begins to connect to {@code port}. */
    KernelSocket(KernelSockets owner, ZContext context, Selector selector, KernelLink link, Channel channel, int port) {
        this.link = link;
        this.channel = channel;
        this.allocator = new FrameAllocator(owner.memory(), bytes -> {
            link.fail(tooLarge(bytes));
            owner.execute(this::abandonLink);
        });
        this.socket = context.createSocket(channel == Channel.IOPUB ? SocketType.SUB : SocketType.DEALER);
        socket.setLinger(0);
        socket.setRcvHWM(channel == Channel.IOPUB ? QUEUE : REPLIES);
        socket.setMsgAllocator(allocator);
        socket.setHandshakeIvl(HANDSHAKE_MILLISECONDS);
        // A link is never reconnected, it is replaced. JeroMQ takes an interval of -1 for "never" only after a
        // connection broke.
        socket.setReconnectIVL(RECONNECT_MILLISECONDS);
        socket.setReconnectIVLMax(RECONNECT_MAXIMUM_MILLISECONDS);
        socket.setEventHook(event -> breaking(owner), EVENTS);
        if (channel == Channel.IOPUB) {
            socket.subscribe(ZMQ.SUBSCRIPTION_ALL);
        }
        if (channel == Channel.SHELL || channel == Channel.STDIN) {
            link.identity().ifPresent(socket::setIdentity);
        }
        socket.connect("tcp://" + link.address().getHostAddress() + ":" + port);
        try {
            key = socket.getFD().register(selector, SelectionKey.OP_READ, this);
        } catch (ClosedChannelException impossible) {
            throw new IllegalStateException("the socket was opened a moment ago", impossible);
        }
    }

    private static KernelFailure tooLarge(long bytes) {
        return new KernelFailure(
                KernelFailure.Kind.TOO_LARGE,
                bytes > FrameAllocator.FRAME_MAXIMUM
                        ? "the kernel sent " + bytes + " bytes as one message; the most is "
                                + FrameAllocator.FRAME_MAXIMUM
                        : "the kernel sent more at once than this host keeps in memory at the moment");
    }

    /** On ZeroMQ's thread, which tells of the end of a connection before it hands over the last that came on it. */
    private void breaking(KernelSockets owner) {
        if (breaking.compareAndSet(false, true)) {
            link.markBreaking();
            Thread.startVirtualThread(() -> {
                try {
                    Thread.sleep(HANDING_OVER);
                } catch (InterruptedException nobodyInterruptsIt) {
                    Thread.currentThread().interrupt();
                }
                owner.execute(() -> {
                    disconnected = true;
                    owner.markReady(this);
                });
            });
        }
    }

    private void abandonLink() {
        link.closeSockets();
    }

    /** Gives the link up, because the socket failed in a way that it must not. */
    void abandon(RuntimeException failure) {
        link.fail(new KernelFailure(
                KernelFailure.Kind.DISCONNECTED, "the connection to the kernel failed: " + failure.getMessage()));
        link.closeSockets();
    }

    Channel channel() {
        return channel;
    }

    void send(List<byte[]> parts) {
        if (closed) {
            return;
        }
        for (int i = 0; i < parts.size(); i++) {
            // Never waits: nothing else fills the queue, and what does not fit is a kernel that reads nothing.
            socket.send(parts.get(i), ZMQ.DONTWAIT | (i + 1 < parts.size() ? ZMQ.SNDMORE : 0));
        }
    }

    /** Whether the last {@link #read} found nothing at all. */
    boolean foundNothing() {
        return nothing;
    }

    /** What reading left to be done. */
    enum Reading {
        /** Nothing: whatever comes wakes the selector. */
        DRY,
        /** There is more. */
        MORE,
        /** There may be more, and the link has no room: {@link #resume} is called when it has. */
        FULL
    }

    /** Reads at most {@code count} messages. */
    Reading read(int count) {
        nothing = false;
        for (int i = 0; i < count; i++) {
            if (closed) {
                return Reading.DRY;
            }
            if (!link.hasRoom(channel)) {
                key.interestOps(0);
                return Reading.FULL;
            }
            byte[] first = socket.recv(ZMQ.DONTWAIT);
            if (first == null) {
                nothing = i == 0;
                if (disconnected) {
                    link.broke(this);
                }
                return Reading.DRY;
            }
            link.received(this, message(first));
        }
        return Reading.MORE;
    }

    private List<byte[]> message(byte[] first) {
        List<byte[]> parts = new ArrayList<>(7);
        byte[] part = first;
        parts.add(part);
        while (socket.hasReceiveMore()) {
            part = socket.recv(ZMQ.DONTWAIT);
            if (part == null) {
                break;
            }
            parts.add(part);
        }
        return parts;
    }

    void resume() {
        if (!closed) {
            key.interestOps(SelectionKey.OP_READ);
        }
    }

    /** A message of those parts is nobody's any more. Any thread may say so. */
    void release(List<byte[]> parts) {
        for (byte[] part : parts) {
            allocator.release(part.length);
        }
    }

    void close(ZContext context) {
        if (!closed) {
            closed = true;
            key.cancel();
            context.destroySocket(socket);
            allocator.close();
        }
    }

    /** Whatever the selector has to say of it. */
    static @Nullable KernelSocket of(SelectionKey key) {
        return (KernelSocket) key.attachment();
    }
}
