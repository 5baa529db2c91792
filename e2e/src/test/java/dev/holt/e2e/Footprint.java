package dev.holt.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * How much of each kind there is on the host at one moment: what {@link Leaks} knows by name, counted, and more that has no name.
 *
 * @param exact what must not grow at all
 * @param inBounds what may be a little more or less at any moment, with the daemon's own workings
 */
record Footprint(Map<String, Long> exact, Map<String, Long> inBounds) {
    /**
     * How far these may be from what they were. Descriptors: connections that clients keep open, files of the JVM that are opened when first used.
     * Threads: what carries virtual ones. KiB: the database, which remembers every sandbox that there was (about 1 KiB each), and its log of at most 4 MiB.
     */
    private static final Map<String, Long> MARGINS =
            Map.of("descriptors of the daemon", 24L, "threads of the daemon", 24L, "KiB on disk", 8L << 10);

    static Footprint of(long daemon, Path state, Leaks leaks) {
        Map<String, Long> exact = new TreeMap<>();
        leaks.things().forEach(thing -> exact.merge(thing.substring(0, thing.indexOf(' ')), 1L, Long::sum));
        exact.put("mounts of the host", lines(Path.of("/proc/self/mounts")));
        exact.put("lines of nft rules", (long)
                output("nft", "list", "ruleset").lines().count());
        exact.put("control groups", (long) output("find", "/sys/fs/cgroup", "-path", "*/holte2e/*", "-type", "d")
                .lines()
                .count());
        Map<String, Long> inBounds = new TreeMap<>();
        inBounds.put("descriptors of the daemon", children(Path.of("/proc/" + daemon + "/fd")));
        inBounds.put("threads of the daemon", children(Path.of("/proc/" + daemon + "/task")));
        String used = output(
                "du",
                "--summarize",
                "--block-size=1K",
                "--one-file-system",
                "--exclude=templates",
                "--exclude=rootfs", // mounts
                "--exclude=mounted",
                "--exclude=empty-disks",
                state.toString());
        inBounds.put(
                "KiB on disk",
                used.lines()
                        .filter(line -> line.endsWith("\t" + state)) // others tell what went while it looked
                        .mapToLong(line -> Long.parseLong(line.substring(0, line.indexOf('\t'))))
                        .sum());
        return new Footprint(exact, inBounds);
    }

    /** What of it is more than it was in {@code before}, in words; nothing when all is well. */
    List<String> grownSince(Footprint before) {
        return Stream.concat(grown(before.exact, exact, Map.of()), grown(before.inBounds, inBounds, MARGINS))
                .toList();
    }

    private static Stream<String> grown(Map<String, Long> before, Map<String, Long> now, Map<String, Long> margins) {
        return now.entrySet().stream()
                .filter(entry -> entry.getValue()
                        > before.getOrDefault(entry.getKey(), 0L) + margins.getOrDefault(entry.getKey(), 0L))
                .map(entry -> entry.getKey() + ": " + entry.getValue() + ", before "
                        + before.getOrDefault(entry.getKey(), 0L));
    }

    private static String output(String... command) {
        // du and find tell by their exit code that something went while they looked, which here is no failure
        return Command.run(Path.of("/"), Map.of(), Duration.ofMinutes(1), List.of(command))
                .output();
    }

    private static long lines(Path file) {
        try (Stream<String> lines = Files.lines(file)) {
            return lines.count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long children(Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            return files.count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
