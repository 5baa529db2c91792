package dev.holt.nodeapi;

import dev.holt.wire.id.TemplateId;
import java.util.UUID;

/**
 * A build to make from a running or paused sandbox, which goes on as it was.
 *
 * @param requestId makes the capture idempotent
 * @param template the snapshot's template, chosen by the caller
 * @param buildId the new build's id, chosen by the caller, unused so far
 * @param passing whether it is for forks only: it is removed by itself when no sandbox starts from it any more, at the latest by the
 *     node's next start
 * @param keepMemory false keeps the file system only: smaller, and what starts from it boots afresh
 */
public record CaptureSandbox(
        UUID requestId, TemplateId template, String buildId, boolean passing, boolean keepMemory) {}
