package dev.holt.node;

import dev.holt.node.pool.Lease;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.Resources;
import java.time.Duration;

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

    /** Room for one sandbox, held until closed. */
    interface Promise extends Lease {
        /** It stands still: it keeps its memory, and counts as no sandbox and no CPU until {@link #wake}. Idempotent. */
        void rest();

        /**
         * It goes on.
         *
         * @throws NodeException FULL when there is no room for one more; it rests on then
         */
        void wake();
    }

    /**
     * Promises {@code resources} until the lease is closed.
     *
     * @throws NodeException FULL when there is no room, INVALID when there never can be
     */
    synchronized Promise reserve(Resources resources) {
        if (resources.memoryMegabytes() > mostMegabytes) {
            throw new NodeException(
                    NodeException.Kind.INVALID,
                    "a sandbox of " + resources.memoryMegabytes() + " MiB does not fit on this node, which has "
                            + mostMegabytes + " MiB to give");
        }
        requirePlace();
        if (megabytes + resources.memoryMegabytes() > mostMegabytes) {
            throw NodeException.full(
                    "this node has promised " + megabytes + " of its " + mostMegabytes
                            + " MiB of memory to sandboxes and has no " + resources.memoryMegabytes()
                            + " MiB left; kill or pause some or try again later",
                    RETRY_AFTER);
        }
        return adopt(resources);
    }

    private void requirePlace() {
        if (sandboxes >= mostSandboxes) {
            throw NodeException.full(
                    "this node runs its maximum of " + mostSandboxes
                            + " sandboxes; kill or pause some or try again later",
                    RETRY_AFTER);
        }
    }

    /** Promises what a sandbox that already runs was promised before, whether there is room or not. */
    synchronized Promise adopt(Resources resources) {
        megabytes += resources.memoryMegabytes();
        count(resources, 1);
        return new Held(resources);
    }

    private void count(Resources resources, int sign) {
        sandboxes += sign;
        cpus += sign * resources.cpuCount();
    }

    /** All of it is guarded by the capacity. */
    private final class Held implements Promise {
        private final Resources resources;
        private boolean resting;
        private boolean closed;

        Held(Resources resources) {
            this.resources = resources;
        }

        @Override
        public void rest() {
            synchronized (Capacity.this) {
                if (!closed && !resting) {
                    resting = true;
                    count(resources, -1);
                }
            }
        }

        @Override
        public void wake() {
            synchronized (Capacity.this) {
                if (!closed && resting) {
                    requirePlace();
                    resting = false;
                    count(resources, 1);
                }
            }
        }

        @Override
        public void close() {
            synchronized (Capacity.this) {
                if (!closed) {
                    closed = true;
                    megabytes -= resources.memoryMegabytes();
                    if (!resting) {
                        count(resources, -1);
                    }
                }
            }
        }
    }

    synchronized Reserved reserved() {
        return new Reserved(sandboxes, cpus, megabytes);
    }
}
