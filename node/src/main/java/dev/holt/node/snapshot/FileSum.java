package dev.holt.node.snapshot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.zip.CRC32C;

/**
 * What a file must be. The sum is a CRC32C over the number and the CRC32C of each block that is not all zero: so that holes cost
 * nothing, wherever a file system has them. It finds damage, not forgery: who can write to these files is root.
 *
 * @param name its path below the directory of its record, with '/'
 * @param size in bytes
 * @param sum of its content
 */
public record FileSum(String name, long size, long sum) {
    public FileSum {
        Objects.requireNonNull(name, "name");
    }

    /**
     * Of a file as it is now, read once; its data is read at some GB a second when the host has it in memory.
     *
     * @throws SnapshotFailure when it can't be read, or this thread is interrupted
     */
    public static FileSum of(Path file, String name) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return new FileSum(name, channel.size(), sum(file, channel));
        } catch (IOException e) {
            throw new SnapshotFailure("could not read '" + file + "': " + e, e);
        }
    }

    /**
     * Compares {@code file} with this.
     *
     * @throws SnapshotFailure that names the file and says what is wrong, when something is
     */
    public void verify(Path file) {
        requireSize(file);
        FileSum found = of(file, name);
        if (found.sum != sum) {
            throw new SnapshotFailure("'" + file + "' is damaged: its checksum is " + Long.toHexString(found.sum)
                    + " and should be " + Long.toHexString(sum));
        }
    }

    /** As {@link #verify}, of what costs nothing to look at. */
    public void requireSize(Path file) {
        try {
            if (!Files.isRegularFile(file)) {
                throw new SnapshotFailure("'" + file + "' is missing");
            }
            if (Files.size(file) != size) {
                throw new SnapshotFailure(
                        "'" + file + "' is damaged: it has " + Files.size(file) + " bytes and should have " + size);
            }
        } catch (IOException e) {
            throw new SnapshotFailure("could not look at '" + file + "': " + e, e);
        }
    }

    private static long sum(Path file, FileChannel channel) throws IOException {
        Blocks blocks = new Blocks();
        FileBlocks.read(file, channel, blocks::add);
        return blocks.sum();
    }

    /** The sum over the blocks that are not all zero. */
    private static final class Blocks {
        private final CRC32C whole = new CRC32C();
        private final CRC32C part = new CRC32C();
        private final ByteBuffer entry = ByteBuffer.allocate(2 * Long.BYTES);

        void add(long number, ByteBuffer bytes) {
            part.reset();
            part.update(bytes);
            whole.update(entry.clear().putLong(number).putLong(part.getValue()).flip());
        }

        long sum() {
            return whole.getValue();
        }
    }

    /** The sum of a file whose content comes piece by piece, from its start. Not for several threads at once. */
    static final class Running {
        private final Blocks blocks = new Blocks();
        private final ByteBuffer begun = ByteBuffer.allocateDirect(FileBlocks.SIZE);
        private long number;
        private long size;

        void add(ByteBuffer bytes) {
            size += bytes.remaining();
            while (bytes.hasRemaining()) {
                int missing = begun.remaining();
                if (begun.position() == 0 && bytes.remaining() >= missing) {
                    block(bytes.slice(bytes.position(), missing)); // whole as it is: no copy
                } else {
                    missing = Math.min(missing, bytes.remaining());
                    begun.put(bytes.slice(bytes.position(), missing));
                    if (!begun.hasRemaining()) {
                        block(begun.flip());
                        begun.clear();
                    }
                }
                bytes.position(bytes.position() + missing);
            }
        }

        private void block(ByteBuffer bytes) {
            if (!FileBlocks.isZero(bytes)) {
                blocks.add(number, bytes);
            }
            number++;
        }

        /** Of what has come; nothing must come after that. */
        FileSum sum(String name) {
            if (begun.position() > 0) {
                block(begun.flip());
                begun.limit(0);
            }
            return new FileSum(name, size, blocks.sum());
        }
    }
}
