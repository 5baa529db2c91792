package dev.holt.node;

import dev.holt.node.linux.FileSync;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * The node's memory across restarts: a directory for each sandbox, and in it one JSON file, replaced as a whole by a rename. A
 * reader therefore sees the old or the new state, whenever the daemon is killed. Only what a host's end must not undo is synced to the
 * disk, a pause for example: what a daemon's end must not lose is in the kernel's hands.
 *
 * <p>The files hold agents' and clients' tokens: only root may read them.
 */
final class Journal {
    private static final Logger log = LoggerFactory.getLogger(Journal.class);
    private static final String FILE = "sandbox.json";
    private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");

    private final Path directory;
    private final Path corrupt;

    /** @param directory where the sandboxes' directories are; made when absent */
    Journal(Path directory) {
        this.directory = directory;
        this.corrupt = directory.resolveSibling("corrupt");
        try {
            Files.createDirectories(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (IOException e) {
            throw new UncheckedIOException("could not make the journal's directory " + directory, e);
        }
    }

    /** The id of the host's present boot. */
    static String bootId() {
        try {
            return Files.readString(BOOT_ID).strip();
        } catch (IOException e) {
            throw new UncheckedIOException("could not read " + BOOT_ID, e);
        }
    }

    /** The directory of one sandbox; everything in it goes with the sandbox. */
    Path directory(SandboxId sandbox) {
        return directory.resolve(sandbox.value());
    }

    /** Makes the directory of a new sandbox. */
    Path create(SandboxId sandbox) {
        try {
            return Files.createDirectory(
                    directory(sandbox),
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (IOException e) {
            throw new UncheckedIOException("could not make the directory of sandbox " + sandbox, e);
        }
    }

    /** Replaces what is known of a sandbox. Its directory must exist. */
    void write(JournalEntry entry) {
        write(entry, false);
    }

    /** As {@link #write}, and when this returns a stop of the host does not undo it. */
    void writeDurably(JournalEntry entry) {
        write(entry, true);
    }

    private void write(JournalEntry entry, boolean durably) {
        Path file = directory(entry.id()).resolve(FILE);
        Path temporary = file.resolveSibling(FILE + ".new");
        try (SeekableByteChannel channel = Files.newByteChannel(
                temporary,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            ByteBuffer bytes = ByteBuffer.wrap(JsonMapper.shared().writeValueAsBytes(entry));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            if (durably) {
                FileSync.sync(temporary);
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
            if (durably) {
                FileSync.sync(directory(entry.id()));
                FileSync.sync(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("could not write the journal of sandbox " + entry.id(), e);
        }
    }

    /** Forgets a sandbox and removes its directory; fine when there is none. */
    void remove(SandboxId sandbox) {
        Path root = directory(sandbox);
        try {
            // The entry first: a directory without one is an orphan to whoever finds it.
            Files.deleteIfExists(root.resolve(FILE));
            Files.walkFileTree(root, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.deleteIfExists(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure)
                        throws IOException {
                    if (failure != null) {
                        throw failure;
                    }
                    Files.deleteIfExists(visited);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (NoSuchFileException e) {
            log.debug("the directory of sandbox {} was gone already", sandbox);
        } catch (IOException e) {
            throw new UncheckedIOException("could not remove the directory of sandbox " + sandbox, e);
        }
    }

    /** Every sandbox that has a directory, with or without a readable entry. */
    Set<SandboxId> known() {
        Set<SandboxId> known = new TreeSet<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, Files::isDirectory)) {
            for (Path entry : entries) {
                SandboxId.parse(entry.getFileName().toString()).ifPresent(known::add);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("could not read the journal's directory " + directory, e);
        }
        return known;
    }

    /** All readable entries. One that can't be understood is set aside in {@code corrupt/} beside the sandboxes and not answered. */
    List<JournalEntry> readAll() {
        List<JournalEntry> entries = new ArrayList<>();
        for (SandboxId sandbox : known()) {
            read(sandbox).ifPresent(entries::add);
        }
        return entries;
    }

    private Optional<JournalEntry> read(SandboxId sandbox) {
        Path file = directory(sandbox).resolve(FILE);
        try {
            JournalEntry entry = JsonMapper.shared().readValue(Files.readAllBytes(file), JournalEntry.class);
            if (entry != null && entry.id().equals(sandbox)) {
                return Optional.of(entry);
            }
            setAside(file, sandbox, "it is about another sandbox");
        } catch (NoSuchFileException e) {
            log.debug("sandbox {} has no journal entry: its create never ended", sandbox);
        } catch (JacksonException | IllegalArgumentException e) {
            setAside(file, sandbox, String.valueOf(e.getMessage()));
        } catch (IOException e) {
            throw new UncheckedIOException("could not read " + file, e);
        }
        return Optional.empty();
    }

    private void setAside(Path file, SandboxId sandbox, String why) {
        Path aside = corrupt.resolve(sandbox + ".json");
        log.error(
                "the journal entry of sandbox {} is not readable, the sandbox is ended, the entry moved to {}: {}",
                sandbox,
                aside,
                why);
        try {
            Files.createDirectories(
                    corrupt, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Files.move(file, aside, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new UncheckedIOException("could not set " + file + " aside", e);
        }
    }
}
