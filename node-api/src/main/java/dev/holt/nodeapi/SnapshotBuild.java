package dev.holt.nodeapi;

import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.time.Duration;
import java.time.Instant;

/**
 * A complete, durable build that was made from a sandbox.
 *
 * @param source the sandbox it was made from
 * @param memory DISK or NONE
 * @param resources of the sandbox it was made from, and of those that start from its memory
 * @param bytes of its artifacts on disk, those shared with other builds not counted
 * @param stood how long the guest stood still for it
 */
public record SnapshotBuild(
        TemplateId template,
        String buildId,
        SandboxId source,
        String teamId,
        Isolation isolation,
        MemoryKept memory,
        Resources resources,
        long bytes,
        Instant createdAt,
        Duration stood) {}
