package dev.holt.node.image;

import dev.holt.node.linux.LinuxException;
import dev.holt.node.linux.Mounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** A mount that shows a template's directories, read only, under a disk that takes all writes. */
final class Overlay implements AutoCloseable {
    private final Path path;

    private Overlay(Path path) {
        this.path = path;
    }

    /**
     * Mounts it on {@code path}, a directory that is made for it.
     *
     * @param layers directories, the uppermost first; at least one
     * @param disk takes the writes; must stay mounted as long as this
     * @throws ImageFailure when it can't be mounted; nothing is left then
     */
    static Overlay mount(List<Path> layers, Disk disk, Path path) {
        if (layers.isEmpty()) {
            throw new IllegalArgumentException("a root file system needs at least one layer");
        }
        // redirect_dir: renaming a directory of a layer works, as on any disk, instead of failing with EXDEV. No
        // nosuid: sudo.
        String options = "lowerdir=" + layers.stream().map(Overlay::safe).collect(Collectors.joining(":"))
                + ",upperdir=" + safe(disk.upper()) + ",workdir=" + safe(disk.work())
                + ",redirect_dir=on,index=off,metacopy=off";
        try {
            Files.createDirectories(path);
            Mounts.mount("overlay", path, "overlay", Mounts.NO_DEVICES | Mounts.NO_ACCESS_TIMES, options);
            return new Overlay(path);
        } catch (IOException | LinuxException e) {
            try {
                Files.deleteIfExists(path);
            } catch (IOException cleanup) {
                e.addSuppressed(cleanup);
            }
            throw new ImageFailure("could not mount a root file system on '" + path + "': " + e.getMessage(), e);
        }
    }

    /** The one mounted on {@code path} if there is one, for adoption after a restart. */
    static Optional<Overlay> find(Path path) {
        boolean mounted = Mounts.below(path).stream()
                .anyMatch(mount -> mount.target().equals(path) && mount.type().equals("overlay"));
        return mounted ? Optional.of(new Overlay(path)) : Optional.empty();
    }

    /** Unmounts whatever is mounted at and below {@code path} and removes it if it is an empty directory; fine when there is nothing. */
    static void sweep(Path path) {
        Mounts.unmountBelow(path);
        new Overlay(path).close();
    }

    /** The kernel takes the options as one string in which ',' and ':' separate. */
    static String safe(Path directory) {
        String text = directory.toString();
        if (text.contains(",") || text.contains(":") || text.contains("\\")) {
            throw new ImageFailure(
                    "'" + text + "' can't be a layer: choose a state directory without ',', ':' and '\\'");
        }
        return text;
    }

    /** Where it is mounted. */
    Path path() {
        return path;
    }

    /** Unmounts it; idempotent. */
    @Override
    public void close() {
        Mounts.unmount(path);
        try {
            Files.deleteIfExists(path); // takes it out of other mount namespaces too, see Disk
        } catch (IOException e) {
            throw new ImageFailure("could not remove '" + path + "'", e);
        }
    }
}
