package dev.holt.wire.connect;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import java.util.zip.GZIPInputStream;

/** The compression of requests: gzip or none. */
public final class Compression {
    private Compression() {}

    /**
     * A message as it was before it was compressed.
     *
     * @param encoding empty and {@code identity} are none
     * @throws ConnectFailure unimplemented for an encoding that is not known, invalid_argument when the bytes are not of it,
     *     resource_exhausted when there are more than {@code maximumBytes} of them afterwards
     */
    public static byte[] decompress(Optional<String> encoding, byte[] message, int maximumBytes) {
        String name = encoding.orElse("identity");
        if (name.isEmpty() || name.equals("identity")) {
            return message;
        }
        if (!name.equals("gzip")) {
            throw new ConnectFailure(
                    ConnectCode.UNIMPLEMENTED, "unknown compression \"" + name + "\": supported encodings are gzip");
        }
        if (message.length == 0) {
            return message;
        }
        try (InputStream plain = new GZIPInputStream(new ByteArrayInputStream(message))) {
            byte[] bytes = plain.readNBytes(maximumBytes);
            if (plain.read() >= 0) {
                throw tooLong(maximumBytes);
            }
            return bytes;
        } catch (IOException failure) {
            throw new ConnectFailure(ConnectCode.INVALID_ARGUMENT, "the message is not gzip: " + failure.getMessage());
        }
    }

    static ConnectFailure tooLong(int maximumBytes) {
        return new ConnectFailure(
                ConnectCode.RESOURCE_EXHAUSTED, "a message may be " + maximumBytes + " bytes long, this one is longer");
    }
}
