package dev.holt.node;

import dev.holt.node.pool.Lease;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.Resources;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;

/** What has been promised to claimed sandboxes, and whether there is room for one more. */
final class Capacity {
    private static final Duration RETRY_AFTER = Duration.ofSeconds(5);

    private final int mostSandboxes;
    private final long mostMegabytes;
    private int sandboxes;
    private int cpus;
    private long megabytes;

    /** @param mostMegabytes of memory that may be promised in all, in MiB */
    Capacity(int mostSandboxes, long mostMegabytes) {
        this.mostSandboxes = mostSandboxes;
        this.mostMegabytes = mostMegabytes;
    }

    /** What is promised at one moment. */
    record Reserved(int sandboxes, int cpus, long megabytes) {}

    /**
     * Promises {@code resources} until the lease is closed.
     *
     * @throws NodeException FULL when there is no room, INVALID when there never can be
     */
    synchronized Lease reserve(Resources resources) {
        if (resources.memoryMegabytes() > mostMegabytes) {
            throw new NodeException(
                    NodeException.Kind.INVALID,
                    "a sandbox of " + resources.memoryMegabytes() + " MiB does not fit on this node, which has "
                            + mostMegabytes + " MiB to give");
        }
        if (sandboxes >= mostSandboxes) {
            throw NodeException.full(
                    "this node runs its maximum of " + mostSandboxes + " sandboxes; kill some or try again later",
                    RETRY_AFTER);
        }
        if (megabytes + resources.memoryMegabytes() > mostMegabytes) {
            throw NodeException.full(
                    "this node has promised " + megabytes + " of its " + mostMegabytes
                            + " MiB of memory to sandboxes and has no " + resources.memoryMegabytes()
                            + " MiB left; kill some or try again later",
                    RETRY_AFTER);
        }
        return adopt(resources);
    }

    /** Promises what a sandbox that already runs was promised before, whether there is room or not. */
    synchronized Lease adopt(Resources resources) {
        add(resources, 1);
        AtomicBoolean held = new AtomicBoolean(true);
        return () -> {
            if (held.getAndSet(false)) {
                add(resources, -1);
            }
        };
    }

    synchronized Reserved reserved() {
        return new Reserved(sandboxes, cpus, megabytes);
    }

    private synchronized void add(Resources resources, int sign) {
        sandboxes += sign;
        cpus += sign * resources.cpuCount();
        megabytes += (long) sign * resources.memoryMegabytes();
    }
}
