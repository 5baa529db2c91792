package dev.holt.node.image;

import dev.holt.wire.id.TemplateId;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * One immutable version of a template, complete on this host.
 *
 * @param buildId names it, a UUID
 * @param recipe what it was made by; a build by another recipe is out of date
 * @param packages installed, as "name version"
 * @param directory holds all of it
 */
public record TemplateBuild(
        TemplateId template, String buildId, String recipe, Instant createdAt, List<String> packages, Path directory) {
    public TemplateBuild {
        packages = List.copyOf(packages);
    }

    /** What sandboxes start from. */
    public TemplateImage image() {
        return new TemplateImage(template, buildId, List.of(rootFileSystem()), "user", Optional.empty());
    }

    /** Its root file system: never written to. */
    public Path rootFileSystem() {
        return directory.resolve("rootfs");
    }
}
