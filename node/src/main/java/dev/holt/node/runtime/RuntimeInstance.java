package dev.holt.node.runtime;

import dev.holt.wire.id.SandboxId;
import java.nio.file.Path;
import java.time.Duration;

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

    /**
     * Stops the guest so that its memory and its file system stand still, and match, until {@link #proceed}: no process of it makes a
     * step and nothing is written to its root file system. Its kernel goes on: it still answers a checkpoint, and where that is a
     * kernel of its own its network may still take what is sent to it. Costs a millisecond or a few; idempotent.
     *
     * @param limit how long it may take
     * @throws RuntimeFailure when it did not stop within {@code limit}, or the engine failed; the guest goes on then
     */
    void suspend(Duration limit);

    /**
     * Lets a suspended guest go on, whoever suspended it, an earlier daemon too; nothing happens to one that is not suspended.
     *
     * @param limit how long it may take
     * @throws RuntimeFailure when it could not be let go on, or whether it does is not known
     */
    void proceed(Duration limit);

    /**
     * Writes the memory of a suspended guest, with everything that its kernel knows, into {@code imageDirectory}. The guest stays
     * suspended. Its connections to the outside break, on both sides. Not durable: syncing is the caller's business.
     *
     * @param imageDirectory an empty directory, which nobody but root may look into: there are secrets in memory. What is in it
     *     after a failure is worth nothing and the caller's to remove
     * @param witness sees what is written, as far as the engine lets it
     * @param limit how long it may take; what still writes then is left to end by itself, and the directory must not be used again
     * @throws CheckpointRefused when the guest has something that can't be checkpointed, by name
     * @throws RuntimeFailure when it failed otherwise, as on a full disk, or when the runtime keeps no memory at all. In either case
     *     the guest is as before
     */
    void checkpoint(Path imageDirectory, ImageWitness witness, Duration limit);

    /**
     * Tells whether somebody waits for what it does. One that was just started or restored is attended; one that is not may be slower by
     * some milliseconds to answer, and cheaper while it does nothing.
     */
    void attend(boolean attended);

    /** Ends it at once (SIGKILL to everything in it) and removes its state; idempotent. */
    @Override
    void close();
}
