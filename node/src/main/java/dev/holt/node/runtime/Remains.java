package dev.holt.node.runtime;

import dev.holt.node.linux.ProcessIdentity;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * What one engine has of sandboxes on this host: processes, cgroups, state files. Ends and removes it without asking the engine,
 * which needs 34 to 187 ms for what takes 5 to 45 by hand, and says "running" of what was killed. Every method may be called by
 * several threads at once for the same sandbox.
 */
record Remains(OciEngine engine, Path root, Cgroups cgroups, String cgroupParent) {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    /** The cgroup of a sandbox. */
    String group(SandboxId id) {
        return cgroupParent + "/" + id;
    }

    /** The sandboxes of which there is engine state or a cgroup. */
    List<SandboxId> ids() {
        Set<SandboxId> ids = new TreeSet<>();
        for (Path entry : entries(root)) {
            engine.stateOf(entry.getFileName().toString()).ifPresent(ids::add);
        }
        for (String child : cgroups.children(cgroupParent)) {
            SandboxId.parse(child).ifPresent(ids::add);
        }
        return List.copyOf(ids);
    }

    /** Whether there is engine state or a cgroup of that sandbox. */
    boolean exist(SandboxId id) {
        return !stateFiles(id).isEmpty()
                || cgroups.hierarchies().stream().anyMatch(hierarchy -> Files.exists(hierarchy.resolve(group(id))));
    }

    /**
     * Kills everything in the sandbox's cgroup until the cgroup can be removed, then removes the state.
     *
     * @throws RuntimeFailure when something survives 20 s of this
     */
    void end(SandboxId id) {
        String group = group(id);
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        long pauseMicros = 500;
        cgroups.kill(group);
        while (!cgroups.remove(group)) {
            if (System.nanoTime() > deadline) {
                throw new RuntimeFailure("sandbox " + id + " did not end within " + PATIENCE.toSeconds()
                        + " s of SIGKILL: processes " + cgroups.processes(group) + " are left in cgroup " + group);
            }
            pause(Duration.ofNanos(pauseMicros * 1000));
            pauseMicros = Math.min(pauseMicros * 2, 8000);
            cgroups.kill(group);
        }
        for (Path file : stateFiles(id)) {
            removeTree(file);
        }
    }

    /**
     * As {@link #end}, and first kills engine commands that still work on that sandbox: they survive the daemon that started
     * them and could finish their start after everything was removed.
     */
    void sweep(SandboxId id) {
        for (Path process : entries(Path.of("/proc"))) {
            String name = process.getFileName().toString();
            if (Character.isDigit(name.charAt(0)) && worksOn(process, id)) {
                ProcessIdentity.kill(Long.parseLong(name));
            }
        }
        end(id);
    }

    /** Removes the groups that sandboxes' groups are made in, where there is none of these. */
    void endParents() {
        cgroups.removeIfEmpty(cgroupParent);
        cgroups.removeIfEmpty(cgroupParent.substring(0, cgroupParent.lastIndexOf('/')));
    }

    private boolean worksOn(Path process, SandboxId id) {
        try {
            List<String> words = List.of(Files.readString(process.resolve("cmdline"), StandardCharsets.ISO_8859_1)
                    .split("\0", -1));
            return words.contains(id.value())
                    && (words.contains(engine.binary().toString())
                            || words.getFirst().startsWith(engine.name()));
        } catch (IOException e) {
            return false; // it has ended
        }
    }

    private List<Path> stateFiles(SandboxId id) {
        List<Path> files = new ArrayList<>();
        for (Path entry : entries(root)) {
            if (engine.owns(entry.getFileName().toString(), id)) {
                files.add(entry);
            }
        }
        return files;
    }

    private static List<Path> entries(Path directory) {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.toList();
        } catch (IOException | UncheckedIOException e) {
            throw new RuntimeFailure("could not list '" + directory + "'", e);
        }
    }

    /** Sleeps on although interrupted: what was begun here must be finished by whoever began it. */
    private static void pause(Duration duration) {
        boolean interrupted = Thread.interrupted();
        try {
            Thread.sleep(duration);
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static void removeTree(Path top) {
        try {
            Files.walkFileTree(top, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.deleteIfExists(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(
                        Path directory, @org.jspecify.annotations.Nullable IOException e) throws IOException {
                    Files.deleteIfExists(directory);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
                    if (e instanceof NoSuchFileException) {
                        return FileVisitResult.CONTINUE; // another thread removes it too
                    }
                    throw e;
                }
            });
        } catch (IOException e) {
            throw new RuntimeFailure("could not remove '" + top + "'", e);
        }
    }
}
