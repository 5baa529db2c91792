package dev.holt.nodeapi;

import java.time.Instant;

/**
 * What a sandbox used at one moment, in bytes and in percent of one CPU (200 is two CPUs busy).
 *
 * @param memoryUsed what its processes hold, page cache not counted
 * @param memoryCache page cache
 */
public record MetricSample(
        Instant time,
        int cpuCount,
        float cpuUsedPercent,
        long memoryUsed,
        long memoryTotal,
        long memoryCache,
        long diskUsed,
        long diskTotal) {}
