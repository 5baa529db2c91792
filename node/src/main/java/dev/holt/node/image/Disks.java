package dev.holt.node.image;

import dev.holt.node.linux.FileCopy;
import dev.holt.node.linux.LinuxException;
import dev.holt.node.linux.LoopDevice;
import dev.holt.node.linux.Mounts;
import dev.holt.node.linux.SparseFile;
import dev.holt.node.process.HostCommand;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Makes the size-limited disks that sandboxes write to: each a sparse file with an ext4 file system, mounted by a loop device. A
 * new one costs a copy of the 100 to 200 kB that an empty file system holds, and two calls of the kernel; nothing is spawned.
 *
 * <p>The file systems have no journal, which would cost each sandbox a kernel thread, 8 MB and every write twice. What must be durable
 * is synced when a sandbox is paused; after a crash of the host a disk that was mounted is checked, see {@link Disk#check}.
 */
public final class Disks implements AutoCloseable {
    private static final String MOUNTED = "mounted";
    private static final String IMAGE = "image.ext4";
    /** Part of the name of empty images, so that a change of {@link #format} never meets old ones. */
    private static final int FORMAT_VERSION = 1;

    private final Path empties;
    private final Path disks;
    private final Map<Integer, SparseFile> prepared = new ConcurrentHashMap<>();

    /**
     * @param empties where empty images are kept between runs
     * @param disks where the disks of sandboxes are; no other mount namespace gets what is mounted there
     * @throws ImageFailure when these can't be made
     */
    public Disks(Path empties, Path disks) {
        this.empties = empties;
        this.disks = disks;
        try {
            Files.createDirectories(empties);
            Files.createDirectories(disks);
            Mounts.makePrivate(disks);
        } catch (IOException | LinuxException e) {
            throw new ImageFailure("could not prepare '" + disks + "' for disks: " + e.getMessage(), e);
        }
    }

    /**
     * A new empty disk, mounted.
     *
     * @param megabytes its size in MiB, 64 to 1048576
     * @throws ImageFailure when it can't be made; nothing of it is left then
     */
    public Disk create(int megabytes) {
        String name = UUID.randomUUID().toString();
        Disk disk = disk(name);
        try {
            SparseFile empty = empty(megabytes);
            Files.createDirectories(disk.mounted());
            empty.write(disk.image());
            disk.mount();
            Files.createDirectory(disk.upper());
            Files.createDirectory(disk.work());
            return disk;
        } catch (IOException | RuntimeException e) {
            throw closed(disk, e, "could not make a disk of " + megabytes + " MiB: " + e.getMessage());
        }
    }

    /**
     * A new disk with the content of an image, at rest.
     *
     * @param image nobody may write to it meanwhile
     * @throws ImageFailure when it can't be made; nothing of it is left then
     */
    Disk copy(Path image) {
        Disk disk = disk(UUID.randomUUID().toString());
        try {
            Files.createDirectories(disk.mounted());
            FileCopy.copy(image, disk.image());
            return disk;
        } catch (IOException | RuntimeException e) {
            throw closed(disk, e, "could not make a copy of disk image '" + image + "': " + e.getMessage());
        }
    }

    private static ImageFailure closed(Disk disk, Exception cause, String message) {
        try {
            disk.close();
        } catch (RuntimeException cleanup) {
            cause.addSuppressed(cleanup);
        }
        return cause instanceof ImageFailure failure ? failure : new ImageFailure(message, cause);
    }

    /** The disk of that name, for adoption after a restart: mounted, at rest, or, if somebody took it away, not there. */
    public Disk find(String name) {
        return disk(name);
    }

    /**
     * Frees every disk that no sandbox among {@code keep} has, with the overlay over it: of sandboxes that are no more, of creates
     * that were cut short, and those that nobody had taken yet.
     *
     * @return how many were freed
     */
    public int sweep(Set<SandboxId> keep) {
        int freed = 0;
        for (Path home : homes()) {
            Disk disk = disk(home.getFileName().toString());
            List<String> owner = owner(disk);
            Optional<SandboxId> sandbox = owner.isEmpty() ? Optional.empty() : SandboxId.parse(owner.getFirst());
            if (sandbox.isEmpty() || !keep.contains(sandbox.get())) {
                if (owner.size() > 1) {
                    Overlay.sweep(Path.of(owner.get(1)));
                }
                disk.close();
                freed++;
            }
        }
        Set<String> mounted = Set.copyOf(
                Mounts.below(disks).stream().map(Mounts.Mount::source).toList());
        LoopDevice.below(disks).forEach((device, file) -> {
            if (!mounted.contains(device.toString())) { // attached, and never mounted
                LoopDevice.detach(device);
            }
        });
        return freed;
    }

    /** Takes back what the mounts were kept private by, unless a disk is mounted: those of sandboxes that run on are. */
    @Override
    public void close() {
        try {
            Mounts.endPrivate(disks);
        } catch (LinuxException e) {
            throw new ImageFailure("could not release '" + disks + "': " + e.getMessage(), e);
        }
    }

    private static List<String> owner(Disk disk) {
        try {
            return Files.exists(disk.owner()) ? Files.readAllLines(disk.owner()) : List.of();
        } catch (IOException e) {
            throw new ImageFailure("could not read '" + disk.owner() + "'", e);
        }
    }

    private Disk disk(String name) {
        Path home = disks.resolve(name);
        return new Disk(name, home.resolve(MOUNTED), home.resolve(IMAGE));
    }

    private List<Path> homes() {
        try (Stream<Path> entries = Files.list(disks)) {
            return entries.toList();
        } catch (IOException | UncheckedIOException e) {
            throw new ImageFailure("could not list '" + disks + "'", e);
        }
    }

    private SparseFile empty(int megabytes) {
        return prepared.computeIfAbsent(megabytes, this::prepare);
    }

    private SparseFile prepare(int megabytes) {
        Path image = empties.resolve("empty-" + FORMAT_VERSION + "-" + megabytes + "m.ext4");
        try {
            if (!Files.exists(image)) {
                Path unfinished = Files.createTempFile(empties, "unfinished-", ".ext4");
                try {
                    format(unfinished, megabytes * 1024L * 1024L);
                    Files.move(unfinished, image, StandardCopyOption.ATOMIC_MOVE);
                } finally {
                    Files.deleteIfExists(unfinished);
                }
            }
            return SparseFile.read(image);
        } catch (IOException e) {
            throw new ImageFailure("could not prepare an empty image of " + megabytes + " MiB in '" + empties + "'", e);
        }
    }

    private static void format(Path file, long size) throws IOException {
        try (RandomAccessFile image = new RandomAccessFile(file.toFile(), "rw")) {
            image.setLength(size);
        }
        HostCommand.of(
                        "mkfs.ext4",
                        "-q",
                        "-F",
                        "-m", // no blocks kept for root: root is the guest here
                        "0",
                        "-i", // bytes for each inode: source trees of many small files must fit
                        "8192",
                        "-O",
                        "^has_journal,^resize_inode",
                        "-E",
                        "lazy_itable_init=1,nodiscard",
                        file.toString())
                .runOrFail();
    }
}
