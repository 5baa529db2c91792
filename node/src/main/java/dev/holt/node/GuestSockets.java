package dev.holt.node;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The connections that clients have to the servers of one guest. They break when the sandbox ends or is paused: a killed gVisor guest sends
 * no reset, so its peers would wait for good.
 */
final class GuestSockets {
    private static final int CONNECT_MILLIS = 1000;
    private static final int TRIES = 5;
    private static final int FEW = 16;
    private static final Duration HELD_MAXIMUM = Duration.ofSeconds(60);

    private final Set<Socket> open = ConcurrentHashMap.newKeySet(1);
    /** At how many it is worth looking for those that were closed meanwhile. */
    private volatile int manyOpen = FEW;

    private volatile boolean broken;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition released = lock.newCondition();
    private boolean held;

    /** Lets whoever wants to connect wait until {@link #release}: a suspended guest would accept and never answer. */
    void hold() {
        lock.lock();
        try {
            held = true;
        } finally {
            lock.unlock();
        }
    }

    /** Lets everybody connect again. */
    void release() {
        lock.lock();
        try {
            held = false;
            released.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void awaitRelease() throws IOException {
        long left = HELD_MAXIMUM.toNanos();
        lock.lock();
        try {
            while (held && left > 0) {
                left = released.awaitNanos(left);
            }
            if (held) {
                throw new IOException(
                        "the sandbox is being captured and did not go on within " + HELD_MAXIMUM.toSeconds() + " s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while the sandbox is being captured");
        } finally {
            lock.unlock();
        }
    }

    /**
     * Connects; the socket has a channel. A guest that is too busy to answer is asked again; one that refuses is not.
     *
     * @throws java.net.ConnectException when nothing listens there
     */
    Socket connect(InetSocketAddress address) throws IOException {
        awaitRelease();
        for (int attempt = 1; ; attempt++) {
            Socket socket = SocketChannel.open().socket();
            try {
                socket.setTcpNoDelay(true);
                socket.connect(address, CONNECT_MILLIS);
                remember(socket);
                if (broken) {
                    throw new IOException("the sandbox stopped");
                }
                return socket;
            } catch (SocketTimeoutException e) {
                socket.close();
                if (attempt == TRIES) {
                    throw e;
                }
            } catch (IOException | RuntimeException e) {
                socket.close();
                throw e;
            }
        }
    }

    /** Forgets those that were closed whenever their number may have doubled: a socket does not tell when it is closed. */
    private void remember(Socket socket) {
        open.add(socket);
        if (open.size() > manyOpen) {
            open.removeIf(Socket::isClosed);
            manyOpen = Math.max(FEW, 2 * open.size());
        }
    }

    /** Takes new connections again. */
    void allow() {
        broken = false;
    }

    /** Closes every connection, for whoever is reading or writing too, and refuses new ones until they are allowed again. */
    void breakAll() {
        broken = true;
        release();
        breakOpen();
    }

    /** Closes every connection, for whoever is reading or writing too. */
    void breakOpen() {
        for (Socket socket : open) {
            try {
                socket.close();
            } catch (IOException e) {
                continue; // it is gone either way
            }
        }
        open.clear();
    }
}
