package dev.holt.nodeapi;

import dev.holt.wire.id.TemplateId;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * Everything a node needs for a new sandbox.
 *
 * @param requestId makes the create idempotent
 * @param teamId the owner, opaque to the node, kept in its journal
 * @param template what it starts from: a template, or a snapshot
 * @param buildId the template's build
 * @param resources its limits; a warm sandbox is used when they are the template's own
 * @param deadline when the node ends it by itself
 * @param accessToken guards the envd service when present
 * @param environment variables of every process started in it; those of the sandbox that a snapshot was made from go on unless named here
 * @param metadata the client's, kept in the journal
 * @param network what it may reach and who may reach it
 * @param lifecycle what happens at its deadline, and what may wake it
 * @param useMemory whether it goes on from the build's memory image where there is one; false boots it from the file system
 * @param weakestIsolation the weakest isolation that the caller accepts
 * @param runtime the isolation that the caller demands, if any
 */
public record CreateSandbox(
        UUID requestId,
        String teamId,
        TemplateId template,
        String buildId,
        Resources resources,
        Instant deadline,
        Optional<String> accessToken,
        Map<String, String> environment,
        Map<String, String> metadata,
        NetworkPolicy network,
        Lifecycle lifecycle,
        boolean useMemory,
        Isolation weakestIsolation,
        Optional<Isolation> runtime) {
    public CreateSandbox {
        environment = Map.copyOf(environment);
        metadata = Map.copyOf(metadata);
    }
}
