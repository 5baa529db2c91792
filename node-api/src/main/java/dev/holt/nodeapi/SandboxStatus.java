package dev.holt.nodeapi;

import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * One sandbox as its node sees it: the parameters of its {@link CreateSandbox} and what became of them.
 *
 * @param startedAt when it was handed to its owner; a resume does not change it
 * @param state what it is now
 * @param lifecycle what happens at its deadline
 * @param pause what is kept of it, in state PAUSED
 * @param problem in state LOST: what happened and what is left
 */
public record SandboxStatus(
        SandboxId id,
        String teamId,
        TemplateId template,
        String buildId,
        Isolation isolation,
        Resources resources,
        Instant startedAt,
        Instant deadline,
        Optional<String> accessToken,
        Map<String, String> metadata,
        NetworkPolicy network,
        SandboxState state,
        Lifecycle lifecycle,
        Optional<Pause> pause,
        Optional<String> problem) {
    public SandboxStatus {
        metadata = Map.copyOf(metadata);
    }
}
