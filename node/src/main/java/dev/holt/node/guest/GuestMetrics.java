package dev.holt.node.guest;

/**
 * What the guest's kernel says of itself, in bytes.
 *
 * @param cpuBusy jiffies since boot, all CPUs together, 0 when /proc/stat is missing
 * @param cpuTotal busy and idle jiffies
 */
public record GuestMetrics(
        long unixNanoseconds,
        int cpus,
        long cpuBusy,
        long cpuTotal,
        long memoryTotal,
        long memoryAvailable,
        long memoryCached,
        long diskTotal,
        long diskFree,
        long inodesTotal,
        long inodesFree,
        int processes) {
    static GuestMetrics decode(Payload payload) {
        GuestMetrics metrics = new GuestMetrics(
                payload.u64(),
                payload.size(),
                payload.u64(),
                payload.u64(),
                payload.u64(),
                payload.u64(),
                payload.u64(),
                payload.u64(),
                payload.u64(),
                payload.u64(),
                payload.u64(),
                payload.size());
        payload.end();
        return metrics;
    }
}
