package dev.holt.node;

import dev.holt.node.envd.EnvdSandbox;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.metrics.UsageProbe;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.NodeException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What runs of a sandbox, and how clients reach it: it comes and goes with pauses. Changes happen under the sandbox's lock; questions
 * are answered at any time.
 */
final class LiveGuest {
    /** How long requests and transfers that are under way may take to end before they are broken off. */
    private static final Duration UNDER_WAY = Duration.ofSeconds(5);

    /** What exists while something runs that somebody owns. */
    private record Owned(EnvdSandbox envd, UsageProbe probe) {}

    private final Sandbox sandbox;
    private final GuestSockets sockets = new GuestSockets();
    private final Attention attention;
    private volatile @Nullable Body body;
    private volatile @Nullable Owned owned;

    LiveGuest(Sandbox sandbox, Optional<Body> running) {
        this.sandbox = sandbox;
        this.attention = new Attention(
                () -> body().map(Body::instance),
                work -> Thread.ofVirtual().name("attention " + sandbox.id()).start(work),
                System::nanoTime);
        running.ifPresent(first -> {
            this.body = first;
            this.owned = sandbox.entry().claim().isPresent() ? own(first) : null;
        });
    }

    Optional<Body> body() {
        return Optional.ofNullable(body);
    }

    /** What runs; something must. */
    Body running() {
        return body().orElseThrow(() -> new IllegalStateException("nothing of sandbox " + sandbox.id() + " runs"));
    }

    boolean isBody(Body one) {
        return body == one;
    }

    /** What the envd service needs to serve it, while it runs. */
    Optional<EnvdSandbox> envd() {
        Owned now = owned;
        if (now == null || !serves()) {
            return Optional.empty();
        }
        attention.asked();
        return Optional.of(now.envd());
    }

    private boolean serves() {
        Phase phase = sandbox.phase();
        return phase == Phase.RUNNING || phase == Phase.CAPTURING;
    }

    /** From now on {@code running} is what runs, and clients reach it. */
    void take(Body running) {
        body = running;
        owned = own(running);
        attention.started();
        reconnect();
    }

    private Owned own(Body running) {
        JournalEntry entry = sandbox.entry();
        JournalEntry.Claim claim = entry.owner();
        Sandbox.Frame frame = sandbox.frame();
        UsageProbe probe = new UsageProbe(
                entry.kind().resources(),
                frame.guestMemoryIsOwn(),
                running.instance()::usage,
                () -> running.agent().metrics("/"),
                frame.clock(),
                System::nanoTime);
        EnvdSandbox envd = new EnvdSandbox(
                entry.id(),
                running.agent(),
                claim.accessToken(),
                claim.environment(),
                frame.image().defaultUser(),
                frame.image().defaultWorkingDirectory(),
                frame.story(),
                probe::sample);
        return new Owned(envd, probe);
    }

    /** Whether anybody waits for it. */
    Attention attention() {
        return attention;
    }

    /** A sample of now, if it runs. */
    Optional<MetricSample> sample() {
        Owned now = owned;
        return now != null && sandbox.phase() == Phase.RUNNING
                ? Optional.of(now.probe().sample())
                : Optional.empty();
    }

    /** Cuts clients off from what runs, after a while for what is under way, and makes it write its files out. */
    void cutOff(String reason) {
        Body now = running();
        sockets.breakAll();
        now.agent().cutOff(reason, UNDER_WAY);
        // By a connection of its own: nothing that a client asks comes in between any more.
        try (GuestAgent own = new GuestAgent(now.agent().address(), now.token())) {
            own.sync();
        }
    }

    /** Lets clients wait, after a while for what is under way. */
    void hold() {
        sockets.hold();
        running().agent().hold(UNDER_WAY);
    }

    /** A checkpoint has broken every connection to its servers inside: so are they outside. */
    void breakConnections() {
        sockets.breakOpen();
    }

    /** Nobody reaches its servers. */
    void stopTraffic() {
        sockets.breakAll();
    }

    /** Clients reach again what they were cut off or held from. */
    void reconnect() {
        sockets.allow();
        sockets.release();
        body().ifPresent(now -> now.agent().release());
    }

    /**
     * Opens a connection to one of its ports.
     *
     * @throws NodeException CONFLICT when it does not run
     */
    Socket connect(int port) throws IOException {
        Body now = body;
        if (now == null || !serves()) {
            throw new NodeException(
                    NodeException.Kind.CONFLICT,
                    "sandbox " + sandbox.id() + " does not run: it is "
                            + sandbox.phase().words());
        }
        attention.asked();
        return sockets.connect(new InetSocketAddress(now.slot().guestAddress(), port));
    }

    /** Ends what runs; its slot stays. Calling again after a failure tries again. */
    void kill() {
        Body last = body;
        if (last != null) {
            last.agent().close();
            sockets.breakAll();
            last.instance().close();
        }
    }

    /** Ends what runs and gives its slot back; nothing happens when nothing runs. Calling again after a failure tries again. */
    void end() {
        Body last = body;
        if (last != null) {
            kill();
            body = null;
            owned = null;
            last.held().close();
        }
    }

    /** Lets go of what runs on without this daemon. */
    void leave() {
        body().ifPresent(last -> last.agent().close());
        sockets.breakAll();
    }
}
