package dev.holt.control.access;

import java.time.Duration;

/**
 * What one team may use at a time.
 *
 * @param sandboxes running sandboxes
 * @param cpuCount virtual CPUs, summed over running sandboxes
 * @param memoryMegabytes MiB, summed over running sandboxes
 * @param lifetime from a sandbox's start to the latest end that it can be given
 */
public record TeamQuotas(int sandboxes, int cpuCount, long memoryMegabytes, Duration lifetime) {
    public TeamQuotas {
        if (sandboxes < 0 || cpuCount < 0 || memoryMegabytes < 0) {
            throw new IllegalArgumentException("quotas can't be negative; got " + sandboxes + " sandboxes, " + cpuCount
                    + " CPUs, " + memoryMegabytes + " MiB");
        }
        if (lifetime.toSeconds() < 1) {
            throw new IllegalArgumentException("the lifetime quota must be at least a second; got " + lifetime);
        }
    }
}
