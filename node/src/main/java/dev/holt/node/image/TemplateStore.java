package dev.holt.node.image;

import dev.holt.node.linux.Mounts;
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
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
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
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String MARKER = "build.json";
    private static final String UNFINISHED = ".unfinished-";
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

    /**
     * The newest build of {@link BaseTemplate}; made first, in 30 to 60 s, when there is none by its present recipe. One build
     * at a time, whichever thread or process asks: the others wait for it.
     *
     * @param progress told what is being done, line by line
     * @throws ImageFailure when it can't be built; nothing of it is left then
     */
    public TemplateBuild ensureBase(Consumer<String> progress) {
        Optional<TemplateBuild> complete = currentBase();
        if (complete.isPresent()) {
            return complete.get();
        }
        Path home = directory.resolve(BaseTemplate.ID.value());
        building.lock();
        try {
            Files.createDirectories(home);
            try (FileChannel channel = FileChannel.open(
                            home.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    FileLock lock = lock(channel)) {
                Optional<TemplateBuild> meanwhile = currentBase();
                return meanwhile.isPresent() && lock.isValid()
                        ? meanwhile.get()
                        : build(BaseTemplate.ofHost(), home, progress);
            }
        } catch (IOException | CommandFailure e) {
            throw new ImageFailure("could not build template " + BaseTemplate.ID + ": " + e.getMessage(), e);
        } finally {
            building.unlock();
        }
    }

    private Optional<TemplateBuild> currentBase() {
        return builds(BaseTemplate.ID).stream()
                .filter(build -> build.recipe().equals(BaseTemplate.recipe()))
                .findFirst();
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

    private TemplateBuild build(BaseTemplate base, Path home, Consumer<String> progress) throws IOException {
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
            List<String> packages = base.build(rootFileSystem, progress);
            TemplateBuild build = new TemplateBuild(
                    BaseTemplate.ID, buildId, BaseTemplate.recipe(), Instant.now(), packages, home.resolve(buildId));
            progress.accept("writing to disk");
            HostCommand.of("sync", "--file-system", unfinished.toString()).runOrFail();
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

    /** Removes the builds of a template but the newest and those named, which sandboxes may be running from. */
    public void sweep(TemplateId template, Set<String> inUse) {
        List<TemplateBuild> builds = builds(template);
        for (TemplateBuild build : builds.subList(Math.min(1, builds.size()), builds.size())) {
            if (!inUse.contains(build.buildId())) {
                remove(build.directory());
            }
        }
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

    /** Builds never change, so each is read once; that it is still there is looked at every time. */
    private Optional<TemplateBuild> complete(TemplateId template, Path entry) {
        if (entry.getFileName().toString().startsWith(".") || !Files.exists(entry.resolve(MARKER))) {
            known.remove(entry);
            return Optional.empty();
        }
        return Optional.of(known.computeIfAbsent(entry, missing -> read(template, missing)));
    }

    private static TemplateBuild read(TemplateId template, Path entry) {
        Path marker = entry.resolve(MARKER);
        try {
            JsonNode json = JSON.readTree(marker.toFile());
            List<String> packages = new ArrayList<>();
            json.path("packages").forEach(name -> packages.add(name.asString()));
            return new TemplateBuild(
                    template,
                    json.path("buildId").asString(),
                    json.path("recipe").asString(),
                    Instant.parse(json.path("createdAt").asString()),
                    packages,
                    entry);
        } catch (JacksonException | java.time.format.DateTimeParseException e) {
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
