package dev.holt.control.template;

import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * A template and one of its builds: the one that a name stands for, or else the current one.
 *
 * @param team its owner; none for one that came with the installation
 * @param snapshot whether its builds were made from sandboxes
 * @param problem why nothing can start from the build, if nothing can
 * @param state of the build: {@code ready}, or what is being done about a template on offer that has none yet
 */
public record Template(
        TemplateId id,
        Optional<String> team,
        boolean isPublic,
        boolean snapshot,
        List<String> aliases,
        String buildId,
        Resources resources,
        String envdVersion,
        Instant createdAt,
        Instant updatedAt,
        long spawnCount,
        Optional<Instant> lastSpawnedAt,
        int buildCount,
        Optional<String> problem,
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
