package dev.holt.node.image;

import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/** The seam between the node's lifecycle and what sandboxes start from: it asks for a root file system and gives it back. */
public interface RootFileSystems {
    /** The image of a template's build, if this node has it. */
    Optional<TemplateImage> find(TemplateId template, String buildId);

    /**
     * Makes a writable root file system of {@code image} on a disk of its own, mounted. On failure nothing of it is left.
     *
     * @param directory the sandbox's own directory, which exists; what must survive the daemon goes there
     * @param diskMegabytes how much the guest may write, in MiB
     * @param prepare called with the writable layer, in which it may put files over those of the image, before the guest's
     *     view of it is mounted
     */
    RootFileSystem mount(
            SandboxId sandbox, Path directory, TemplateImage image, int diskMegabytes, Consumer<Path> prepare);

    /**
     * Makes one whose disk begins as a copy of another sandbox's, mounted. On failure nothing of it is left.
     *
     * @param disk a {@link RootFileSystem#image} at rest, over the same {@code image}
     */
    RootFileSystem mountCopy(SandboxId sandbox, Path directory, TemplateImage image, Path disk);

    /**
     * The root file system that an earlier run made, mounted or at rest; empty when it never had a disk. If the disk was taken away
     * since, whatever is done with it says so.
     */
    Optional<RootFileSystem> adopt(SandboxId sandbox, Path directory, TemplateImage image);

    /** Unmounts and removes whatever is left of sandboxes that are not among {@code keep}. */
    void sweep(Set<SandboxId> keep);
}
