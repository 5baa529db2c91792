package dev.holt.edge.relay;

import dev.holt.nodeapi.Node;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/**
 * Relays exchanges to servers in sandboxes, each on its request's virtual thread. A request without a body whose method may
 * be repeated (RFC 9110, section 9.2.2) goes over an idle connection if there is one; every other gets a new connection,
 * because whether a kept one is still alive is known only after it was used.
 */
public final class Relay implements AutoCloseable {
    private static final Set<String> REPEATABLE = Set.of("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE");

    /** A sandbox that is paused as soon as it has been resumed is not resumed for ever. */
    private static final int MOST_WAKINGS = 3;

    private final Node node;
    private final int mostExchanges;
    private final Map<SandboxId, UpstreamConnections> sandboxes = new ConcurrentHashMap<>();
    private final Thread sweeper;

    /** A relay that keeps connections until it is closed. */
    public Relay(Node node, int mostExchanges) {
        this.node = node;
        this.mostExchanges = mostExchanges;
        this.sweeper = Thread.ofVirtual().name("edge-sweeper").start(this::sweepForever);
    }

    /** Asked when a sandbox turns out not to run: whether it does now. */
    @FunctionalInterface
    public interface Awakener {
        boolean awake();
    }

    /**
     * Relays one request and completes its callback, or throws and leaves it alone.
     *
     * @param awakener has the sandbox run if it stopped meanwhile; nothing of the request is lost by that
     * @throws RelayFailure when nothing was answered
     */
    public void relay(Destination to, Request request, Response response, Callback callback, Awakener awakener)
            throws RelayFailure {
        if (request.getMethod().equals("CONNECT")) {
            Response.writeError(request, response, callback, 405);
            return;
        }
        UpstreamConnections connections =
                sandboxes.computeIfAbsent(to.sandbox(), id -> new UpstreamConnections(node, id));
        if (!connections.enter(mostExchanges)) {
            throw new RelayFailure(RelayFailure.Kind.TOO_MANY, "too many exchanges");
        }
        AtomicBoolean left = new AtomicBoolean();
        Runnable lease = () -> {
            if (left.compareAndSet(false, true)) {
                connections.leave();
            }
        };
        boolean tunnel = false;
        RequestBody body = new RequestBody(request);
        try {
            body.peek();
            tunnel = relay(to, request, response, callback, body, connections, awakener, lease);
        } catch (IOException clientGone) {
            callback.failed(clientGone);
        } finally {
            body.release();
            if (!tunnel) {
                lease.run();
            }
        }
    }

    private static boolean relay(
            Destination to,
            Request request,
            Response response,
            Callback callback,
            RequestBody body,
            UpstreamConnections connections,
            Awakener awakener,
            Runnable lease)
            throws RelayFailure {
        String upgrade = RequestHead.upgrade(request);
        boolean repeatable = upgrade == null && body.isEmpty() && REPEATABLE.contains(request.getMethod());
        UpstreamConnection kept = repeatable ? connections.takeIdle(to.port()) : null;
        if (kept != null) {
            try {
                return new Exchange(to, request, response, callback, body, kept, upgrade).run(lease);
            } catch (Exchange.StaleConnection again) {
                // The server had closed it; nothing came back, so a new connection may try once.
            }
        }
        UpstreamConnection fresh = dial(to, connections, awakener);
        try {
            return new Exchange(to, request, response, callback, body, fresh, upgrade).run(lease);
        } catch (Exchange.StaleConnection failure) {
            throw Exchange.noAnswer(failure);
        }
    }

    private static UpstreamConnection dial(Destination to, UpstreamConnections connections, Awakener awakener)
            throws RelayFailure {
        for (int waking = 0; ; waking++) {
            try {
                return connections.dial(to.port());
            } catch (RelayFailure failure) {
                if (failure.kind() != RelayFailure.Kind.NOT_RUNNING || waking == MOST_WAKINGS || !awakener.awake()) {
                    throw failure;
                }
            }
        }
    }

    /** Cuts every connection to a sandbox that does not run for now: what it was connected to is not there any more. */
    public void sandboxRests(SandboxId sandbox) {
        UpstreamConnections connections = sandboxes.get(sandbox);
        if (connections != null) {
            Thread.startVirtualThread(connections.cut());
        }
    }

    /** Cuts every connection to a sandbox that is gone. */
    public void sandboxEnded(SandboxId sandbox) {
        UpstreamConnections connections = sandboxes.remove(sandbox);
        if (connections != null) {
            connections.end();
        }
    }

    private void sweepForever() {
        try {
            while (true) {
                Thread.sleep(1000);
                sandboxes.values().forEach(UpstreamConnections::sweep);
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        sweeper.interrupt();
        for (SandboxId sandbox : sandboxes.keySet()) {
            sandboxEnded(sandbox);
        }
    }
}
