package dev.holt.node.snapshot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * One link to each file that builds have in common, named by the SHA-256 of its content (its holes left out). The file system counts the references: a blob
 * with one link is nobody's. Files are never written to once they are here, so a reader of either link sees the same.
 */
final class Blobs {
    private static final long SMALLEST = 64 * 1024;

    private final Path directory;

    Blobs(Path directory) {
        this.directory = directory;
        Durable.directory(directory);
    }

    /** Makes {@code file} a link to the blob of its content, which it becomes when there is none. Small files are left alone. */
    synchronized void share(Path file) {
        try {
            if (Files.size(file) < SMALLEST) {
                return;
            }
            Path blob = directory.resolve(digest(file));
            if (!Files.exists(blob)) {
                Files.createLink(blob, file);
            } else if (!Files.isSameFile(blob, file)) {
                Path link = file.resolveSibling(file.getFileName() + ".shared");
                Files.deleteIfExists(link);
                Files.createLink(link, blob);
                Files.move(link, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            }
        } catch (IOException e) {
            throw new SnapshotFailure("could not share '" + file + "' with other builds: " + e, e);
        }
    }

    /** Removes what no build has any more. */
    synchronized void sweep() {
        try {
            for (Path blob : Durable.entries(directory)) {
                if (((Number) Files.getAttribute(blob, "unix:nlink")).intValue() == 1) {
                    Files.deleteIfExists(blob);
                }
            }
        } catch (IOException e) {
            throw new SnapshotFailure("could not remove what no build uses from '" + directory + "': " + e, e);
        }
    }

    /** Of the size and of every block that is not zero, with its number. */
    private static String digest(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            ByteBuffer number = ByteBuffer.allocate(Long.BYTES);
            digest.update(number.putLong(channel.size()).flip());
            FileBlocks.read(file, channel, (index, bytes) -> {
                digest.update(number.clear().putLong(index).flip());
                digest.update(bytes);
            });
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}
