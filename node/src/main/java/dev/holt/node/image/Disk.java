package dev.holt.node.image;

import dev.holt.node.linux.Mounts;
import dev.holt.node.pool.Lease;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A mounted disk of limited size, for the writes of one sandbox. Closing it frees all it holds, at once or as soon as the last
 * process that uses it has ended.
 */
public final class Disk implements Lease {
    private final String name;
    private final Path mounted;
    private final Path image;

    Disk(String name, Path mounted, Path image) {
        this.name = name;
        this.mounted = mounted;
        this.image = image;
    }

    /** Names it in the journal, see {@link Disks#find}. */
    public String name() {
        return name;
    }

    /** The upper directory of an overlay: what the sandbox wrote. */
    public Path upper() {
        return mounted.resolve("upper");
    }

    /** The work directory of an overlay. */
    public Path work() {
        return mounted.resolve("work");
    }

    /** Notes which sandbox has it, and where its overlay is, for a sweep after a restart. */
    void assign(SandboxId sandbox, Path overlay) {
        try {
            Files.writeString(owner(), sandbox + "\n" + overlay + "\n");
        } catch (IOException e) {
            throw new ImageFailure("could not assign disk " + name + " to sandbox " + sandbox, e);
        }
    }

    Path owner() {
        return image.resolveSibling("owner");
    }

    Path mounted() {
        return mounted;
    }

    Path image() {
        return image;
    }

    /** What is used and what there is, in bytes. */
    public record Usage(long used, long total) {}

    /**
     * How full it is.
     *
     * @throws ImageFailure when it was closed
     */
    public Usage usage() {
        try {
            FileStore store = Files.getFileStore(upper());
            return new Usage(store.getTotalSpace() - store.getUnallocatedSpace(), store.getTotalSpace());
        } catch (IOException e) {
            throw new ImageFailure("disk " + name + " is not mounted", e);
        }
    }

    /** Unmounts it and removes its image; idempotent. */
    @Override
    public void close() {
        Mounts.unmount(mounted);
        try {
            // Removing the mount point also takes this mount out of every other mount namespace that was copied while
            // it was there
            // (Linux 3.18 and later); with the last copy goes the loop device.
            Files.deleteIfExists(mounted);
            Files.deleteIfExists(image);
            Files.deleteIfExists(owner());
            Files.deleteIfExists(image.getParent());
        } catch (IOException e) {
            throw new ImageFailure("could not remove disk " + name, e);
        }
    }
}
