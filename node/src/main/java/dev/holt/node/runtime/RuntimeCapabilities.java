package dev.holt.node.runtime;

/**
 * What a runtime can do.
 *
 * @param keepsMemoryOnDisk whether a pause can write the memory of the guest to disk
 * @param forksWithMemory whether several sandboxes can start from one memory image
 * @param freezes whether it can stop and go on in place
 * @param guestMemoryIsOwn whether /proc/meminfo inside shows the guest's own memory and not the host's
 */
public record RuntimeCapabilities(
        boolean keepsMemoryOnDisk, boolean forksWithMemory, boolean freezes, boolean guestMemoryIsOwn) {}
