package dev.holt.node.image;

import dev.holt.node.linux.Mounts;
import dev.holt.node.pool.Lease;
import dev.holt.node.pool.Leases;
import dev.holt.node.process.CommandFailure;
import dev.holt.node.process.HostCommand;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The builds of templates on this host: {@code <template>/<build id>/rootfs}, with a build.json beside it that is written last. A
 * directory without one does not exist for anybody; it is an interrupted build and is removed by the next.
 */
public final class TemplateStore {
    private static final Logger log = LoggerFactory.getLogger(TemplateStore.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String MARKER = "build.json";
    private static final String UNFINISHED = ".unfinished-";
    private static final String RETIRED = ".retired-";
    private static final String LOCK = ".lock";
    private static final Duration SYNC_LIMIT = Duration.ofMinutes(10);
    private static final long LOCK_POLL_NANOS = 50_000_000;

    private final Path directory;
    private final ReentrantLock building = new ReentrantLock();
    private final Map<Path, TemplateBuild> known = new ConcurrentHashMap<>();

    /** @param directory of all templates, for example /var/lib/holt/templates; its parents are made when needed */
    public TemplateStore(Path directory) {
        this.directory = directory;
    }

    /** The complete builds of a template, newest first. */
    public List<TemplateBuild> builds(TemplateId template) {
        List<TemplateBuild> found = new ArrayList<>();
        for (Path entry : entries(directory.resolve(template.value()))) {
            complete(template, entry).ifPresent(found::add);
        }
        found.sort(Comparator.comparing(TemplateBuild::createdAt).reversed());
        return found;
    }

    /** That build if it is complete on this host. */
    public Optional<TemplateBuild> find(TemplateId template, String buildId) {
        return complete(template, directory.resolve(template.value()).resolve(buildId));
    }

    /** As {@link #ensure} for {@link BuiltInTemplate#BASE}. */
    public TemplateBuild ensureBase(Consumer<String> progress) {
        return ensure(BuiltInTemplate.BASE, progress);
    }

    /**
     * The template's build by its present recipe; made first, with what it lies over, when there is none: the base takes 30 to
     * 60 s, the others minutes. One build at a time, whichever thread or process asks: the others wait for it.
     *
     * @param progress told what is being done, line by line
     * @throws ImageFailure when it can't be built; nothing of it is left then
     */
    public TemplateBuild ensure(BuiltInTemplate template, Consumer<String> progress) {
        return ensure(template.recipe(), progress);
    }

    /** The template's build by its present recipe, if this host has it. */
    public Optional<TemplateBuild> current(BuiltInTemplate template) {
        return current(template.recipe());
    }

    private TemplateBuild ensure(Recipe recipe, Consumer<String> progress) {
        Optional<TemplateBuild> complete = current(recipe);
        if (complete.isPresent()) {
            return complete.get();
        }
        Optional<TemplateBuild> over = recipe.over().map(lower -> ensure(lower, progress));
        Path home = directory.resolve(recipe.id().value());
        building.lock();
        try {
            Files.createDirectories(home);
            try (FileChannel channel =
                            FileChannel.open(home.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    FileLock lock = lock(channel)) {
                Optional<TemplateBuild> meanwhile = current(recipe);
                return meanwhile.isPresent() && lock.isValid() ? meanwhile.get() : build(recipe, over, home, progress);
            }
        } catch (IOException | CommandFailure e) {
            throw new ImageFailure("could not build template " + recipe.id() + ": " + e.getMessage(), e);
        } finally {
            building.unlock();
        }
    }

    private Optional<TemplateBuild> current(Recipe recipe) {
        Optional<TemplateBuild> over = recipe.over().flatMap(this::current);
        if (over.isEmpty() && recipe.over().isPresent()) {
            return Optional.empty();
        }
        return builds(recipe.id()).stream()
                .filter(build -> build.recipe().equals(version(recipe, over)))
                .findFirst();
    }

    /** A build over another build than the present one is out of date, too. */
    private static String version(Recipe recipe, Optional<TemplateBuild> over) {
        return recipe.version()
                + over.map(build -> " over " + build.template() + " " + build.buildId())
                        .orElse("");
    }

    /** Waits for other processes, as a file lock does, and for other stores of this process, which it refuses to wait for. */
    private static FileLock lock(FileChannel channel) throws IOException {
        while (true) {
            try {
                return channel.lock();
            } catch (OverlappingFileLockException e) {
                LockSupport.parkNanos(LOCK_POLL_NANOS);
            }
        }
    }

    private TemplateBuild build(Recipe recipe, Optional<TemplateBuild> over, Path home, Consumer<String> progress)
            throws IOException {
        for (Path entry : entries(home)) {
            if (entry.getFileName().toString().startsWith(UNFINISHED)) {
                progress.accept("removing an interrupted build");
                remove(entry);
            }
        }
        String buildId = UUID.randomUUID().toString();
        Path unfinished = home.resolve(UNFINISHED + buildId);
        try {
            Path rootFileSystem = Files.createDirectories(unfinished.resolve("rootfs"));
            Path scratch = Files.createDirectories(unfinished.resolve("scratch"));
            recipe.build(rootFileSystem, over.map(TemplateBuild::layers).orElse(List.of()), scratch, progress);
            remove(scratch);
            TemplateBuild build = new TemplateBuild(
                    recipe.id(),
                    buildId,
                    version(recipe, over),
                    Instant.now(),
                    packages(rootFileSystem),
                    home.resolve(buildId),
                    over);
            progress.accept("writing to disk");
            HostCommand.of("sync", "--file-system", unfinished.toString())
                    .withLimit(SYNC_LIMIT)
                    .runOrFail();
            write(build, unfinished.resolve(MARKER));
            Files.move(unfinished, build.directory(), StandardCopyOption.ATOMIC_MOVE);
            sync(home);
            progress.accept("template " + build.template() + " is ready, build " + buildId);
            return build;
        } catch (IOException | RuntimeException e) {
            try {
                remove(unfinished);
            } catch (RuntimeException cleanup) {
                e.addSuppressed(cleanup);
            }
            throw e;
        }
    }

    /** What dpkg knows in there, as "name version"; nothing where a layer changed no package. */
    private static List<String> packages(Path rootFileSystem) {
        if (!Files.exists(rootFileSystem.resolve("var/lib/dpkg/status"))) {
            return List.of();
        }
        return HostCommand.of(
                        "dpkg-query",
                        "--admindir=" + rootFileSystem.resolve("var/lib/dpkg"),
                        "--show",
                        "-f=${Package} ${Version}\\n")
                .runOrFail()
                .output()
                .lines()
                .toList();
    }

    /**
     * Takes away the builds of built-in templates that nothing needs: what stays is the newest of each, the one by its present recipe, those in
     * use, and what these or other templates' builds lie over. From the return on the others are not found any more, and
     * {@link #removeRetired} frees their files. While somebody builds, in another process for example, nothing happens; the next call makes up for it.
     *
     * @param inUse ids of the builds that sandboxes and snapshots stand on; nobody may begin to use another one until this returns
     */
    public void retire(Set<String> inUse) {
        Map<TemplateId, Recipe> recipes = recipes();
        if (!building.tryLock()) {
            return;
        }
        try (Leases locks = new Leases()) {
            for (TemplateId id : recipes.keySet()) {
                Path home = directory.resolve(id.value());
                if (Files.isDirectory(home) && !tryLock(home, locks)) {
                    return;
                }
            }
            Set<Path> kept = new HashSet<>();
            for (Path home : entries(directory)) {
                TemplateId.parse(home.getFileName().toString()).ifPresent(id -> keep(id, recipes.get(id), inUse, kept));
            }
            for (TemplateId id : recipes.keySet()) {
                for (TemplateBuild build : builds(id)) {
                    if (!kept.contains(build.directory())) {
                        log.info("nothing needs build {} of template {} any more: removing it", build.buildId(), id);
                        Files.move(
                                build.directory(),
                                build.directory().resolveSibling(RETIRED + build.buildId()),
                                StandardCopyOption.ATOMIC_MOVE);
                        known.remove(build.directory());
                    }
                }
            }
        } catch (IOException e) {
            throw new ImageFailure("could not take away old builds in '" + directory + "': " + e, e);
        } finally {
            building.unlock();
        }
    }

    /** Removes the files of what {@link #retire} took away, also of an earlier run that was cut short. Takes seconds for a big build. */
    public void removeRetired() {
        for (TemplateId id : recipes().keySet()) {
            for (Path entry : entries(directory.resolve(id.value()))) {
                if (entry.getFileName().toString().startsWith(RETIRED)) {
                    remove(entry);
                }
            }
        }
    }

    private void keep(TemplateId id, @Nullable Recipe recipe, Set<String> inUse, Set<Path> kept) {
        List<TemplateBuild> builds = builds(id);
        Optional<TemplateBuild> present = Optional.ofNullable(recipe).flatMap(this::current);
        for (TemplateBuild build : builds) {
            if (recipe == null
                    || build.equals(builds.getFirst())
                    || present.filter(build::equals).isPresent()
                    || inUse.contains(build.buildId())) {
                kept.add(build.directory());
                kept.addAll(below(build));
            }
        }
    }

    /** Of the built-in templates and of the layers that they lie over. */
    private static Map<TemplateId, Recipe> recipes() {
        Map<TemplateId, Recipe> recipes = new LinkedHashMap<>();
        for (BuiltInTemplate template : BuiltInTemplate.values()) {
            Optional<Recipe> recipe = Optional.of(template.recipe());
            while (recipe.isPresent()) {
                recipes.put(recipe.get().id(), recipe.get());
                recipe = recipe.get().over();
            }
        }
        return recipes;
    }

    private static boolean tryLock(Path home, Leases locks) throws IOException {
        FileChannel channel = FileChannel.open(home.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        locks.add((Lease) () -> {
            try {
                channel.close();
            } catch (IOException e) {
                throw new ImageFailure("could not unlock '" + home + "'", e);
            }
        });
        try {
            return channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            return false; // another store of this process
        }
    }

    private static List<Path> below(TemplateBuild build) {
        return build.over()
                .map(lower -> Stream.concat(Stream.of(lower.directory()), below(lower).stream())
                        .toList())
                .orElse(List.of());
    }

    /** Unmounts what an interrupted build left mounted inside, then removes the tree; never follows into a mount. */
    private static void remove(Path tree) {
        Mounts.unmountBelow(tree);
        HostCommand.of("rm", "--recursive", "--force", "--one-file-system", tree.toString())
                .runOrFail();
    }

    private static void write(TemplateBuild build, Path marker) throws IOException {
        ObjectNode json = JSON.createObjectNode()
                .put("template", build.template().value())
                .put("buildId", build.buildId())
                .put("recipe", build.recipe())
                .put("createdAt", build.createdAt().toString());
        build.over()
                .ifPresent(over -> json.putObject("over")
                        .put("template", over.template().value())
                        .put("buildId", over.buildId()));
        ArrayNode packages = json.putArray("packages");
        build.packages().forEach(packages::add);
        try (FileChannel channel = FileChannel.open(marker, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(json.toPrettyString().getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        Path parent = marker.getParent();
        if (parent != null) {
            sync(parent);
        }
    }

    /** fsync(2) of a directory makes the names in it durable. */
    private static void sync(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /**
     * Builds never change, so each is read once; that it is still there, with all that it lies over, is looked at every time.
     */
    private Optional<TemplateBuild> complete(TemplateId template, Path entry) {
        Optional<TemplateBuild> build = Optional.empty();
        if (!entry.getFileName().toString().startsWith(".") && Files.exists(entry.resolve(MARKER))) {
            build = Optional.ofNullable(known.get(entry)).or(() -> read(template, entry));
            build.ifPresent(found -> known.put(entry, found));
        }
        if (build.isEmpty() || !below(build.get()).stream().allMatch(lower -> Files.exists(lower.resolve(MARKER)))) {
            known.remove(entry);
            return Optional.empty();
        }
        return build;
    }

    /** Nothing when a build that it lies over is gone. */
    private Optional<TemplateBuild> read(TemplateId template, Path entry) {
        Path marker = entry.resolve(MARKER);
        try {
            JsonNode json = JSON.readTree(marker.toFile());
            List<String> packages = new ArrayList<>();
            json.path("packages").forEach(name -> packages.add(name.asString()));
            JsonNode lower = json.path("over");
            Optional<TemplateBuild> over = lower.isObject()
                    ? find(
                            new TemplateId(lower.path("template").asString("")),
                            lower.path("buildId").asString(""))
                    : Optional.empty();
            if (lower.isObject() && over.isEmpty()) {
                return Optional.empty();
            }
            return Optional.of(new TemplateBuild(
                    template,
                    json.path("buildId").asString(),
                    json.path("recipe").asString(),
                    Instant.parse(json.path("createdAt").asString()),
                    packages,
                    entry,
                    over));
        } catch (JacksonException | java.time.format.DateTimeParseException | IllegalArgumentException e) {
            throw new ImageFailure("'" + marker + "' is damaged: " + e.getMessage(), e);
        }
    }

    private static List<Path> entries(Path directory) {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.toList();
        } catch (IOException | UncheckedIOException e) {
            throw new ImageFailure("could not list '" + directory + "'", e);
        }
    }
}
