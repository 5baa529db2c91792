package dev.holt.control.template;

import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;
import java.time.Instant;
import java.util.List;
import java.util.UUID;

/**
 * A template that comes with the installation, for every team. Handing a new build in replaces the template's current one.
 *
 * @param aliases further names, each 1 to 64 characters of {@code a-z0-9_-}
 * @param buildId its build; clients expect a UUID
 * @param resources of sandboxes that start from it
 * @param createdAt when the build was made
 */
public record TemplateSeed(
        TemplateId templateId, List<String> aliases, UUID buildId, Resources resources, Instant createdAt) {
    public TemplateSeed {
        aliases = List.copyOf(aliases);
        aliases.forEach(TemplateId::new);
    }
}
