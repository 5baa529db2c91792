package dev.holt.node.linux;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * The content of a file that is mostly holes, kept in memory so that copies of it are written without looking for the holes
 * again (and without a spawned cp).
 *
 * @param size of the file in bytes
 * @param pieces what is not zero, in order
 */
public record SparseFile(long size, List<Piece> pieces) {
    private static final int PIECE_BYTES = 4096;

    /** Some bytes of it. */
    public record Piece(long offset, ByteBuffer bytes) {}

    public SparseFile {
        pieces = List.copyOf(pieces);
    }

    /**
     * Reads {@code file}, asking the file system for its holes, see lseek(2).
     *
     * @throws IOException when it can't be read
     */
    public static SparseFile read(Path file) throws IOException {
        List<Piece> pieces = new ArrayList<>();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            for (FileExtents.Extent extent : FileExtents.of(file)) {
                readPieces(channel, extent.start(), extent.end(), pieces);
            }
            return new SparseFile(channel.size(), pieces);
        }
    }

    private static void readPieces(FileChannel channel, long start, long end, List<Piece> pieces) throws IOException {
        for (long offset = start; offset < end; offset += PIECE_BYTES) {
            ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(PIECE_BYTES, end - offset));
            while (bytes.hasRemaining() && channel.read(bytes, offset + bytes.position()) >= 0) {
                continue;
            }
            bytes.flip();
            if (bytes.mismatch(ByteBuffer.allocate(bytes.remaining())) >= 0) { // not all zero
                pieces.add(new Piece(offset, bytes.asReadOnlyBuffer()));
            }
        }
    }

    /**
     * Writes a new file with this content and these holes.
     *
     * @throws IOException when it exists or can't be written
     */
    public void write(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (Piece piece : pieces) {
                ByteBuffer bytes = piece.bytes().duplicate();
                while (bytes.hasRemaining()) {
                    channel.write(bytes, piece.offset() + bytes.position());
                }
            }
            if (channel.size() < size) {
                channel.write(ByteBuffer.allocate(1), size - 1); // there is no call to lengthen a file
            }
        }
    }
}
