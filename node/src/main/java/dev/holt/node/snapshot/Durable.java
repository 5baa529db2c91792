package dev.holt.node.snapshot;

import dev.holt.node.linux.FileSync;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
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
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** Files that are there as a whole or not at all, also after the host stopped. */
final class Durable {
    private Durable() {}

    /** Writes a record: fsynced before it gets its name, and its name too when this returns. */
    static void write(Path file, Object json) {
        Path unfinished = file.resolveSibling(file.getFileName() + ".new");
        try (SeekableByteChannel channel = Files.newByteChannel(
                unfinished,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            ByteBuffer bytes = ByteBuffer.wrap(JsonMapper.shared().writeValueAsBytes(json));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            FileSync.sync(unfinished);
            Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
            FileSync.sync(file.resolveSibling(""));
        } catch (IOException e) {
            throw new SnapshotFailure("could not write '" + file + "': " + e, e);
        }
    }

    static void directory(Path directory) {
        try {
            Files.createDirectories(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (IOException e) {
            throw new SnapshotFailure("could not make '" + directory + "': " + e, e);
        }
    }

    static void sync(Path file) {
        try {
            FileSync.sync(file);
        } catch (IOException e) {
            throw new SnapshotFailure("could not write '" + file + "' to the host's disk: " + e, e);
        }
    }

    /** The regular files below {@code directory}, in the order of their names. */
    static List<Path> files(Path directory) {
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(Files::isRegularFile).sorted().toList();
        } catch (IOException | UncheckedIOException e) {
            throw new SnapshotFailure("could not list '" + directory + "': " + e, e);
        }
    }

    /** What is in {@code directory}; nothing when it is not there. */
    static List<Path> entries(Path directory) {
        try (Stream<Path> all = Files.list(directory)) {
            return new ArrayList<>(all.toList());
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (IOException | UncheckedIOException e) {
            throw new SnapshotFailure("could not list '" + directory + "': " + e, e);
        }
    }

    /** Removes a tree; fine when there is none. */
    static void remove(Path tree) {
        try {
            Files.walkFileTree(tree, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.deleteIfExists(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
                    if (failure instanceof NoSuchFileException) {
                        return FileVisitResult.CONTINUE;
                    }
                    throw failure;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure)
                        throws IOException {
                    Files.deleteIfExists(visited);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            throw new SnapshotFailure("could not remove '" + tree + "': " + e, e);
        }
    }
}
