package dev.holt.nodeapi;

import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/** One running sandbox as its node sees it: the parameters of its {@link CreateSandbox} and what became of them. */
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
        NetworkPolicy network) {
    public SandboxStatus {
        metadata = Map.copyOf(metadata);
    }
}
