package dev.holt.node.metrics;

import dev.holt.node.guest.GuestMetrics;
import dev.holt.node.runtime.ResourceUsage;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.Resources;
import java.time.Clock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Takes samples of one sandbox. CPU comes from its cgroup, as the change since the sample before; the disk from the guest, whose
 * root file system is what fills up; memory from the guest's kernel where that is the guest's own, otherwise from the cgroup.
 */
public final class UsageProbe {
    private static final long SHORTEST_NANOSECONDS = 200_000_000;

    private final Resources resources;
    private final boolean guestMemoryIsOwn;
    private final Supplier<ResourceUsage> host;
    private final Supplier<GuestMetrics> guest;
    private final Clock clock;
    private final LongSupplier nanoTime;

    private final ReentrantLock lock = new ReentrantLock();
    private long lastNanoTime;
    private long lastCpuNanoseconds;
    private float cpuUsedPercent;

    /**
     * The first sample counts CPU from now on.
     *
     * @param guestMemoryIsOwn see {@link dev.holt.node.runtime.RuntimeCapabilities#guestMemoryIsOwn}
     * @param host reads the cgroup
     * @param guest asks the agent
     */
    public UsageProbe(
            Resources resources,
            boolean guestMemoryIsOwn,
            Supplier<ResourceUsage> host,
            Supplier<GuestMetrics> guest,
            Clock clock,
            LongSupplier nanoTime) {
        this.resources = resources;
        this.guestMemoryIsOwn = guestMemoryIsOwn;
        this.host = host;
        this.guest = guest;
        this.clock = clock;
        this.nanoTime = nanoTime;
        this.lastNanoTime = nanoTime.getAsLong();
        this.lastCpuNanoseconds = host.get().cpuNanoseconds();
    }

    /** A sample of now; fails as its sources do. Two within 0.2 s share their CPU figure, which would be noise otherwise. */
    public MetricSample sample() {
        GuestMetrics inside = guest.get();
        ResourceUsage outside = host.get();
        long memoryTotal = guestMemoryIsOwn ? inside.memoryTotal() : (long) resources.memoryMegabytes() << 20;
        long memoryUsed =
                guestMemoryIsOwn ? Math.max(0, inside.memoryTotal() - inside.memoryAvailable()) : outside.memoryBytes();
        return new MetricSample(
                clock.instant(),
                resources.cpuCount(),
                cpuPercent(outside.cpuNanoseconds()),
                memoryUsed,
                memoryTotal,
                guestMemoryIsOwn ? inside.memoryCached() : outside.cacheBytes(),
                Math.max(0, inside.diskTotal() - inside.diskFree()),
                inside.diskTotal());
    }

    private float cpuPercent(long cpuNanoseconds) {
        lock.lock();
        try {
            long now = nanoTime.getAsLong();
            long passed = now - lastNanoTime;
            if (passed >= SHORTEST_NANOSECONDS) {
                cpuUsedPercent = Math.max(0, cpuNanoseconds - lastCpuNanoseconds) * 100f / passed;
                lastNanoTime = now;
                lastCpuNanoseconds = cpuNanoseconds;
            }
            return cpuUsedPercent;
        } finally {
            lock.unlock();
        }
    }
}
