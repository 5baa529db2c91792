package dev.holt.control.template;

import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * A template and its current build.
 *
 * @param team its owner; none for one that came with the installation
 * @param state of the build: {@code ready}, or what is being done about a template on offer that has none yet
 */
public record Template(
        TemplateId id,
        Optional<String> team,
        boolean isPublic,
        List<String> aliases,
        String buildId,
        Resources resources,
        String envdVersion,
        Instant createdAt,
        Instant updatedAt,
        long spawnCount,
        Optional<Instant> lastSpawnedAt,
        int buildCount,
        String state) {
    static final String READY = "ready";

    public Template {
        aliases = List.copyOf(aliases);
    }

    /** The name that answers show: E2B's clients know one alias a template. */
    public Optional<String> alias() {
        return aliases.stream().findFirst();
    }

    boolean usableBy(String teamId) {
        return isPublic || team.filter(teamId::equals).isPresent();
    }
}
