package dev.holt.edge;

import dev.holt.edge.relay.Relay;
import dev.holt.http.SandboxService;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Instant;
import java.util.Map;
import org.eclipse.jetty.server.Handler;

/** The running edge: its handler, the connections it keeps to sandboxes, and its ear on the node. */
public final class Edge implements AutoCloseable {
    private final EdgeHandler handler;
    private final Relay relay;
    private final Node.Subscription subscription;

    /**
     * Starts an edge in front of {@code node}.
     *
     * @param waker brings back sandboxes that traffic comes for
     * @param services what Holt itself answers, by sandbox port; 49983 is the envd service, 49999 the interpreter
     */
    public Edge(EdgeConfig config, Node node, Waker waker, Map<Integer, SandboxService> services) {
        this.relay = new Relay(node, config.maximumExchanges());
        NewestSandbox newest = new NewestSandbox(node);
        GuestServers guests = new GuestServers(node);
        this.handler = new EdgeHandler(config, node, waker, newest, services, guests, relay);
        this.subscription = node.subscribe(new NodeListener() {
            @Override
            public void started(SandboxStatus sandbox) {
                newest.started(sandbox);
            }

            @Override
            public void changed(SandboxStatus sandbox) {
                // While it is captured its connections stay; in every other state that is not running they are dead.
                if (sandbox.state() != SandboxState.RUNNING && sandbox.state() != SandboxState.CAPTURING) {
                    relay.sandboxRests(sandbox.id());
                }
            }

            @Override
            public void ended(SandboxId sandbox, EndReason reason, Instant when) {
                newest.ended(sandbox, reason, when);
                guests.forget(sandbox);
                Thread.startVirtualThread(() -> relay.sandboxEnded(sandbox));
            }
        });
    }

    /** Answers sandbox traffic, and returns false for everything else so that another handler can follow. */
    public Handler handler() {
        return handler;
    }

    /** Cuts every relayed connection. Stop the HTTP server first so that requests may finish. */
    @Override
    public void close() {
        subscription.close();
        relay.close();
    }
}
