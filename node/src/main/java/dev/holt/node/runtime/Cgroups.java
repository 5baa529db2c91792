package dev.holt.node.runtime;

import dev.holt.node.linux.ProcessIdentity;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * The control groups of this host, read and removed through their files: no engine is asked. Two layouts: version 1 with one
 * hierarchy a controller (and perhaps version 2 beside them, "hybrid"), and version 2 alone. A group is named by its path below
 * the root of every hierarchy, for example {@code holt/runc/sbx}. Making groups and setting limits is the engine's business.
 */
sealed interface Cgroups permits CgroupsV1, CgroupsV2 {
    /** Where the kernel shows them on every distribution. */
    Path MOUNTED_AT = Path.of("/sys/fs/cgroup");

    /** A process in an uninterruptible wait, for a disk for example, stops only when that is over. */
    Duration FREEZE_LIMIT = Duration.ofSeconds(5);

    /** The layout of this host. */
    static Cgroups ofHost() {
        return Files.exists(MOUNTED_AT.resolve("cgroup.controllers"))
                ? new CgroupsV2(MOUNTED_AT)
                : CgroupsV1.mountedBelow(MOUNTED_AT);
    }

    /** The roots of all hierarchies. */
    List<Path> hierarchies();

    /** Whether a limit on swap can be set: on version 1 only where the kernel accounts for it. */
    boolean limitsSwap();

    /** What the group used so far; zeros when there is no such group. */
    ResourceUsage usage(String group);

    /** How often the kernel killed something in the group because of its memory limit. */
    long outOfMemoryKills(String group);

    /** As {@link #freeze(String, Duration)}, within {@link #FREEZE_LIMIT}. */
    default void freeze(String group) {
        freeze(group, FREEZE_LIMIT);
    }

    /**
     * Stops everything in the group where it is, and returns when it has stopped, or when the group is gone.
     *
     * @throws RuntimeFailure when it did not within {@code limit}; everything goes on then
     */
    void freeze(String group, Duration limit);

    /** Whether everything in the group is stopped; not so when it is gone. */
    boolean frozen(String group);

    /** Lets a frozen group go on; nothing happens to one that is not frozen, or gone. */
    void thaw(String group);

    /** Asks every 0.1 ms to 2 ms for {@code frozen}. */
    static boolean becomes(BooleanSupplier frozen, Duration limit) {
        long deadline = System.nanoTime() + limit.toNanos();
        for (long pause = 100_000; !frozen.getAsBoolean(); pause = Math.min(2 * pause, 2_000_000)) {
            if (System.nanoTime() > deadline) {
                return false;
            }
            LockSupport.parkNanos(pause);
        }
        return true;
    }

    /** Sends SIGKILL to everything in the group once, frozen or not; what is forked meanwhile needs another call. */
    default void kill(String group) {
        for (long pid : processes(group)) {
            ProcessIdentity.kill(pid);
        }
    }

    /** The processes in the group, in whichever hierarchy: one that an engine was still moving may be in some only. */
    default Set<Long> processes(String group) {
        Set<Long> pids = new LinkedHashSet<>();
        for (Path hierarchy : hierarchies()) {
            for (String line : lines(hierarchy.resolve(group).resolve("cgroup.procs"))) {
                pids.add(Long.parseLong(line));
            }
        }
        return pids;
    }

    /**
     * Tries once to remove the group with its subgroups from every hierarchy.
     *
     * @return whether none of it is left; a group stays busy for 5 to 15 ms after its last process has ended
     */
    default boolean remove(String group) {
        boolean gone = true;
        for (Path hierarchy : hierarchies()) {
            gone &= removeDirectory(hierarchy.resolve(group));
        }
        return gone;
    }

    /** Removes the group from every hierarchy in which it has neither processes nor subgroups. */
    default void removeIfEmpty(String group) {
        for (Path hierarchy : hierarchies()) {
            Path directory = hierarchy.resolve(group);
            if (subdirectories(directory).isEmpty()) {
                removeDirectory(directory);
            }
        }
    }

    /** The names of the groups directly below {@code group}. */
    default Set<String> children(String group) {
        Set<String> names = new LinkedHashSet<>();
        for (Path hierarchy : hierarchies()) {
            for (Path child : subdirectories(hierarchy.resolve(group))) {
                names.add(child.getFileName().toString());
            }
        }
        return names;
    }

    private static boolean removeDirectory(Path directory) {
        boolean gone = true;
        for (Path child : subdirectories(directory)) {
            gone &= removeDirectory(child);
        }
        try {
            Files.deleteIfExists(directory); // rmdir(2): the files in it are the kernel's and go with it
            return gone;
        } catch (IOException e) {
            return false; // EBUSY: asked again by the caller, who has the deadline
        }
    }

    private static List<Path> subdirectories(Path directory) {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.filter(Files::isDirectory).toList();
        } catch (IOException | UncheckedIOException e) {
            return List.of(); // removed while we read
        }
    }

    /** The lines of a file of the kernel's; none when the group is gone. */
    static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file, StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return List.of();
        }
    }

    /** The number in a file that holds one; 0 when the group is gone. */
    static long number(Path file) {
        List<String> lines = lines(file);
        return lines.isEmpty() ? 0 : Long.parseLong(lines.getFirst().strip());
    }

    /** The number behind {@code key} in a file of "key number" lines; 0 when absent. */
    static long number(Path file, String key) {
        for (String line : lines(file)) {
            if (line.startsWith(key) && line.length() > key.length() && line.charAt(key.length()) == ' ') {
                return Long.parseLong(line.substring(key.length() + 1).strip());
            }
        }
        return 0;
    }

    /** Writes to a file of the kernel's; a group that is gone needs nothing written. */
    static void write(Path file, String text) {
        try {
            Files.writeString(file, text, StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            if (Files.exists(file)) {
                throw new RuntimeFailure("could not write '" + text + "' to '" + file + "'", e);
            }
        }
    }

    /** The subdirectories of {@code root} that are hierarchies of version 1, or of version 2 in a hybrid. */
    static List<Path> mountedHierarchies(Path root) {
        List<Path> found = new ArrayList<>();
        for (Path directory : subdirectories(root)) {
            // "cpu" and "cpuacct" may be links to the directory of both.
            if (!Files.isSymbolicLink(directory) && Files.exists(directory.resolve("cgroup.procs"))) {
                found.add(directory);
            }
        }
        return found;
    }
}
