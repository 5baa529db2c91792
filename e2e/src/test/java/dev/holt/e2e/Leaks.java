package dev.holt.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What sandboxes are made of, as the host sees it: processes, mounts, network namespaces, links, cgroups, loop devices, nft
 * tables, directories. What is there after a test and was not before is a leak.
 */
final class Leaks {
    private final Path state;
    private final Path run;
    private final Set<String> before;

    private Leaks(Path state, Path run) {
        this.state = state;
        this.run = run;
        this.before = things();
    }

    /** Remembers what is there now. */
    static Leaks watch(Path state, Path run) {
        return new Leaks(state, run);
    }

    /** Fails with the list of everything that came and did not go, after giving the kernel a moment to finish. */
    void assertNone() {
        Set<String> left = new TreeSet<>();
        for (int attempt = 0; attempt < 100; attempt++) {
            left = things();
            left.removeAll(before);
            if (left.isEmpty()) {
                return;
            }
            try {
                Thread.sleep(100);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new AssertionError("interrupted", e);
            }
        }
        throw new AssertionError("left behind:\n" + String.join("\n", left));
    }

    /** All there is now, each in words that begin with its kind. */
    Set<String> things() {
        Set<String> things = new TreeSet<>();
        processes(things);
        lines("/proc/self/mounts")
                .filter(line -> line.contains(state.toString()) || line.contains(run.toString()))
                .forEach(line -> things.add("mount " + line));
        children("/run/netns").forEach(name -> things.add("network namespace " + name));
        children("/sys/class/net").forEach(name -> things.add("link " + name));
        // <hierarchy>/<network name>/<engine>/<sandbox>
        for (String hierarchy : List.of("memory", "pids", "freezer", "cpu", "unified", ".")) {
            String parent = Path.of("/sys/fs/cgroup", hierarchy, "holte2e").toString();
            if (Files.isDirectory(Path.of(parent))) {
                things.add("cgroup " + parent);
            }
            directories(parent)
                    .forEach(engine -> directories(parent + "/" + engine)
                            .forEach(name -> things.add("cgroup " + parent + "/" + engine + "/" + name)));
        }
        children("/sys/block").filter(name -> name.startsWith("loop")).forEach(name -> {
            Path backing = Path.of("/sys/block", name, "loop/backing_file");
            if (Files.exists(backing)) {
                things.add("loop device " + name + " of "
                        + lines(backing.toString()).findFirst().orElse("?"));
            }
        });
        Command.run(Path.of("/"), Map.of(), Duration.ofSeconds(20), List.of("nft", "list", "tables"))
                .succeeded()
                .output()
                .lines()
                .forEach(table -> things.add("nft " + table));
        for (String kept : List.of("sandboxes", "disks")) {
            children(state.resolve(kept).toString()).forEach(name -> things.add("directory " + kept + "/" + name));
        }
        halfSnapshots(things);
        return things;
    }

    /** Builds that nobody can start from. A whole one that nobody was told of, because Holt was killed, stays for an hour and is none. */
    private void halfSnapshots(Set<String> things) {
        Path snapshots = state.resolve("snapshots");
        directories(snapshots.toString())
                .filter(template -> !template.startsWith("."))
                .map(snapshots::resolve)
                .forEach(template -> directories(template.toString())
                        .map(template::resolve)
                        .filter(build -> build.getFileName().toString().startsWith(".")
                                || Files.exists(build.resolve(".deleted"))
                                || lines(build.resolve("build.json").toString())
                                        .noneMatch(line -> line.contains("\"passing\":false")))
                        .forEach(build -> things.add("directory " + build)));
    }

    private static void processes(Set<String> things) {
        children("/proc")
                .filter(name -> name.chars().allMatch(Character::isDigit))
                .forEach(pid -> {
                    String command = lines("/proc/" + pid + "/cmdline")
                            .collect(Collectors.joining(" "))
                            .replace('\0', ' ');
                    if (command.contains("/.holt/")
                            || command.startsWith("runsc")
                            || command.contains("/runsc ")
                            || command.startsWith("runc ")
                            || command.contains("/runc ")) {
                        things.add("process " + pid + " " + command.strip());
                    }
                });
    }

    private static Stream<String> lines(String file) {
        try {
            return Files.readAllLines(Path.of(file), java.nio.charset.StandardCharsets.ISO_8859_1).stream();
        } catch (IOException e) {
            return Stream.empty(); // it went while we looked
        }
    }

    private static Stream<String> directories(String directory) {
        return children(directory).filter(name -> Files.isDirectory(Path.of(directory, name)));
    }

    private static Stream<String> children(String directory) {
        if (!Files.isDirectory(Path.of(directory))) {
            return Stream.empty();
        }
        try (Stream<Path> files = Files.list(Path.of(directory))) {
            return files.map(file -> file.getFileName().toString()).toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
