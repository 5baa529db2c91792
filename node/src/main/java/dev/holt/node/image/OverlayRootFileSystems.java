package dev.holt.node.image;

import dev.holt.node.pool.Pool;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Root file systems as overlays: the layers of a template's build, and over them a disk of limited size. The overlay is
 * {@code rootfs} in the sandbox's directory; {@code disk} beside it names the disk, for the next run of the daemon.
 */
public final class OverlayRootFileSystems implements RootFileSystems {
    private final TemplateStore templates;
    private final Disks disks;
    private final Pool<Disk> ready;
    private final int readyMegabytes;

    /**
     * @param ready disks made ahead of need by {@code disks}, all of {@code readyMegabytes}; closed by its maker
     * @param readyMegabytes the size that most sandboxes have, in MiB
     */
    public OverlayRootFileSystems(TemplateStore templates, Disks disks, Pool<Disk> ready, int readyMegabytes) {
        this.templates = templates;
        this.disks = disks;
        this.ready = ready;
        this.readyMegabytes = readyMegabytes;
    }

    @Override
    public Optional<TemplateImage> find(TemplateId template, String buildId) {
        return templates.find(template, buildId).map(TemplateBuild::image);
    }

    @Override
    public RootFileSystem mount(
            SandboxId sandbox, Path directory, TemplateImage image, int diskMegabytes, Consumer<Path> prepare) {
        Disk disk = diskMegabytes == readyMegabytes ? ready.take() : disks.create(diskMegabytes);
        try {
            Path path = overlay(directory);
            disk.assign(sandbox, path);
            Files.writeString(note(directory), disk.name());
            prepare.accept(disk.upper());
            return new Mounted(Overlay.mount(image.layers(), disk, path), disk, note(directory));
        } catch (IOException | RuntimeException e) {
            free(disk, directory, e);
            throw e instanceof RuntimeException failure
                    ? failure
                    : new ImageFailure("could not write to '" + directory + "'", e);
        }
    }

    private static void free(Disk disk, Path directory, Exception cause) {
        try {
            disk.close();
            Files.deleteIfExists(note(directory));
        } catch (IOException | RuntimeException e) {
            cause.addSuppressed(e);
        }
    }

    @Override
    public Optional<RootFileSystem> adopt(SandboxId sandbox, Path directory) {
        try {
            if (!Files.exists(note(directory))) {
                return Optional.empty();
            }
            String name = Files.readString(note(directory)).strip();
            return disks.find(name)
                    .flatMap(disk -> Overlay.find(overlay(directory))
                            .map(overlay -> new Mounted(overlay, disk, note(directory))));
        } catch (IOException e) {
            throw new ImageFailure("could not read which disk sandbox " + sandbox + " has", e);
        }
    }

    @Override
    public void sweep(Set<SandboxId> keep) {
        disks.sweep(keep);
    }

    private static Path overlay(Path directory) {
        return directory.resolve("rootfs");
    }

    private static Path note(Path directory) {
        return directory.resolve("disk");
    }

    private record Mounted(Overlay overlay, Disk disk, Path note) implements RootFileSystem {
        @Override
        public Path path() {
            return overlay.path();
        }

        @Override
        public void close() {
            overlay.close();
            disk.close();
            try {
                Files.deleteIfExists(note);
            } catch (IOException e) {
                throw new ImageFailure("could not remove '" + note + "'", e);
            }
        }
    }
}
