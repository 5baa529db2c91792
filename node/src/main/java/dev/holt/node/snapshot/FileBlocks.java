package dev.holt.node.snapshot;

import dev.holt.node.linux.FileExtents;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** A file's content without what is zero, wherever its file system has holes and wherever it has written zeros out. */
final class FileBlocks {
    /** Bytes in a block. */
    static final int SIZE = 1 << 18;

    private static final ByteBuffer ZEROS = ByteBuffer.allocateDirect(SIZE).asReadOnlyBuffer();

    private FileBlocks() {}

    /** Whether a block, or a shorter piece, is all zero. */
    static boolean isZero(ByteBuffer bytes) {
        return MemorySegment.ofBuffer(bytes).mismatch(MemorySegment.ofBuffer(ZEROS.slice(0, bytes.remaining()))) < 0;
    }

    /** Hears of one block that is not all zero. */
    @FunctionalInterface
    interface Reader {
        /** @param bytes good until this returns */
        void block(long number, ByteBuffer bytes);
    }

    /** Hands every block of {@code file} that is not all zero to {@code reader}, in order. */
    static void read(Path file, FileChannel channel, Reader reader) throws IOException {
        ByteBuffer block = ByteBuffer.allocateDirect(SIZE);
        long next = 0;
        for (FileExtents.Extent extent : FileExtents.of(file)) {
            for (long number = Math.max(next, extent.start() / SIZE); number * SIZE < extent.end(); number++) {
                next = number + 1;
                block.clear();
                while (block.hasRemaining() && channel.read(block, number * SIZE + block.position()) > 0) {
                    continue;
                }
                block.flip();
                if (!isZero(block)) {
                    reader.block(number, block);
                }
            }
        }
    }
}
