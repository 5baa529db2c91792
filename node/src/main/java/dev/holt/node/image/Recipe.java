package dev.holt.node.image;

import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** How one built-in template, or a layer that others lie over, is made. */
interface Recipe {
    /** Under which its builds are kept. */
    TemplateId id();

    /** Changes whenever its product would, apart from what it lies over. Cheap: asked with every look at the store. */
    String version();

    /** What its root file system lies over; nothing for a whole one. */
    default Optional<Recipe> over() {
        return Optional.empty();
    }

    /**
     * Builds it.
     *
     * @param root empty, and all that is kept
     * @param below the root file systems that it lies over, the topmost first; they must not be written to
     * @param scratch an empty directory on the same file system, removed afterwards
     */
    void build(Path root, List<Path> below, Path scratch, Consumer<String> progress) throws IOException;
}
