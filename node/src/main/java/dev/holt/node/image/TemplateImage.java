package dev.holt.node.image;

import dev.holt.wire.id.TemplateId;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * One build of a template on this node's disk.
 *
 * @param layers read-only directories, the topmost first
 * @param defaultUser who runs commands that name nobody
 * @param defaultWorkingDirectory where commands run that name no directory; empty means the user's home
 */
public record TemplateImage(
        TemplateId template,
        String buildId,
        List<Path> layers,
        String defaultUser,
        Optional<String> defaultWorkingDirectory) {
    public TemplateImage {
        layers = List.copyOf(layers);
    }
}
