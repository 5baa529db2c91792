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
            Overlay.mount(image.layers(), disk, path);
            return new OnDisk(image, path, disk, note(directory));
        } catch (IOException | RuntimeException e) {
            throw freed(disk, directory, e);
        }
    }

    @Override
    public RootFileSystem mountCopy(SandboxId sandbox, Path directory, TemplateImage image, Path source) {
        Disk disk = disks.copy(source);
        try {
            disk.assign(sandbox, overlay(directory));
            Files.writeString(note(directory), disk.name());
            RootFileSystem root = new OnDisk(image, overlay(directory), disk, note(directory));
            root.mount();
            return root;
        } catch (IOException | RuntimeException e) {
            throw freed(disk, directory, e);
        }
    }

    private static RuntimeException freed(Disk disk, Path directory, Exception cause) {
        try {
            disk.close();
            Files.deleteIfExists(note(directory));
        } catch (IOException | RuntimeException e) {
            cause.addSuppressed(e);
        }
        return cause instanceof RuntimeException failure
                ? failure
                : new ImageFailure("could not write to '" + directory + "'", cause);
    }

    @Override
    public Optional<RootFileSystem> adopt(SandboxId sandbox, Path directory, TemplateImage image) {
        try {
            if (!Files.exists(note(directory))) {
                return Optional.empty();
            }
            String name = Files.readString(note(directory)).strip();
            return name.isEmpty()
                    ? Optional.empty()
                    : Optional.of(new OnDisk(image, overlay(directory), disks.find(name), note(directory)));
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

    /** The two mounts, one over the other, and the note that names the disk. */
    private record OnDisk(TemplateImage template, Path path, Disk disk, Path note) implements RootFileSystem {
        @Override
        public Path image() {
            return disk.image();
        }

        @Override
        public boolean mounted() {
            return disk.isMounted() && Overlay.isMounted(path);
        }

        @Override
        public void mount() {
            if (!mounted()) {
                disk.mount();
                try {
                    Overlay.mount(template.layers(), disk, path);
                } catch (ImageFailure e) {
                    disk.unmount();
                    throw e;
                }
            }
        }

        @Override
        public void unmount() {
            Overlay.sweep(path);
            disk.unmount();
        }

        @Override
        public void sync() {
            disk.sync();
        }

        @Override
        public Optional<String> check() {
            return disk.check();
        }

        @Override
        public void swap(Path replacement) {
            disk.swap(replacement);
        }

        @Override
        public Path aside() {
            return disk.aside();
        }

        @Override
        public void dropAside() {
            disk.dropAside();
        }

        @Override
        public void restoreAside() {
            disk.restoreAside();
        }

        @Override
        public void close() {
            Overlay.unmount(path);
            disk.close();
            try {
                Files.deleteIfExists(note);
            } catch (IOException e) {
                throw new ImageFailure("could not remove '" + note + "'", e);
            }
        }
    }
}
