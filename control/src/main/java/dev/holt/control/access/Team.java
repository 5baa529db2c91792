package dev.holt.control.access;

/**
 * An owner of sandboxes, templates and keys.
 *
 * @param id a UUID
 * @param slug its name in template names, {@code slug/template}
 */
public record Team(String id, String slug, String name, boolean isDefault, TeamQuotas quotas) {}
