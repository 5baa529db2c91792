package dev.holt.nodeapi;

import java.util.List;

/**
 * What a node can do and how full it is.
 *
 * @param nodeId its stable name
 * @param isolations what it can run, strongest first
 * @param cpuCount CPUs of the host
 * @param memoryBytes memory of the host
 * @param sandboxes running sandboxes, warm ones not counted
 * @param maximumSandboxes how many it would run at most
 * @param warm warm sandboxes ready to be handed out
 * @param reservedCpuCount the sum over running sandboxes
 * @param reservedMemoryMegabytes the sum over running sandboxes, in MiB
 */
public record NodeStatus(
        String nodeId,
        List<Isolation> isolations,
        int cpuCount,
        long memoryBytes,
        int sandboxes,
        int maximumSandboxes,
        int warm,
        int reservedCpuCount,
        long reservedMemoryMegabytes) {
    public NodeStatus {
        isolations = List.copyOf(isolations);
    }
}
