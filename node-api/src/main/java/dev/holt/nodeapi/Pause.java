package dev.holt.nodeapi;

import java.time.Instant;

/**
 * A sandbox's pause.
 *
 * @param since when it was complete and durable
 * @param memory what is kept of its memory
 */
public record Pause(Instant since, MemoryKept memory) {}
