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
    private static final int SIZE = 1 << 18;

    private FileBlocks() {}

    /** Hears of one block that is not all zero. */
    @FunctionalInterface
    interface Reader {
        /** @param bytes good until this returns */
        void block(long number, ByteBuffer bytes);
    }

    /** Hands every block of {@code file} that is not all zero to {@code reader}, in order. */
    static void read(Path file, FileChannel channel, Reader reader) throws IOException {
        ByteBuffer block = ByteBuffer.allocateDirect(SIZE);
        ByteBuffer zeros = ByteBuffer.allocateDirect(SIZE);
        long next = 0;
        for (FileExtents.Extent extent : FileExtents.of(file)) {
            for (long number = Math.max(next, extent.start() / SIZE); number * SIZE < extent.end(); number++) {
                next = number + 1;
                block.clear();
                while (block.hasRemaining() && channel.read(block, number * SIZE + block.position()) > 0) {
                    continue;
                }
                block.flip();
                if (MemorySegment.ofBuffer(block).mismatch(MemorySegment.ofBuffer(zeros.slice(0, block.limit())))
                        >= 0) {
                    reader.block(number, block);
                }
            }
        }
    }
}
