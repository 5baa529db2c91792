package dev.holt.node;

import dev.holt.nodeapi.NodeException;
import dev.holt.wire.id.SandboxId;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** Every sandbox that is somebody's and of which something is left. */
final class Registry {
    private final Map<SandboxId, Sandbox> sandboxes = new ConcurrentHashMap<>();

    void add(Sandbox sandbox) {
        sandboxes.put(sandbox.id(), sandbox);
    }

    void remove(Sandbox sandbox) {
        sandboxes.remove(sandbox.id());
    }

    Collection<Sandbox> all() {
        return sandboxes.values();
    }

    Collection<SandboxId> ids() {
        return sandboxes.keySet();
    }

    /** One that is there, being ended or not. */
    Optional<Sandbox> any(SandboxId id) {
        return Optional.ofNullable(sandboxes.get(id));
    }

    /**
     * One that was not ended.
     *
     * @throws NodeException NOT_FOUND when there is none
     */
    Sandbox required(SandboxId id) {
        return any(id).filter(sandbox -> sandbox.status().isPresent()).orElseThrow(() -> notFound(id));
    }

    static NodeException notFound(SandboxId id) {
        return new NodeException(NodeException.Kind.NOT_FOUND, "this node has no sandbox '" + id + "'");
    }
}
