package dev.holt.node.interpreter.jupyter;

import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The connections to one kernel, from the first message to the first failure: it is never mended, only replaced. One thread at a time
 * takes what comes; while nobody is {@link #attend}ing, what comes is dropped. When that thread falls behind, nothing more is read
 * of the kernel, whose own queue then fills.
 */
public final class KernelLink implements AutoCloseable {
    /** How much may wait here to be taken, while something is there already. */
    private static final int QUEUE_BYTES = 256 * 1024;
    /** How long the others may go on when one connection of a kernel has broken. */
    private static final Duration OTHERS = Duration.ofMillis(500);

    private final KernelSockets sockets;
    private final InetAddress address;
    private final KernelPorts ports;
    private final MessageCodec codec;
    /** What the kernel knows this client by on shell and stdin: it asks back whoever sent the request. Empty: it can't ask. */
    private final Optional<byte[]> identity;

    /** Of the sockets' thread alone. */
    private final Map<Channel, KernelSocket> open = new EnumMap<>(Channel.class);
    /** Those of them that are at their end. Of the sockets' thread alone. */
    private final Set<KernelSocket> broken = new HashSet<>();

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<Received> queue = new ArrayDeque<>();
    private long heldBytes;
    private boolean attended;
    private boolean woken;
    private boolean paused;
    private @Nullable KernelFailure failure;
    private volatile boolean breaking;

    private record Received(KernelSocket socket, List<byte[]> parts, long bytes) {}

    KernelLink(KernelSockets sockets, InetAddress address, KernelPorts ports, Optional<byte[]> identity) {
        this.identity = identity;
        this.sockets = sockets;
        this.address = address;
        this.ports = ports;
        this.codec = new MessageCodec(ports.key());
    }

    Optional<byte[]> identity() {
        return identity;
    }

    InetAddress address() {
        return address;
    }

    // ---- the thread of the sockets
    // ------------------------------------------------------------------------------------

    void openSockets() {
        if (failure().isEmpty()) {
            socket(Channel.SHELL);
            socket(Channel.IOPUB);
            if (identity.isPresent()) {
                socket(Channel.STDIN); // a question to a socket that is not connected yet would be lost
            }
        }
    }

    private KernelSocket socket(Channel channel) {
        return open.computeIfAbsent(
                channel,
                wanted -> sockets.connect(
                        this,
                        wanted,
                        switch (wanted) {
                            case SHELL -> ports.shell();
                            case IOPUB -> ports.iopub();
                            case CONTROL -> ports.control();
                            case STDIN -> ports.stdin();
                        }));
    }

    /**
     * All of {@code socket} was read and nothing more will come. The link ends when that is so of every socket, for a kernel that dies has
     * perhaps said something on another; or soon.
     */
    void broke(KernelSocket socket) {
        boolean first = broken.isEmpty();
        broken.add(socket);
        if (broken.containsAll(open.values())) {
            end();
        } else if (first) {
            Thread.startVirtualThread(() -> {
                try {
                    Thread.sleep(OTHERS);
                } catch (InterruptedException nobodyInterruptsIt) {
                    Thread.currentThread().interrupt();
                }
                sockets.execute(this::end);
            });
        }
    }

    private void end() {
        fail(new KernelFailure(KernelFailure.Kind.DISCONNECTED, "the connection to the kernel broke"));
        closeSockets();
    }

    void closeSockets() {
        open.values().forEach(sockets::close);
        open.clear();
    }

    /** Whether another message may be read. When not, {@link KernelSocket#resume} follows. */
    boolean hasRoom(Channel channel) {
        lock.lock();
        try {
            boolean room = !attended || heldBytes < QUEUE_BYTES;
            paused |= !room;
            return room;
        } finally {
            lock.unlock();
        }
    }

    void received(KernelSocket socket, List<byte[]> parts) {
        long bytes = 0;
        for (byte[] part : parts) {
            bytes += part.length;
        }
        lock.lock();
        try {
            if (attended && failure == null) {
                queue.add(new Received(socket, parts, bytes));
                heldBytes += bytes;
                changed.signalAll();
                return;
            }
        } finally {
            lock.unlock();
        }
        socket.release(parts);
    }

    // ---- any thread
    // ---------------------------------------------------------------------------------------------------

    /** Ends the link. What came before can still be taken; the first reason counts. */
    public void fail(KernelFailure reason) {
        lock.lock();
        try {
            if (failure == null) {
                failure = reason;
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** On ZeroMQ's thread: a connection has broken, though what came on it was not handed over yet. */
    void markBreaking() {
        breaking = true;
    }

    /** Whether requests reach the kernel, as far as is known. */
    public boolean isGood() {
        return !breaking && failure().isEmpty();
    }

    /** Why it ended, if it has. */
    public Optional<KernelFailure> failure() {
        lock.lock();
        try {
            return Optional.ofNullable(failure);
        } finally {
            lock.unlock();
        }
    }

    /** Whoever waits in {@link #poll} gets nothing, at once. */
    public void wake() {
        lock.lock();
        try {
            woken = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    // ---- whoever attends
    // ----------------------------------------------------------------------------------------------

    /** From now on until {@code false} is said, what comes is kept to be taken. What came before is dropped. */
    public void attend(boolean now) {
        lock.lock();
        try {
            attended = now;
            woken = false;
            while (!queue.isEmpty()) {
                release(queue.poll());
            }
        } finally {
            lock.unlock();
        }
    }

    /** Sends a request; its id. */
    public String send(Channel channel, String type, Object content) {
        String id = codec.newId();
        List<byte[]> parts = codec.encode(id, type, content);
        sockets.execute(() -> {
            if (failure().isEmpty()) {
                socket(channel).send(parts);
            }
        });
        return id;
    }

    /** Sends a message that {@link MessageCodec#seal} made. Any thread may. */
    public void sendParts(Channel channel, List<byte[]> sealed) {
        sockets.execute(() -> {
            if (failure().isEmpty()) {
                socket(channel).send(sealed);
            }
        });
    }

    /** A message, which occupies memory until it is closed. */
    public final class Taken implements AutoCloseable {
        private final Received received;
        private final KernelMessage message;

        private Taken(Received received, KernelMessage message) {
            this.received = received;
            this.message = message;
        }

        public KernelMessage message() {
            return message;
        }

        /** Header, parent header, metadata and content as JSON, then its buffers. */
        public List<byte[]> parts() {
            return MessageCodec.body(received.parts);
        }

        @Override
        public void close() {
            release(received);
        }
    }

    /**
     * The next message of the kernel.
     *
     * @return null when none came within {@code patience}, or {@link #wake} was called
     * @throws KernelFailure when the link has failed and all that came before was taken, or what came is no message
     */
    public @Nullable Taken poll(Duration patience) throws InterruptedException {
        long deadline = System.nanoTime() + patience.toNanos();
        for (; ; ) {
            Received next = next(deadline);
            if (next == null) {
                return null;
            }
            boolean good = false;
            try {
                Optional<KernelMessage> message = codec.decode(next.socket.channel(), next.parts);
                if (message.isPresent()) {
                    good = true;
                    return new Taken(next, message.get());
                }
            } finally {
                if (!good) {
                    release(next);
                }
            }
        }
    }

    private @Nullable Received next(long deadline) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            for (; ; ) {
                if (woken) {
                    woken = false;
                    return null;
                }
                Received next = queue.poll();
                if (next != null) {
                    return next;
                }
                if (failure != null) {
                    throw failure;
                }
                long left = deadline - System.nanoTime();
                if (left <= 0) {
                    return null;
                }
                long unused = changed.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Whether a message waits to be taken. */
    public boolean hasMore() {
        lock.lock();
        try {
            return !queue.isEmpty();
        } finally {
            lock.unlock();
        }
    }

    private void release(Received received) {
        received.socket.release(received.parts);
        lock.lock();
        try {
            heldBytes -= received.bytes;
            if (!paused || heldBytes >= QUEUE_BYTES) {
                return;
            }
            paused = false;
        } finally {
            lock.unlock();
        }
        sockets.execute(this::resume);
    }

    private void resume() {
        for (KernelSocket socket : open.values()) {
            socket.resume();
            sockets.markReady(socket);
        }
    }

    /** Closes the connections. The kernel notices and goes on. */
    @Override
    public void close() {
        fail(new KernelFailure(KernelFailure.Kind.DISCONNECTED, "the connection to the kernel was closed"));
        attend(false);
        sockets.execute(this::closeSockets);
    }
}
