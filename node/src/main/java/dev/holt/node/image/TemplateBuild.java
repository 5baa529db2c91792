package dev.holt.node.image;

import dev.holt.wire.id.TemplateId;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * One immutable version of a template, complete on this host.
 *
 * @param buildId names it, a UUID
 * @param recipe what it was made by; a build by another recipe is out of date
 * @param packages installed, as "name version"
 * @param directory holds all of it but what it lies over
 * @param over the build that its root file system lies over; nothing when that is whole
 */
public record TemplateBuild(
        TemplateId template,
        String buildId,
        String recipe,
        Instant createdAt,
        List<String> packages,
        Path directory,
        Optional<TemplateBuild> over) {
    public TemplateBuild {
        packages = List.copyOf(packages);
    }

    /** What sandboxes start from. */
    public TemplateImage image() {
        return new TemplateImage(template, buildId, layers(), "user", Optional.empty());
    }

    /** Its root file system, or its part of that: never written to. */
    public Path rootFileSystem() {
        return directory.resolve("rootfs");
    }

    /** The directories that make its root file system up, the topmost first. */
    List<Path> layers() {
        return Stream.concat(Stream.of(rootFileSystem()), over.stream().flatMap(lower -> lower.layers().stream()))
                .toList();
    }
}
