package dev.holt.node.snapshot;

import dev.holt.node.linux.FileCopy;
import dev.holt.node.linux.FileExtents;
import dev.holt.node.linux.FileSync;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * The pauses of one sandbox, in its directory: {@code pause/<generation>/} with {@code record.json}, the memory image in {@code memory/}
 * and, of at most one generation, {@code disk.ext4}: a copy of the disk as it was then. Stateless: whoever changes the sandbox holds
 * its lock.
 */
public final class PauseStore {
    private static final Logger log = LoggerFactory.getLogger(PauseStore.class);
    private static final String RECORD = "record.json";
    private static final String MEMORY = "memory";
    private static final String COPY = "disk.ext4";

    private final Path directory;

    /** @param sandbox the sandbox's own directory */
    public PauseStore(Path sandbox) {
        this.directory = sandbox.resolve("pause");
    }

    /** The number of the next pause: above every one that was ever begun and is still there. */
    public int next() {
        return numbers().stream().mapToInt(Integer::intValue).max().orElse(0) + 1;
    }

    /**
     * Makes the directory of a pause's memory image; what an earlier attempt left there goes.
     *
     * @throws SnapshotFailure when it can't be made
     */
    public Path begin(int generation) {
        Path home = home(generation);
        Durable.remove(home);
        Durable.directory(home.resolve(MEMORY));
        return memory(generation);
    }

    /** Where a generation's memory image is. */
    public Path memory(int generation) {
        return home(generation).resolve(MEMORY);
    }

    /** Where a generation's copy of the disk is, if it has one. */
    public Path copy(int generation) {
        return home(generation).resolve(COPY);
    }

    /**
     * What the files of the memory image are, and makes them durable: the record may then be written.
     *
     * @param seen those that were seen while they were written
     */
    public List<FileSum> sumMemory(int generation, ImageSums seen, Verified verified) {
        Path memory = memory(generation);
        List<FileSum> sums = new ArrayList<>();
        for (Path file : Durable.files(memory)) {
            FileSum sum = seen.of(file, MEMORY + "/" + memory.relativize(file));
            verified.computed(sum, file, file);
            sums.add(sum);
            Durable.sync(file);
        }
        Durable.sync(memory);
        return sums;
    }

    /**
     * Makes the pause complete, or changes what is said of it. Durable when this returns, with every directory on the way.
     *
     * @throws SnapshotFailure when it could not be written
     */
    public void commit(PauseRecord record) {
        Path home = home(record.generation());
        Durable.write(home.resolve(RECORD), record);
        Durable.sync(directory);
        Durable.sync(directory.resolveSibling(""));
        Durable.sync(directory.resolveSibling("").resolveSibling(""));
    }

    /**
     * The record of a complete pause; empty when there is none.
     *
     * @throws SnapshotFailure when there is one that can't be read
     */
    public Optional<PauseRecord> find(int generation) {
        Path file = home(generation).resolve(RECORD);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            PauseRecord record = JsonMapper.shared().readValue(Files.readAllBytes(file), PauseRecord.class);
            if (record == null || record.generation() != generation) {
                throw new SnapshotFailure("'" + file + "' is damaged: it is about another pause");
            }
            return Optional.of(record);
        } catch (IOException | JacksonException | IllegalArgumentException e) {
            throw new SnapshotFailure("'" + file + "' can't be read: " + e.getMessage(), e);
        }
    }

    /** The newest complete pause below {@code limit} whose record can be read. */
    public Optional<PauseRecord> newestBefore(int limit) {
        for (int generation : numbers().reversed()) {
            if (generation < limit) {
                try {
                    Optional<PauseRecord> record = find(generation);
                    if (record.isPresent()) {
                        return record;
                    }
                } catch (SnapshotFailure e) {
                    log.warn("an earlier pause can't be used: {}", e.getMessage());
                }
            }
        }
        return Optional.empty();
    }

    /**
     * Looks whether every file of the memory image is as it was written.
     *
     * @throws SnapshotFailure that names the first that is not
     */
    public void verifyMemory(PauseRecord record, Verified verified) {
        record.image()
                .ifPresent(image -> image.files()
                        .forEach(sum ->
                                verified.verify(sum, home(record.generation()).resolve(sum.name()))));
    }

    /**
     * Keeps a copy of a disk at rest beside the memory that matches it, if that is cheap: shared blocks, or at most {@code mostBytes} of data.
     *
     * @return the record that now tells of it; empty when it would not be cheap
     * @throws SnapshotFailure when it could not be made; nothing of it is left then
     */
    public Optional<PauseRecord> keepCopy(PauseRecord record, Path disk, long mostBytes) {
        Path copy = copy(record.generation());
        try {
            Files.deleteIfExists(copy);
            if (FileExtents.bytes(disk) > mostBytes) {
                return Optional.empty();
            }
            FileCopy.copy(disk, copy);
            FileSync.sync(copy);
            FileSum sum = record.disk()
                    .map(same -> new FileSum(COPY, same.size(), same.sum()))
                    .orElseGet(() -> FileSum.of(copy, COPY));
            PauseRecord told = record.withCopy(Optional.of(sum));
            commit(told);
            return Optional.of(told);
        } catch (IOException e) {
            throw new SnapshotFailure("could not keep a copy of '" + disk + "': " + e, e);
        }
    }

    /** Takes the image of a disk into a generation's directory, as its copy. Both must be at rest and on one file system. */
    public void moveIn(PauseRecord record, Path disk) {
        try {
            FileSum sum = FileSum.of(disk, COPY);
            Files.move(disk, copy(record.generation()), StandardCopyOption.REPLACE_EXISTING);
            commit(record.withCopy(Optional.of(sum)));
        } catch (IOException e) {
            throw new SnapshotFailure("could not keep '" + disk + "': " + e, e);
        }
    }

    /** Removes every generation but these, complete or not. Fine when there are none. */
    public void keepOnly(Set<Integer> generations) {
        for (int generation : numbers()) {
            if (!generations.contains(generation)) {
                remove(generation);
            }
        }
    }

    /** Removes a generation, its record first. */
    public void remove(int generation) {
        try {
            Files.deleteIfExists(home(generation).resolve(RECORD));
        } catch (IOException e) {
            throw new SnapshotFailure("could not remove '" + home(generation) + "': " + e, e);
        }
        Durable.remove(home(generation));
    }

    /** Removes what of pauses has no record: they were cut short. */
    public void sweep() {
        for (int generation : numbers()) {
            if (!Files.exists(home(generation).resolve(RECORD))) {
                Durable.remove(home(generation));
            }
        }
    }

    private Path home(int generation) {
        return directory.resolve(Integer.toString(generation));
    }

    private List<Integer> numbers() {
        List<Integer> numbers = new ArrayList<>();
        for (Path entry : Durable.entries(directory)) {
            String name = entry.getFileName().toString();
            if (name.matches("[1-9][0-9]{0,8}")) {
                numbers.add(Integer.parseInt(name));
            }
        }
        numbers.sort(null);
        return numbers;
    }
}
