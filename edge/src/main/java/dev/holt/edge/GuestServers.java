package dev.holt.edge;

import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Knows whether a guest serves a port itself that Holt would serve for it. It is found out by connecting, and believed for a
 * moment, so that a connection is not tried for every request: at most one request in five seconds waits for the answer of the guest's
 * kernel, which for a closed port comes at once.
 */
final class GuestServers {
    private static final Duration BELIEVED = Duration.ofSeconds(5);

    private final Node node;
    private final Map<Place, Seen> places = new ConcurrentHashMap<>();

    private record Place(SandboxId sandbox, int port) {}

    private record Seen(boolean listening, long when) {
        boolean isOld() {
            return System.nanoTime() - when > BELIEVED.toNanos();
        }
    }

    GuestServers(Node node) {
        this.node = node;
    }

    /** Whether something in the guest listens on {@code port}, as far as is known. */
    boolean listens(SandboxId sandbox, int port) {
        Place place = new Place(sandbox, port);
        Seen seen = places.get(place);
        if (seen == null || seen.isOld()) {
            seen = new Seen(tryToConnect(sandbox, port), System.nanoTime());
            places.put(place, seen);
            if (node.find(sandbox).isEmpty()) {
                places.remove(place); // it ended meanwhile, perhaps before it was noted
            }
        }
        return seen.listening;
    }

    private boolean tryToConnect(SandboxId sandbox, int port) {
        try (Socket socket = node.open(sandbox, port)) {
            return socket.isConnected();
        } catch (IOException | NodeException closed) {
            return false;
        }
    }

    /** Nothing listens there any more, as a request that went there has found. */
    void closed(SandboxId sandbox, int port) {
        places.remove(new Place(sandbox, port));
    }

    /** Forgets a sandbox that is gone. */
    void forget(SandboxId sandbox) {
        places.keySet().removeIf(place -> place.sandbox.equals(sandbox));
    }
}
