package dev.holt.app.server;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Keeps a second Holt out of a state directory. The kernel holds the lock (fcntl(2)) for as long as the process lives, so
 * that a killed Holt leaves none behind; the process id in the file is for people only.
 */
public final class InstanceLock implements AutoCloseable {
    private final FileChannel channel;

    private InstanceLock(FileChannel channel) {
        this.channel = channel;
    }

    /**
     * Takes the lock, and makes the directory if need be.
     *
     * @throws StartFailure when another process has it or the directory can't be written
     */
    public static InstanceLock take(Path stateDirectory) {
        Path file = stateDirectory.resolve("lock");
        FileChannel channel = null;
        try {
            Files.createDirectories(stateDirectory);
            channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            FileLock lock = channel.tryLock();
            if (lock == null) {
                throw new OverlappingFileLockException();
            }
            channel.truncate(0);
            channel.write(ByteBuffer.wrap((ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII)));
            return new InstanceLock(channel);
        } catch (OverlappingFileLockException e) {
            closeQuietly(channel);
            throw new StartFailure("Another Holt (process " + owner(file) + ") uses the state directory "
                    + stateDirectory + ". Stop it, or give this one a state directory and ports of its own.");
        } catch (IOException e) {
            closeQuietly(channel);
            throw new StartFailure("The state directory " + stateDirectory + " can't be used: " + e, e);
        }
    }

    private static String owner(Path file) {
        try {
            String text = Files.readString(file).strip();
            return text.isEmpty() ? "unknown" : text;
        } catch (IOException e) {
            return "unknown";
        }
    }

    private static void closeQuietly(@org.jspecify.annotations.Nullable FileChannel channel) {
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException e) {
                // the process is about to end anyway
            }
        }
    }

    /** Lets the next Holt in. */
    @Override
    public void close() {
        closeQuietly(channel);
    }
}
