package dev.holt.node.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Mounting and unmounting by mount(2) and umount2(2) themselves: a spawned mount(8) costs 5 to 20 ms, the calls tens of
 * microseconds. All in the mount namespace that the node started in.
 */
public final class Mounts {
    /** Flags of mount(2), see linux/mount.h. */
    public static final long NO_DEVICES = 4;

    public static final long NO_ACCESS_TIMES = 1024;
    private static final long BIND = 4096;
    private static final long PRIVATE = 1 << 18;
    private static final int DETACH = 2;
    private static final int NO_FOLLOW = 8;
    private static final int BUSY_TRIES = 20;
    private static final long BUSY_PAUSE_MILLIS = 5;
    private static final Pattern ESCAPE = Pattern.compile("\\\\([0-7]{3})");

    private Mounts() {}

    /**
     * One mount as /proc/self/mountinfo shows it, see proc(5).
     *
     * @param target where it is
     * @param type of the file system
     * @param source what is mounted, a device for example
     */
    public record Mount(Path target, String type, String source) {}

    /**
     * Mounts {@code source} of file system {@code type} on {@code target} with the file system's own {@code options}.
     *
     * @throws LinuxException when the kernel refuses
     */
    public static void mount(String source, Path target, String type, long flags, String options) {
        long result = Libc.mount(source, target.toString(), type, flags, options);
        if (result < 0) {
            throw LinuxException.of(
                    "could not mount " + type + " '" + source + "' on '" + target + "' (" + options + ")", -result);
        }
    }

    /**
     * Makes {@code directory} a mount point whose mounts no other mount namespace gets: bound onto itself, propagation
     * private. Does nothing when it is a mount point already.
     *
     * @throws LinuxException when the kernel refuses
     */
    public static void makePrivate(Path directory) {
        if (below(directory).stream().noneMatch(mount -> mount.target().equals(directory))) {
            mount(directory.toString(), directory, "none", BIND, "");
        }
        mount("none", directory, "none", PRIVATE, "");
    }

    /**
     * Undoes {@link #makePrivate}, unless something is mounted below: then nothing happens.
     *
     * @throws LinuxException when the kernel refuses
     */
    public static void endPrivate(Path directory) {
        List<Mount> mounts = below(directory);
        if (!mounts.isEmpty()
                && mounts.stream().allMatch(mount -> mount.target().equals(directory))) {
            unmount(directory);
        }
    }

    /**
     * Unmounts the topmost mount on {@code target}; nothing happens when there is none. One that stays busy for 100 ms is
     * detached: gone from the tree at once, freed when its last user lets go.
     *
     * @return whether it was freed at once; false when it was detached
     * @throws LinuxException when the kernel refuses
     */
    public static boolean unmount(Path target) {
        for (int attempt = 0; attempt < BUSY_TRIES; attempt++) {
            long result = Libc.umount(target.toString(), NO_FOLLOW);
            if (result >= 0 || result == -Libc.EINVAL || result == -Libc.ENOENT) {
                return true;
            }
            if (result != -Libc.EBUSY) {
                throw LinuxException.of("could not unmount '" + target + "'", -result);
            }
            try {
                Thread.sleep(BUSY_PAUSE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        long result = Libc.umount(target.toString(), NO_FOLLOW | DETACH);
        if (result < 0 && result != -Libc.EINVAL && result != -Libc.ENOENT) {
            throw LinuxException.of("could not detach the mount on '" + target + "'", -result);
        }
        return false;
    }

    /** The mounts at and below {@code directory}, in the order in which they were mounted. */
    public static List<Mount> below(Path directory) {
        List<String> lines;
        try {
            lines = Files.readAllLines(Path.of("/proc/self/mountinfo"), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new LinuxException("could not read /proc/self/mountinfo", e);
        }
        List<Mount> found = new ArrayList<>();
        for (String line : lines) {
            String[] fields = line.split(" ", -1);
            Path target = Path.of(unescape(fields[4]));
            if (target.startsWith(directory)) {
                int separator = List.of(fields).indexOf("-");
                found.add(new Mount(target, fields[separator + 1], unescape(fields[separator + 2])));
            }
        }
        return found;
    }

    /** Unmounts everything at and below {@code directory}, last mounted first. */
    public static void unmountBelow(Path directory) {
        for (Mount mount : below(directory).reversed()) {
            unmount(mount.target());
        }
    }

    private static String unescape(String field) {
        Matcher matcher = ESCAPE.matcher(field);
        return matcher.replaceAll(
                match -> Matcher.quoteReplacement(Character.toString(Integer.parseInt(match.group(1), 8))));
    }
}
