package dev.holt.edge.relay;

import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.net.ConnectException;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** Every connection to one sandbox: those in use, so that they can be cut, and the idle ones of each port. */
final class UpstreamConnections {
    /** Node.js closes a silent connection after 5 seconds, uvicorn as well: be earlier. */
    static final Duration LONGEST_IDLE = Duration.ofSeconds(4);

    /** Idle connections kept for one port. */
    private static final int MOST_IDLE = 64;

    /** A server that is just being started gets this long to listen; in all 95 ms, so that a closed port is told soon. */
    private static final long[] DIAL_AGAIN_AFTER_MILLIS = {5, 15, 30, 45};

    private final Node node;
    private final SandboxId sandbox;
    private final ReentrantLock lock = new ReentrantLock();
    private final Set<UpstreamConnection> open = new HashSet<>();
    private final Map<Integer, Deque<UpstreamConnection>> idle = new HashMap<>();
    private int exchanges;
    private boolean ended;

    /** How often all were cut. A connection that was opened before a cut and comes after it is dead as well. */
    private int cuts;

    UpstreamConnections(Node node, SandboxId sandbox) {
        this.node = node;
        this.sandbox = sandbox;
    }

    /** Counts one more exchange unless there are {@code most} already. */
    boolean enter(int most) {
        lock.lock();
        try {
            if (exchanges >= most) {
                return false;
            }
            exchanges++;
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Ends what {@link #enter} began. */
    void leave() {
        lock.lock();
        try {
            exchanges--;
        } finally {
            lock.unlock();
        }
    }

    /** The idle connection to {@code port} that was used last, or null. */
    @Nullable
    UpstreamConnection takeIdle(int port) {
        lock.lock();
        try {
            Deque<UpstreamConnection> waiting = idle.get(port);
            return waiting == null ? null : waiting.pollFirst();
        } finally {
            lock.unlock();
        }
    }

    void giveBack(UpstreamConnection connection) {
        boolean kept;
        lock.lock();
        try {
            Deque<UpstreamConnection> waiting = idle.computeIfAbsent(connection.port(), port -> new ArrayDeque<>());
            kept = !ended && waiting.size() < MOST_IDLE;
            if (kept) {
                connection.idleSince = System.nanoTime();
                waiting.addFirst(connection);
            }
        } finally {
            lock.unlock();
        }
        if (!kept) {
            connection.close();
        }
    }

    void closed(UpstreamConnection connection) {
        lock.lock();
        try {
            open.remove(connection);
            Deque<UpstreamConnection> waiting = idle.get(connection.port());
            if (waiting != null) {
                waiting.remove(connection);
            }
        } finally {
            lock.unlock();
        }
    }

    /** A new connection to {@code port}; a refused one is tried again for a moment. */
    UpstreamConnection dial(int port) throws RelayFailure {
        for (int attempt = 0; ; attempt++) {
            try {
                return connect(port);
            } catch (ConnectException refused) {
                if (attempt == DIAL_AGAIN_AFTER_MILLIS.length) {
                    throw new RelayFailure(RelayFailure.Kind.PORT_CLOSED, "nothing listens on port " + port, refused);
                }
                pause(DIAL_AGAIN_AFTER_MILLIS[attempt]);
            } catch (NodeException failure) {
                RelayFailure.Kind kind = switch (failure.kind()) {
                    case NOT_FOUND -> RelayFailure.Kind.NO_SANDBOX;
                    case CONFLICT -> RelayFailure.Kind.NOT_RUNNING;
                    default -> RelayFailure.Kind.BAD_SERVER;
                };
                throw new RelayFailure(kind, "The sandbox can't be reached at the moment", failure);
            } catch (IOException failure) {
                throw new RelayFailure(
                        RelayFailure.Kind.BAD_SERVER, "The sandbox can't be reached at the moment", failure);
            }
        }
    }

    private UpstreamConnection connect(int port) throws IOException {
        int before = cuts();
        Socket socket = node.open(sandbox, port);
        UpstreamConnection connection;
        try {
            connection = new UpstreamConnection(socket, port, this);
        } catch (IOException failure) {
            socket.close();
            throw failure;
        }
        boolean over;
        boolean rests;
        lock.lock();
        try {
            over = ended;
            rests = cuts != before;
            if (!over && !rests) {
                open.add(connection);
            }
        } finally {
            lock.unlock();
        }
        if (over || rests) {
            connection.close();
            if (over) {
                throw new IOException("the sandbox ended");
            }
            throw new NodeException(NodeException.Kind.CONFLICT, "sandbox " + sandbox + " stopped running");
        }
        return connection;
    }

    private static void pause(long millis) throws RelayFailure {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new RelayFailure(RelayFailure.Kind.BAD_SERVER, "The edge is stopping", stop);
        }
    }

    /** Closes what was idle too long; true when nothing is left to look after. */
    boolean sweep() {
        long now = System.nanoTime();
        List<UpstreamConnection> old = new ArrayList<>();
        boolean unused;
        lock.lock();
        try {
            for (Deque<UpstreamConnection> waiting : idle.values()) {
                for (UpstreamConnection connection : waiting) {
                    if (now - connection.idleSince > LONGEST_IDLE.toNanos()) {
                        old.add(connection);
                    }
                }
            }
            idle.values().removeIf(Deque::isEmpty);
            unused = open.isEmpty() && exchanges == 0;
        } finally {
            lock.unlock();
        }
        old.forEach(UpstreamConnection::close);
        return unused;
    }

    private int cuts() {
        lock.lock();
        try {
            return cuts;
        } finally {
            lock.unlock();
        }
    }

    /** Takes every connection out of use; what is returned closes them. Later ones are fine. */
    Runnable cut() {
        List<UpstreamConnection> all;
        lock.lock();
        try {
            cuts++;
            idle.clear();
            all = List.copyOf(open);
        } finally {
            lock.unlock();
        }
        return () -> all.forEach(UpstreamConnection::close);
    }

    /** Cuts every connection, now and to come: the sandbox is gone. */
    void end() {
        List<UpstreamConnection> all;
        lock.lock();
        try {
            ended = true;
            all = List.copyOf(open);
        } finally {
            lock.unlock();
        }
        all.forEach(UpstreamConnection::close);
    }
}
