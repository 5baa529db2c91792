package dev.holt.node;

import dev.holt.node.network.NetworkConfig;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Resources;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * How a node runs.
 *
 * @param nodeId its stable name, shown in {@link dev.holt.nodeapi.NodeStatus}
 * @param stateDirectory what must survive: journal, disks, logs. By default /var/lib/holt
 * @param runDirectory what need not survive a reboot: mount points, engines' state. By default /run/holt
 * @param runtime the only isolation to offer; empty offers every one that works here
 * @param network addresses and rules of sandboxes
 * @param pools what to keep ready
 * @param limits how much to run
 * @param state how long transitions may take, and what is kept
 * @param metrics how often to look
 * @param logs how much to remember
 * @param killOnStop whether a graceful stop ends claimed sandboxes; by default they run on and the next start adopts them
 */
public record NodeConfig(
        String nodeId,
        Path stateDirectory,
        Path runDirectory,
        Optional<Isolation> runtime,
        NetworkConfig network,
        Pools pools,
        Limits limits,
        State state,
        Metrics metrics,
        Logs logs,
        boolean killOnStop) {

    /**
     * @param slots network slots kept ready, 0 to 1000; 16 by default
     * @param disks disks of the default size kept ready, 0 to 1000; 4 by default
     * @param warm sandboxes kept ready for each template, 0 to 1000; 2 by default
     * @param warmTemplates for how many templates at once, the most recently used ones, 1 to 100; 4 by default
     */
    public record Pools(int slots, int disks, int warm, int warmTemplates) {
        public static final Pools DEFAULT = new Pools(16, 4, 2, 4);

        public Pools {
            requireRange("slot pool size", slots, 0, 1000);
            requireRange("disk pool size", disks, 0, 1000);
            requireRange("warm pool size", warm, 0, 1000);
            requireRange("number of warm templates", warmTemplates, 1, 100);
        }
    }

    /**
     * @param sandboxes how many may run at once, 1 to 30000; 500 by default
     * @param memoryOvercommit how much memory may be promised to sandboxes, as a multiple of the host's, 0.1 to 100; 4 by
     *     default, because an idle sandbox holds about 16 MB whatever it was promised
     * @param resources of a sandbox that asks for none, and of warm ones; by default E2B's 2 CPUs and 512 MiB, and 5 GiB of disk
     * @param startTimeout within which a new sandbox's agent must answer; 30 s by default
     */
    public record Limits(int sandboxes, double memoryOvercommit, Resources resources, Duration startTimeout) {
        public static final Limits DEFAULT = new Limits(500, 4, new Resources(2, 512, 5120), Duration.ofSeconds(30));

        public Limits {
            requireRange("maximum of sandboxes", sandboxes, 1, 30_000);
            if (!(memoryOvercommit >= 0.1 && memoryOvercommit <= 100)) {
                throw new IllegalArgumentException("the memory overcommit must be 0.1 to 100; got " + memoryOvercommit);
            }
        }
    }

    /**
     * @param pauseLimit how long a pause or a capture may take, besides {@code perGigabyte}; 120 s by default
     * @param resumeLimit how long a resume may take, besides {@code perGigabyte}; 60 s by default
     * @param perGigabyte of the sandbox's memory, added to both; 30 s by default
     * @param lostKept how long a sandbox that was lost can be recovered at least; 24 h by default
     * @param copyMegabytes how much a sandbox may have written for a copy of its disk to be kept with its last pause, where the host's
     *     file system can't share blocks, 0 to 1048576 MiB; 64 by default
     */
    public record State(
            Duration pauseLimit, Duration resumeLimit, Duration perGigabyte, Duration lostKept, long copyMegabytes) {
        public static final State DEFAULT = new State(
                Duration.ofSeconds(120), Duration.ofSeconds(60), Duration.ofSeconds(30), Duration.ofHours(24), 64);

        public State {
            requireRange("limit of a pause in seconds", pauseLimit.toSeconds(), 1, 86_400);
            requireRange("limit of a resume in seconds", resumeLimit.toSeconds(), 1, 86_400);
            requireRange("time per gigabyte in seconds", perGigabyte.toSeconds(), 0, 86_400);
            requireRange("time that lost sandboxes are kept in seconds", lostKept.toSeconds(), 0, 366L * 86_400);
            requireRange("size of disks that are copied in MiB", copyMegabytes, 0, 1_048_576);
        }
    }

    /** @param interval between two samples of one sandbox, 1 s to 1 h; 5 s by default. See {@link dev.holt.node.metrics.MetricFile} */
    public record Metrics(Duration interval) {
        public static final Metrics DEFAULT = new Metrics(Duration.ofSeconds(5));

        public Metrics {
            requireRange("metrics interval in seconds", interval.toSeconds(), 1, 3600);
        }
    }

    /**
     * @param mostBytes of one sandbox's log, 4096 to 1 GiB; 1 MiB by default
     * @param retention how long it is kept after the sandbox's end; 24 h by default
     */
    public record Logs(long mostBytes, Duration retention) {
        public static final Logs DEFAULT = new Logs(1 << 20, Duration.ofHours(24));

        public Logs {
            requireRange("log size in bytes", mostBytes, 4096, 1 << 30);
        }
    }

    private static void requireRange(String name, long value, long least, long most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException("the " + name + " must be " + least + " to " + most + "; got " + value);
        }
    }

    /** Where builds made from sandboxes are. */
    Path snapshots() {
        return stateDirectory.resolve("snapshots");
    }

    /** Where each sandbox has its directory. */
    Path sandboxes() {
        return stateDirectory.resolve("sandboxes");
    }
}
