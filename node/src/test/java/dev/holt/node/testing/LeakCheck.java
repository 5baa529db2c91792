package dev.holt.node.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.node.linux.LoopDevice;
import dev.holt.node.linux.Mounts;
import dev.holt.node.process.HostCommand;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * What one node has on its host, found without asking it: processes, mounts, loop devices, cgroups, namespaces, links, nft
 * tables, files. Taken before and after, it proves that nothing is left. Looks only at what carries the node's own names, so
 * that other nodes on the host don't matter.
 */
public final class LeakCheck {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final Path state;
    private final String cgroupParent;
    private final String network;
    private final Set<String> before;

    /**
     * Looks now.
     *
     * @param state below which the node keeps everything
     * @param cgroupParent below which its cgroups are
     * @param network the name of its network: of its nft table, and before the dash of its namespaces and links
     */
    public LeakCheck(Path state, String cgroupParent, String network) {
        this.state = state;
        this.cgroupParent = cgroupParent;
        this.network = network;
        this.before = look();
    }

    /** Fails unless all is as before, within 10 s: the kernel frees loop devices and links a moment later. */
    public void assertNothingLeft() throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!before.containsAll(look()) && System.nanoTime() < deadline) {
            Thread.sleep(20);
        }
        Set<String> after = look();
        Set<String> more = new TreeSet<>(after);
        more.removeAll(before);
        Set<String> fewer = new TreeSet<>(before);
        fewer.removeAll(after);
        fewer.removeIf(thing -> thing.startsWith("process ")); // the dead of before, reaped since
        assertThat(more).as("what was left on this host").isEmpty();
        assertThat(fewer).as("what was there before and is no more").isEmpty();
    }

    private Set<String> look() {
        Set<String> found = new TreeSet<>();
        try {
            processes(found);
            Mounts.below(state).forEach(mount -> found.add("mount " + mount.target()));
            LoopDevice.below(state).forEach((device, file) -> found.add("loop device of " + file));
            cgroups(found);
            for (Path directory : new Path[] {Path.of("/run/netns"), Path.of("/sys/class/net")}) {
                names(directory)
                        .filter(name -> name.startsWith(network + "-"))
                        .forEach(name -> found.add(directory + "/" + name));
            }
            HostCommand.of("nft", "list", "tables")
                    .runOrFail()
                    .output()
                    .lines()
                    .filter(line -> line.endsWith(" " + network))
                    .forEach(found::add);
            try (Stream<Path> files = Files.walk(state, 4)) {
                files.filter(file -> !file.toString().contains("/rootfs/")).forEach(file -> found.add("file " + file));
            }
        } catch (IOException | UncheckedIOException e) {
            found.add("changing while looked at: " + e.getMessage());
        }
        return found;
    }

    private void processes(Set<String> found) {
        names(Path.of("/proc"))
                .filter(name -> Character.isDigit(name.charAt(0)))
                .forEach(name -> {
                    Path process = Path.of("/proc", name);
                    String words = text(process.resolve("cmdline")).replace('\0', ' ');
                    boolean engine = words.contains(state.toString()) && !words.contains("java");
                    if (engine || text(process.resolve("cgroup")).contains("/" + cgroupParent + "/")) {
                        found.add("process " + name + " " + words);
                    }
                });
    }

    private void cgroups(Set<String> found) throws IOException {
        for (String hierarchy : names(Path.of("/sys/fs/cgroup")).toList()) {
            Path top = Path.of("/sys/fs/cgroup", hierarchy, cgroupParent);
            if (Files.isDirectory(top)) {
                try (Stream<Path> groups = Files.walk(top)) {
                    // The parents of an engine's groups stay; they hold nothing.
                    groups.filter(Files::isDirectory)
                            .filter(group -> top.relativize(group).getNameCount() > 1)
                            .forEach(group -> found.add("cgroup " + group));
                }
            }
        }
        Path unified = Path.of("/sys/fs/cgroup", cgroupParent);
        if (Files.isDirectory(unified)) {
            try (Stream<Path> groups = Files.walk(unified)) {
                groups.filter(Files::isDirectory)
                        .filter(group -> unified.relativize(group).getNameCount() > 1)
                        .forEach(group -> found.add("cgroup " + group));
            }
        }
    }

    private static Stream<String> names(Path directory) {
        if (!Files.isDirectory(directory)) {
            return Stream.empty();
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.map(entry -> entry.getFileName().toString()).toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return ""; // the process has ended
        }
    }
}
