package dev.holt.node.runtime;

import dev.holt.nodeapi.Isolation;
import dev.holt.wire.id.SandboxId;
import java.util.List;
import java.util.Optional;

/** One way to isolate sandboxes. The layers above ask its capabilities and never which one it is. */
public interface SandboxRuntime {
    Isolation isolation();

    RuntimeCapabilities capabilities();

    /**
     * Creates and starts an instance; returns when its first process runs (its agent may still be about to listen). It does
     * not die with this process. On failure nothing of it is left.
     *
     * @throws RuntimeFailure what the engine said, and at which step
     */
    RuntimeInstance start(InstanceSpec spec);

    /** The ids of all instances of which the engine has state, running or dead. */
    List<SandboxId> instances();

    /** The instance of that id if it still runs, for adoption after a restart. */
    Optional<RuntimeInstance> find(SandboxId id);

    /** Removes whatever is left of an instance: processes, engine state, cgroups. Fine when there is nothing. */
    void sweep(SandboxId id);
}
