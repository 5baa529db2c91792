package dev.holt.wire.connect;

import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;

/** Takes the envelopes of a request apart. */
public final class EnvelopeReader {
    private final InputStream body;
    private final Optional<String> encoding;
    private final int maximumBytes;

    /**
     * @param encoding the request's {@code Connect-Content-Encoding}, for envelopes that say that they are compressed
     * @param maximumBytes longest message, compressed or not
     */
    public EnvelopeReader(InputStream body, Optional<String> encoding, int maximumBytes) {
        this.body = body;
        this.encoding = encoding;
        this.maximumBytes = maximumBytes;
    }

    /**
     * The next message, or empty at the end of the request.
     *
     * @throws ConnectFailure invalid_argument when the bytes are no envelope or end within one, resource_exhausted when it is
     *     too long, unimplemented when its compression is not known
     * @throws IOException of the body
     */
    public Optional<byte[]> next() throws IOException {
        byte[] header = body.readNBytes(Envelope.HEADER_BYTES);
        if (header.length == 0) {
            return Optional.empty();
        }
        if (header.length < Envelope.HEADER_BYTES) {
            throw invalid("the request ends within the head of an envelope");
        }
        int flags = header[0] & 0xff;
        long length = (header[1] & 0xffL) << 24 | (header[2] & 0xff) << 16 | (header[3] & 0xff) << 8 | header[4] & 0xff;
        if ((flags & ~Envelope.COMPRESSED) != 0) {
            throw invalid("an envelope with the flags 0x%02x".formatted(flags));
        }
        if (length > maximumBytes) {
            throw Compression.tooLong(maximumBytes);
        }
        byte[] message = body.readNBytes((int) length);
        if (message.length < length) {
            throw invalid("the request ends within an envelope: " + message.length + " of " + length + " bytes");
        }
        boolean compressed = (flags & Envelope.COMPRESSED) != 0;
        if (compressed && encoding.isEmpty()) {
            throw invalid("a compressed envelope without Connect-Content-Encoding");
        }
        return Optional.of(compressed ? Compression.decompress(encoding, message, maximumBytes) : message);
    }

    private static ConnectFailure invalid(String message) {
        return new ConnectFailure(ConnectCode.INVALID_ARGUMENT, message);
    }
}
