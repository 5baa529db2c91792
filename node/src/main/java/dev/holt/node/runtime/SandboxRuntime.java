package dev.holt.node.runtime;

import dev.holt.nodeapi.Isolation;
import dev.holt.wire.id.SandboxId;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** One way to isolate sandboxes. The layers above ask its capabilities and never which one it is. */
public interface SandboxRuntime extends AutoCloseable {
    Isolation isolation();

    RuntimeCapabilities capabilities();

    /**
     * Creates and starts an instance; returns when its first process runs (its agent may still be about to listen). It does
     * not die with this process. On failure nothing of it is left.
     *
     * @throws RuntimeFailure what the engine said, and at which step
     */
    RuntimeInstance start(InstanceSpec spec);

    /**
     * Starts an instance from what {@link RuntimeInstance#checkpoint} wrote; several may start from one image at once. It goes on
     * where it was, with the hostname, processes and environment that it had; id, network namespace, directories and limits are those
     * of {@code spec}. As with a start its agent may not listen yet, nothing is left of a failure, and the namespace's addresses are
     * consumed where they are.
     *
     * @param spec its root file system must hold exactly what it held when the image was made. Hostname and agent environment
     *     are of no effect; the files bound over guest paths must be as many as then, for the same guest paths, with the same content
     * @param imageDirectory is only read
     * @param limit how long it may take
     * @throws RuntimeFailure what the engine said, and at which step; always where {@link RuntimeCapabilities#keepsMemoryOnDisk} is
     *     false
     */
    RuntimeInstance restore(InstanceSpec spec, Path imageDirectory, Duration limit);

    /** The ids of all instances of which the engine has state, running or dead. */
    List<SandboxId> instances();

    /** The instance of that id if it still runs, for adoption after a restart. */
    Optional<RuntimeInstance> find(SandboxId id);

    /** Removes whatever is left of an instance: processes, engine state, cgroups. Fine when there is nothing. */
    void sweep(SandboxId id);

    /** Gives back what it made on this host besides instances; these run on, and what they need stays. */
    @Override
    void close();
}
