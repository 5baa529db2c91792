package dev.holt.edge;

import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Instant;
import java.util.Comparator;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Knows which running sandbox started last, for debug mode's requests that name none. */
final class NewestSandbox implements NodeListener {
    private final Node node;
    private final AtomicReference<@Nullable SandboxId> newest = new AtomicReference<>();

    NewestSandbox(Node node) {
        this.node = node;
    }

    /** The most recently started sandbox that still runs. */
    Optional<SandboxId> find() {
        SandboxId known = newest.get();
        if (known != null) {
            return Optional.of(known);
        }
        Optional<SandboxId> found = node.list().stream()
                .max(Comparator.comparing(SandboxStatus::startedAt))
                .map(SandboxStatus::id);
        found.ifPresent(id -> newest.compareAndSet(null, id));
        return found;
    }

    @Override
    public void started(SandboxStatus sandbox) {
        newest.set(sandbox.id());
    }

    @Override
    public void ended(SandboxId sandbox, EndReason reason, Instant when) {
        if (sandbox.equals(newest.get())) {
            newest.set(null);
        }
    }
}
