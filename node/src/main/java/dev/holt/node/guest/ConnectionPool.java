package dev.holt.node.guest;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The connections to one agent. Whoever takes one gives it back when it is unary again, or closes it. Few are kept, and none
 * for long: an idle sandbox has none at all.
 */
final class ConnectionPool implements AutoCloseable {
    private static final int IDLE_MAXIMUM = 4;
    private static final Duration IDLE_TIME = Duration.ofSeconds(20);
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);

    private final InetSocketAddress address;
    private final AgentToken token;
    private final ReentrantLock lock = new ReentrantLock();
    private final Deque<Idle> idle = new ArrayDeque<>();
    private final Set<AgentConnection> open = new HashSet<>();
    private boolean reaping;
    private boolean closed;

    private record Idle(AgentConnection connection, long since) {}

    ConnectionPool(InetSocketAddress address, AgentToken token) {
        this.address = address;
        this.token = token;
    }

    /** A connection that was good a moment ago, or a new one. */
    AgentConnection take() {
        for (Idle kept = pollIdle(); kept != null; kept = pollIdle()) {
            if (kept.connection.isAlive()) {
                return kept.connection;
            }
            kept.connection.close();
        }
        return connect(CONNECT_TIMEOUT);
    }

    /** A new connection. */
    AgentConnection connect(Duration timeout) {
        Holder holder = new Holder();
        AgentConnection connection = AgentConnection.open(address, token, timeout, holder::closed);
        lock.lock();
        try {
            if (!closed) {
                holder.connection = connection;
                open.add(connection);
                return connection;
            }
        } finally {
            lock.unlock();
        }
        connection.close();
        throw new GuestUnreachable("this client of the guest agent was closed");
    }

    private final class Holder {
        private @Nullable AgentConnection connection;

        void closed() {
            lock.lock();
            try {
                if (connection != null) {
                    open.remove(connection);
                }
            } finally {
                lock.unlock();
            }
        }
    }

    private @Nullable Idle pollIdle() {
        lock.lock();
        try {
            return idle.pollLast();
        } finally {
            lock.unlock();
        }
    }

    /** Takes back a connection that is unary and between two requests. */
    void giveBack(AgentConnection connection) {
        boolean kept = false;
        if (connection.rest()) {
            lock.lock();
            try {
                if (!closed && idle.size() < IDLE_MAXIMUM) {
                    idle.addLast(new Idle(connection, System.nanoTime()));
                    kept = true;
                    if (!reaping) {
                        reaping = true;
                        Thread.ofVirtual().name("guest-connections-" + address).start(this::reap);
                    }
                }
            } finally {
                lock.unlock();
            }
        }
        if (!kept) {
            connection.close();
        }
    }

    /** Lives only while something is idle. */
    private void reap() {
        for (boolean more = true; more; ) {
            try {
                Thread.sleep(IDLE_TIME);
            } catch (InterruptedException nobodyInterruptsIt) {
                Thread.currentThread().interrupt();
            }
            List<AgentConnection> old = new ArrayList<>();
            lock.lock();
            try {
                long now = System.nanoTime();
                while (!idle.isEmpty() && now - idle.peekFirst().since >= IDLE_TIME.toNanos()) {
                    old.add(idle.pollFirst().connection);
                }
                more = !idle.isEmpty();
                reaping = more;
            } finally {
                lock.unlock();
            }
            old.forEach(AgentConnection::close);
        }
    }

    /** Closes what is idle now. */
    void closeIdle() {
        List<Idle> all;
        lock.lock();
        try {
            all = List.copyOf(idle);
            idle.clear();
        } finally {
            lock.unlock();
        }
        all.forEach(kept -> kept.connection.close());
    }

    @Override
    public void close() {
        List<AgentConnection> all;
        lock.lock();
        try {
            closed = true;
            idle.clear();
            all = List.copyOf(open);
        } finally {
            lock.unlock();
        }
        all.forEach(AgentConnection::close);
    }
}
