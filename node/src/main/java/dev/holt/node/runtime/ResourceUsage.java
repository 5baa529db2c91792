package dev.holt.node.runtime;

/**
 * What a cgroup has used.
 *
 * @param cpuNanoseconds CPU time so far
 * @param memoryBytes memory without page cache that could be reclaimed
 * @param cacheBytes page cache
 */
public record ResourceUsage(long cpuNanoseconds, long memoryBytes, long cacheBytes) {}
