package dev.holt.control.snapshot;

import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;
import java.time.Instant;
import java.util.Optional;

/**
 * A tag of a snapshot template and the build that it stands for.
 *
 * @param alias its name within the team, if it has one
 * @param sandbox what it was made from
 * @param bytes of its artifacts, those shared with others not counted
 * @param stoodMilliseconds how long the sandbox stood still for it
 * @param problem why nothing can start from it, if nothing can
 */
record Snapshot(
        TemplateId template,
        Optional<String> alias,
        String tag,
        String buildId,
        String sandbox,
        String isolation,
        String memory,
        Resources resources,
        long bytes,
        long stoodMilliseconds,
        Instant createdAt,
        Optional<String> problem) {}
