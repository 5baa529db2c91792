package dev.holt.node.runtime;

/**
 * What a runtime can do, and what it does to what it is given.
 *
 * @param keepsMemoryOnDisk whether a pause can write the memory of the guest to disk
 * @param forksWithMemory whether several sandboxes can start from one memory image
 * @param freezes whether it can stop and go on in place
 * @param guestMemoryIsOwn whether /proc/meminfo inside shows the guest's own memory and not the host's
 * @param consumesAddress whether an instance takes addresses and routes out of its network namespace when it starts and never
 *     puts them back: the namespace must then be given them again before its next instance
 * @param honoursSetuid whether programs with a set-user-id bit work inside; where not, instances need the agent's own sudo
 * @param keepsAttributes whether the root file system inside has extended attributes; where not, the host keeps them
 */
public record RuntimeCapabilities(
        boolean keepsMemoryOnDisk,
        boolean forksWithMemory,
        boolean freezes,
        boolean guestMemoryIsOwn,
        boolean consumesAddress,
        boolean honoursSetuid,
        boolean keepsAttributes) {}
