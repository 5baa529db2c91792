package dev.holt.node.snapshot;

import dev.holt.node.linux.FileCopy;
import dev.holt.node.linux.FileExtents;
import dev.holt.node.pool.Lease;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * The builds made from sandboxes: {@code <template>/<build id>/} with {@code build.json}, the disk and the memory image. A directory
 * without the record does not exist for anybody. Files that several builds have in common are kept once, see {@link Blobs}.
 *
 * <p>Whoever reads a build's files holds a {@link Use} of it: a build that is deleted meanwhile is not found any more, and its files
 * go with the last use.
 */
public final class SnapshotStore {
    private static final Logger log = LoggerFactory.getLogger(SnapshotStore.class);
    private static final String RECORD = "build.json";
    private static final String DISK = "disk.ext4";
    private static final String MEMORY = "memory";
    private static final String UNFINISHED = ".unfinished-";
    /** In a build that is to go when nobody reads it any more. */
    private static final String DELETED = ".deleted";

    private final Path directory;
    private final Blobs blobs;
    private final Verified verified;
    private final Clock clock;
    private final Map<Key, Entry> builds = new HashMap<>();
    private boolean unreadable;

    private record Key(TemplateId template, String buildId) {}

    /** Guarded by the store. */
    private static final class Entry {
        private final SnapshotRecord record;
        private final Path home;
        private int uses;
        private boolean deleted;
        private Instant idleSince;

        Entry(SnapshotRecord record, Path home, Instant now) {
            this.record = record;
            this.home = home;
            this.idleSince = now;
        }
    }

    /**
     * Reads what is there and removes what was cut short, deleted or passing.
     *
     * @param directory of all of them, for example /var/lib/holt/snapshots; made when needed
     */
    public SnapshotStore(Path directory, Verified verified, Clock clock) {
        this.directory = directory;
        this.clock = clock;
        this.verified = verified;
        Durable.directory(directory);
        this.blobs = new Blobs(directory.resolve(".blobs"));
        for (Path template : Durable.entries(directory)) {
            Optional<TemplateId> id = TemplateId.parse(template.getFileName().toString());
            id.ifPresent(known -> {
                Durable.entries(template).forEach(home -> load(known, home));
                removeIfEmpty(template);
            });
        }
        blobs.sweep();
    }

    private void load(TemplateId template, Path home) {
        Path file = home.resolve(RECORD);
        if (home.getFileName().toString().startsWith(".")
                || Files.exists(home.resolve(DELETED))
                || !Files.exists(file)) {
            Durable.remove(home);
            return;
        }
        try {
            SnapshotRecord record = JsonMapper.shared().readValue(Files.readAllBytes(file), SnapshotRecord.class);
            if (record == null || !record.build().template().equals(template)) {
                throw new IllegalArgumentException("it is about another template");
            }
            if (record.passing()) {
                Durable.remove(home);
            } else {
                builds.put(new Key(template, record.build().buildId()), new Entry(record, home, clock.instant()));
            }
        } catch (IOException | JacksonException | IllegalArgumentException e) {
            // Not removed: a newer Holt may have written it, or a person may want to look.
            unreadable = true;
            log.error("the build '{}' can't be used, its record is not readable: {}", home, e.getMessage());
        }
    }

    /** A build that is being made. Closing it removes it unless it was {@link #commit}ted. */
    public final class Unfinished implements Lease {
        private final Key key;
        private final Path home;
        private boolean committed;

        private Unfinished(Key key, Path home) {
            this.key = key;
            this.home = home;
        }

        /** An empty directory for a memory image. */
        public Path memory() {
            return home.resolve(MEMORY);
        }

        /**
         * Copies a disk, to which nobody may write meanwhile.
         *
         * @throws SnapshotFailure when that is not possible, as on a full disk
         */
        public void copyDisk(Path image) {
            try {
                FileCopy.copy(image, home.resolve(DISK));
            } catch (IOException e) {
                throw new SnapshotFailure("could not copy '" + image + "': " + e.getMessage(), e);
            }
        }

        /** Takes the files of a memory image by linking them: nobody ever writes to them again. */
        public void linkMemory(Path image) {
            try {
                for (Path file : Durable.files(image)) {
                    Path target = memory().resolve(image.relativize(file).toString());
                    Durable.directory(target.resolveSibling(""));
                    Files.createLink(target, file);
                }
            } catch (IOException e) {
                throw new SnapshotFailure("could not link '" + image + "' into a snapshot: " + e, e);
            }
        }

        /** What the disk's copy is. */
        public FileSum sumDisk() {
            return computed(FileSum.of(home.resolve(DISK), DISK), home.resolve(DISK));
        }

        /**
         * What the memory image's files are.
         *
         * @param seen those that were seen while they were written
         */
        public List<FileSum> sumMemory(ImageSums seen) {
            List<FileSum> sums = new ArrayList<>();
            for (Path file : Durable.files(memory())) {
                FileSum sum = seen.of(file, MEMORY + "/" + memory().relativize(file));
                sums.add(computed(sum, file));
            }
            return sums;
        }

        private FileSum computed(FileSum sum, Path file) {
            verified.computed(sum, finalHome(key).resolve(sum.name()), file);
            return sum;
        }

        /** Of data on disk. */
        public long bytes() {
            long bytes = 0;
            try {
                for (Path file : Durable.files(home)) {
                    bytes += FileExtents.bytes(file);
                }
                return bytes;
            } catch (IOException e) {
                throw new SnapshotFailure("could not look at '" + home + "': " + e, e);
            }
        }

        /** Makes all of it durable; not needed for what does not outlive the daemon. */
        public void sync() {
            Durable.files(home).forEach(Durable::sync);
            if (Files.isDirectory(memory())) {
                Durable.sync(memory());
            }
        }

        /**
         * Makes it a build that others can use.
         *
         * @throws SnapshotFailure when it can't be written, or there is a build of that id
         */
        public void commit(SnapshotRecord record) {
            Path named = finalHome(key);
            synchronized (SnapshotStore.this) {
                if (builds.containsKey(key)) {
                    throw new SnapshotFailure(
                            "there is a build '" + key.buildId() + "' of template '" + key.template() + "' already");
                }
            }
            Durable.write(home.resolve(RECORD), record);
            try {
                Files.move(home, named, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                throw new SnapshotFailure("could not name '" + named + "': " + e, e);
            }
            committed = true;
            Durable.sync(named.resolveSibling(""));
            Durable.sync(directory);
            synchronized (SnapshotStore.this) {
                builds.put(key, new Entry(record, named, clock.instant()));
            }
        }

        @Override
        public void close() {
            if (!committed) {
                Durable.remove(home);
                removeIfEmpty(home.resolveSibling(""));
            }
        }
    }

    /**
     * Begins a build.
     *
     * @throws SnapshotFailure when there is one of that id, or the disk refuses
     */
    public Unfinished begin(TemplateId template, String buildId) {
        Key key = new Key(template, buildId);
        synchronized (this) {
            if (builds.containsKey(key)) {
                throw new SnapshotFailure("there is a build '" + buildId + "' of template '" + template + "' already");
            }
        }
        Path home = directory.resolve(template.value()).resolve(UNFINISHED + buildId);
        Durable.remove(home);
        Durable.directory(home.resolve(MEMORY));
        return new Unfinished(key, home);
    }

    /** Reads a build: its files stay until this is closed. */
    public final class Use implements Lease {
        private final Key key;
        private final Entry entry;
        private final AtomicBoolean open = new AtomicBoolean(true);

        private Use(Key key, Entry entry) {
            this.key = key;
            this.entry = entry;
        }

        public SnapshotRecord record() {
            return entry.record;
        }

        /** The image of its disk; only to be copied. */
        public Path disk() {
            return entry.home.resolve(DISK);
        }

        /** The directory of its memory image. */
        public Path memory() {
            return entry.home.resolve(MEMORY);
        }

        /**
         * Looks whether what will be used is as it was written.
         *
         * @throws SnapshotFailure that names the first file that is not
         */
        public void verify(boolean withMemory) {
            verified.verify(entry.record.disk(), disk());
            if (withMemory) {
                entry.record
                        .image()
                        .ifPresent(image ->
                                image.files().forEach(sum -> verified.verify(sum, entry.home.resolve(sum.name()))));
            }
        }

        @Override
        public void close() {
            if (open.getAndSet(false)) {
                released(key, entry);
            }
        }
    }

    /** A use of a build, if there is such a one. */
    public synchronized Optional<Use> use(TemplateId template, String buildId) {
        Key key = new Key(template, buildId);
        Entry entry = builds.get(key);
        if (entry == null) {
            return Optional.empty();
        }
        entry.uses++;
        return Optional.of(new Use(key, entry));
    }

    private void released(Key key, Entry entry) {
        boolean last;
        synchronized (this) {
            entry.uses--;
            entry.idleSince = clock.instant();
            last = entry.deleted && entry.uses == 0;
        }
        if (last) {
            destroy(key, entry);
        }
    }

    /** The complete builds but passing ones. */
    public synchronized List<SnapshotBuild> list() {
        return builds.values().stream()
                .filter(entry -> !entry.record.passing())
                .map(entry -> entry.record.build())
                .toList();
    }

    /** Ids of the templates' builds that its own ones stand on; empty when that is not known, because a record could not be read. */
    public synchronized Optional<Set<String>> bases() {
        return unreadable
                ? Optional.empty()
                : Optional.of(builds.values().stream()
                        .map(entry -> entry.record.baseBuild())
                        .collect(Collectors.toUnmodifiableSet()));
    }

    /** A build's record. */
    public synchronized Optional<SnapshotRecord> find(TemplateId template, String buildId) {
        return Optional.ofNullable(builds.get(new Key(template, buildId))).map(entry -> entry.record);
    }

    /** Forgets a build; false when there is none. Its files go when nobody reads them any more. */
    public boolean delete(TemplateId template, String buildId) {
        Key key = new Key(template, buildId);
        Entry entry;
        boolean last;
        synchronized (this) {
            entry = builds.remove(key);
            if (entry == null) {
                return false;
            }
            try {
                // For a later start, whatever happens to this process. The name stays: engines may be reading by it.
                Files.createFile(entry.home.resolve(DELETED));
                Durable.sync(entry.home);
            } catch (IOException | SnapshotFailure e) {
                builds.put(key, entry);
                throw new SnapshotFailure("could not delete '" + entry.home + "': " + e, e);
            }
            entry.deleted = true;
            last = entry.uses == 0;
        }
        if (last) {
            destroy(key, entry);
        }
        return true;
    }

    private void destroy(Key key, Entry entry) {
        Durable.remove(entry.home);
        removeIfEmpty(entry.home.resolveSibling(""));
        blobs.sweep();
        log.debug("build {} of {} is gone", key.buildId(), key.template());
    }

    /** Deletes passing builds that nobody used for that long. */
    public void expirePassing(Duration idle) {
        List<Key> idleOnes;
        synchronized (this) {
            Instant oldest = clock.instant().minus(idle);
            idleOnes = builds.entrySet().stream()
                    .filter(build -> build.getValue().record.passing()
                            && build.getValue().uses == 0
                            && build.getValue().idleSince.isBefore(oldest))
                    .map(Map.Entry::getKey)
                    .toList();
        }
        idleOnes.forEach(key -> delete(key.template(), key.buildId()));
    }

    /**
     * Keeps files that other builds have too only once. Reads all of the build's files; takes as long as hashing does.
     *
     * @throws SnapshotFailure when that fails; the build is whole in any case
     */
    public void share(TemplateId template, String buildId) {
        Optional<Use> use = use(template, buildId);
        if (use.isPresent()) {
            try (Use reading = use.get()) {
                blobs.share(reading.disk());
                Durable.files(reading.memory()).forEach(blobs::share);
            }
        }
    }

    private Path finalHome(Key key) {
        return directory.resolve(key.template().value()).resolve(key.buildId());
    }

    private static void removeIfEmpty(Path directory) {
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            return; // something else is in it
        }
    }
}
