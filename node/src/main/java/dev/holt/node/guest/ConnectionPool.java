package dev.holt.node.guest;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections to one agent. Whoever takes one gives it back when it is unary again, or closes it. Few are kept, and none
 * for long: an idle sandbox has none at all.
 *
 * <p>While it is held nobody gets one, and those that are out are waited for, then closed: a checkpoint would break them at any byte.
 */
final class ConnectionPool implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ConnectionPool.class);
    private static final int IDLE_MAXIMUM = 4;
    private static final Duration IDLE_TIME = Duration.ofSeconds(20);
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
    /** How long somebody waits for a connection while they are held: longer than any capture should take. */
    private static final Duration HELD_MAXIMUM = Duration.ofSeconds(60);

    private final InetSocketAddress address;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<Idle> idle = new ArrayDeque<>();
    /** All of them. */
    private final Set<AgentConnection> open = new HashSet<>();
    /** Those that a request is out on, streams not among them. */
    private final Set<AgentConnection> busy = new HashSet<>();

    private final Set<AgentStream> streams = new LinkedHashSet<>();
    private volatile AgentToken token;
    /** How many are being made for requests. */
    private int connecting;

    private boolean preparing;
    private boolean reaping;
    private Gate gate = Gate.OPEN;
    private String reason = "";

    private enum Gate {
        OPEN,
        /** Whoever wants a connection waits. */
        HELD,
        /** Nobody gets one until it is opened again. */
        CUT,
        /** For good. */
        CLOSED
    }

    private record Idle(AgentConnection connection, long since) {}

    ConnectionPool(InetSocketAddress address, AgentToken token) {
        this.address = address;
        this.token = token;
    }

    /** What the agent demands from now on; answers what it demanded before. */
    AgentToken token(AgentToken next) {
        AgentToken former = token;
        token = next;
        return former;
    }

    /** A connection that was good a moment ago, or a new one. */
    AgentConnection take() {
        for (AgentConnection kept = pollIdle(); kept != null; kept = pollIdle()) {
            if (kept.isAlive()) {
                return kept;
            }
            kept.close();
        }
        return connect(CONNECT_TIMEOUT);
    }

    /**
     * Sees to it that the next one who takes a connection need not wait for it to be made, unless one is idle anyway. Returns at once, and
     * never fails.
     */
    void prepare() {
        lock.lock();
        try {
            if (gate != Gate.OPEN || preparing || !idle.isEmpty()) {
                return;
            }
            preparing = true;
        } finally {
            lock.unlock();
        }
        Thread.ofVirtual().name("guest-connection-" + address).start(() -> {
            try {
                giveBack(connect(CONNECT_TIMEOUT));
            } catch (GuestFailure e) {
                log.debug("no connection to {} was made ahead of need", address, e);
            } finally {
                lock.lock();
                try {
                    preparing = false;
                } finally {
                    lock.unlock();
                }
            }
        });
    }

    /** A new connection. */
    AgentConnection connect(Duration timeout) {
        while (!enter()) {
            awaitOpen();
        }
        @Nullable AgentConnection connection = null;
        try {
            connection = open(timeout);
            return connection;
        } finally {
            lock.lock();
            try {
                connecting--;
                if (connection != null) {
                    busy.add(connection);
                }
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    private boolean enter() {
        lock.lock();
        try {
            connecting += gate == Gate.OPEN ? 1 : 0;
            return gate == Gate.OPEN;
        } finally {
            lock.unlock();
        }
    }

    /** One for whoever holds the others. */
    AgentConnection open(Duration timeout) {
        Holder holder = new Holder();
        AgentConnection connection = AgentConnection.open(address, token, timeout, holder::closed);
        lock.lock();
        try {
            if (gate != Gate.CLOSED) {
                holder.connection = connection;
                open.add(connection);
                return connection;
            }
        } finally {
            lock.unlock();
        }
        connection.close();
        throw closedFailure();
    }

    private static GuestUnreachable closedFailure() {
        return new GuestUnreachable("this client of the guest agent was closed");
    }

    private final class Holder {
        private @Nullable AgentConnection connection;

        void closed() {
            lock.lock();
            try {
                if (connection != null) {
                    open.remove(connection);
                    busy.remove(connection);
                    changed.signalAll();
                }
            } finally {
                lock.unlock();
            }
        }
    }

    private void awaitOpen() {
        if (!awaitOpen(HELD_MAXIMUM)) {
            throw new GuestUnreachable(
                    "the sandbox is being captured and did not go on within " + HELD_MAXIMUM.toSeconds() + " s");
        }
    }

    /**
     * Waits while the connections are held.
     *
     * @param patience zero: as long as it takes
     * @return false when they still are
     * @throws GuestCutOff when they were cut
     */
    boolean awaitOpen(Duration patience) {
        long left = patience.isZero() ? Long.MAX_VALUE : patience.toNanos();
        lock.lock();
        try {
            while (gate == Gate.HELD && left > 0) {
                left = changed.awaitNanos(left);
            }
            return switch (gate) {
                case OPEN -> true;
                case HELD -> false;
                case CUT -> throw new GuestCutOff(reason);
                case CLOSED -> throw closedFailure();
            };
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new GuestUnreachable("interrupted while the connections to the guest agent were held");
        } finally {
            lock.unlock();
        }
    }

    private @Nullable AgentConnection pollIdle() {
        awaitOpen();
        lock.lock();
        try {
            Idle kept = gate == Gate.OPEN ? idle.pollLast() : null;
            if (kept != null) {
                busy.add(kept.connection);
            }
            return kept == null ? null : kept.connection;
        } finally {
            lock.unlock();
        }
    }

    /** The connection is a stream's from now on. */
    void becameStream(AgentConnection connection, AgentStream stream) {
        lock.lock();
        try {
            busy.remove(connection);
            streams.add(stream);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    void streamEnded(AgentStream stream) {
        lock.lock();
        try {
            streams.remove(stream);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Gives nobody a connection from now on, waits until those that are out are back, and closes those that are not back in
     * time, and all that are idle.
     *
     * @param cutOff why nobody is to wait either
     * @return the streams that there are
     */
    List<AgentStream> hold(Duration patience, Optional<String> cutOff) {
        long left = patience.toNanos();
        List<AgentConnection> late;
        lock.lock();
        try {
            if (gate == Gate.CLOSED) {
                throw closedFailure();
            }
            gate = cutOff.isPresent() ? Gate.CUT : Gate.HELD;
            reason = cutOff.orElse("");
            changed.signalAll();
            while (connecting + busy.size() > 0 && left > 0) {
                left = changed.awaitNanos(left);
            }
            late = List.copyOf(busy);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new GuestUnreachable("interrupted while waiting for what the guest agent was asked");
        } finally {
            lock.unlock();
        }
        String why = cutOff.orElse("broken off because the sandbox is being captured: try again");
        late.forEach(connection -> connection.close(why));
        closeIdle();
        lock.lock();
        try {
            return List.copyOf(streams);
        } finally {
            lock.unlock();
        }
    }

    /** Called when the streams have no connections either: closes what came late. */
    void becameQuiet() {
        List<AgentConnection> late;
        lock.lock();
        try {
            late = gate == Gate.OPEN ? List.of() : List.copyOf(open);
        } finally {
            lock.unlock();
        }
        late.forEach(connection -> connection.close("the sandbox is being captured"));
    }

    /** Gives connections out again; answers the streams that there are. */
    List<AgentStream> release() {
        lock.lock();
        try {
            if (gate != Gate.CLOSED) {
                gate = Gate.OPEN;
                changed.signalAll();
            }
            return List.copyOf(streams);
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
                if (gate == Gate.OPEN && idle.size() < IDLE_MAXIMUM) {
                    busy.remove(connection);
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
            gate = Gate.CLOSED;
            idle.clear();
            all = List.copyOf(open);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        all.forEach(AgentConnection::close);
    }
}
