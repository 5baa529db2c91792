package dev.holt.node.image;

import dev.holt.node.linux.FileSync;
import dev.holt.node.linux.LinuxException;
import dev.holt.node.linux.LoopDevice;
import dev.holt.node.linux.Mounts;
import dev.holt.node.pool.Lease;
import dev.holt.node.process.CommandFailure;
import dev.holt.node.process.HostCommand;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A disk of limited size, for the writes of one sandbox: a sparse image with an ext4 file system, mounted while the sandbox runs
 * and at rest while it is paused. Closing it frees all it holds, at once or as soon as the last process that uses it has ended.
 */
public final class Disk implements Lease {
    private static final Duration REST_PATIENCE = Duration.ofSeconds(10);
    private static final Duration CHECK_LIMIT = Duration.ofMinutes(10);
    private static final long REST_POLL_MILLIS = 2;
    private static final String ASIDE = "aside.ext4";

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
        return home().resolve("owner");
    }

    Path mounted() {
        return mounted;
    }

    /** The file that holds all of it. Nobody may touch it while it is mounted. */
    public Path image() {
        return image;
    }

    private Path home() {
        return image.resolveSibling("");
    }

    /** Whether its file system is mounted. */
    public boolean isMounted() {
        return Files.isDirectory(upper());
    }

    /**
     * Mounts its file system; nothing happens when it is.
     *
     * @throws ImageFailure when it can't be mounted
     */
    void mount() {
        if (isMounted()) {
            return;
        }
        try {
            Files.createDirectories(mounted);
        } catch (IOException e) {
            throw new ImageFailure("could not make '" + mounted + "'", e);
        }
        try (LoopDevice loop = LoopDevice.attach(image)) {
            // discard: what the guest removes is given back to the host. noinit_itable: no thread writes all the inode
            // tables.
            Mounts.mount(
                    loop.device().toString(),
                    mounted,
                    "ext4",
                    Mounts.NO_DEVICES | Mounts.NO_ACCESS_TIMES,
                    "discard,noinit_itable");
        } catch (LinuxException e) {
            throw new ImageFailure("could not mount disk " + name + " ('" + image + "'): " + e.getMessage(), e);
        }
    }

    /** Makes durable what was written to it so far; it may be mounted or not. */
    void sync() {
        try {
            if (isMounted()) {
                FileSync.syncFileSystem(mounted);
            }
            FileSync.sync(image);
            FileSync.sync(home());
            FileSync.sync(home().resolveSibling(""));
        } catch (IOException e) {
            throw new ImageFailure("could not write disk " + name + " to the host's: " + e.getMessage(), e);
        }
    }

    /**
     * Unmounts its file system and waits until nobody uses it any more, so that its image is at rest; fine when it is.
     *
     * @throws ImageFailure when somebody still uses it after 10 s
     */
    void unmount() {
        removeMount();
        long deadline = System.nanoTime() + REST_PATIENCE.toNanos();
        while (!LoopDevice.below(home()).isEmpty()) {
            if (System.nanoTime() > deadline) {
                throw new ImageFailure("disk " + name + " is still in use " + REST_PATIENCE.toSeconds()
                        + " s after it was unmounted: " + LoopDevice.below(home()));
            }
            try {
                Thread.sleep(REST_POLL_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new ImageFailure("interrupted while disk " + name + " was being unmounted", e);
            }
        }
    }

    private void removeMount() {
        Mounts.unmount(mounted);
        try {
            // Removing the mount point also takes this mount out of every other mount namespace that was copied while
            // it was there (Linux 3.18 and later); with the last copy goes the loop device.
            Files.deleteIfExists(mounted);
        } catch (IOException e) {
            throw new ImageFailure("could not remove '" + mounted + "'", e);
        }
    }

    /**
     * Repairs the file system of a disk at rest that was not unmounted in order: it has no journal, so what was being written when
     * the host stopped may be half there.
     *
     * @return what e2fsck had to do, for a person; empty when nothing
     * @throws ImageFailure when it can't be repaired
     */
    Optional<String> check() {
        for (String how : List.of("-p", "-y")) {
            HostCommand.Outcome outcome;
            try {
                outcome = HostCommand.of("e2fsck", "-f", how, image.toString())
                        .withLimit(CHECK_LIMIT)
                        .run();
            } catch (CommandFailure e) {
                throw new ImageFailure("could not check disk " + name + ": " + e.getMessage(), e);
            }
            // e2fsck(8): 0 no errors, 1 corrected, 2 corrected and to be mounted anew; from 4 on something is left.
            if (outcome.exitCode() == 0) {
                return Optional.empty();
            }
            if (outcome.exitCode() < 4) {
                return Optional.of(how.equals("-p") ? "repaired" : "repaired with losses, see lost+found on the disk");
            }
            if (outcome.exitCode() >= 8) {
                throw new ImageFailure("disk " + name + " ('" + image + "') can't be repaired: "
                        + outcome.errors().strip() + " " + outcome.output().strip());
            }
        }
        throw new ImageFailure("disk " + name + " ('" + image + "') is damaged beyond repair by e2fsck");
    }

    /** What {@link #swap} put aside, if anything is. */
    Path aside() {
        return home().resolve(ASIDE);
    }

    /**
     * Puts another image in the place of this disk's, which must be at rest, and keeps the former one aside: until {@link #dropAside}
     * removes it or {@link #restoreAside} brings it back.
     *
     * @param replacement on the same file system; becomes the disk's own
     */
    void swap(Path replacement) {
        try {
            if (!Files.exists(aside())) {
                Files.move(image, aside(), StandardCopyOption.ATOMIC_MOVE);
            }
            Files.move(replacement, image, StandardCopyOption.ATOMIC_MOVE);
            FileSync.sync(home());
        } catch (IOException e) {
            throw new ImageFailure("could not put '" + replacement + "' in the place of '" + image + "'", e);
        }
    }

    void dropAside() {
        try {
            Files.deleteIfExists(aside());
        } catch (IOException e) {
            throw new ImageFailure("could not remove '" + aside() + "'", e);
        }
    }

    /** Fine when nothing is aside. */
    void restoreAside() {
        try {
            if (Files.exists(aside())) {
                Files.move(aside(), image, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
                FileSync.sync(home());
            }
        } catch (IOException e) {
            throw new ImageFailure("could not bring '" + aside() + "' back", e);
        }
    }

    /** What is used and what there is, in bytes. */
    public record Usage(long used, long total) {}

    /**
     * How full it is.
     *
     * @throws ImageFailure when it is not mounted
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
        removeMount();
        Path home = home();
        if (!Files.isDirectory(home)) {
            return;
        }
        try (Stream<Path> files = Files.list(home)) {
            for (Path file : files.toList()) {
                Files.deleteIfExists(file);
            }
            Files.deleteIfExists(home);
        } catch (IOException | UncheckedIOException e) {
            throw new ImageFailure("could not remove disk " + name, e);
        }
    }
}
