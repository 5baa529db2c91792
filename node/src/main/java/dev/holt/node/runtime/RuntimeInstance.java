package dev.holt.node.runtime;

import dev.holt.wire.id.SandboxId;

/** One running instance. Closing it ends it: when {@link #close} returns none of its processes, state or cgroups is left. */
public interface RuntimeInstance extends AutoCloseable {
    SandboxId id();

    /** Whether its first process still runs; costs no process spawn. */
    boolean alive();

    /**
     * Blocks until the instance's first process has ended, by whatever cause.
     *
     * @throws java.util.concurrent.CancellationException when the daemon stops before
     */
    void awaitEnd() throws InterruptedException;

    /** What its cgroup has used so far. */
    ResourceUsage usage();

    /**
     * Stops all its processes where they are: it then uses no CPU time. Its end is still noticed.
     *
     * @throws RuntimeFailure when they did not stop within seconds; they go on then
     */
    void freeze();

    /** Lets its processes go on; idempotent. */
    void thaw();

    /** Ends it at once (SIGKILL to everything in it) and removes its state; idempotent. */
    @Override
    void close();
}
