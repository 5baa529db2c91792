package dev.holt.node.interpreter.output;

import dev.holt.http.Json;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Writes JSON lines in ASCII: clients split what they read wherever the network did, and some of them decode the pieces one by one,
 * or take U+2028 for the end of a line. Characters beyond ASCII are written as escapes, which mean the same. Holds a little and
 * passes it on when it is full or {@link #flush}ed.
 */
public final class LineWriter {
    private static final int BUFFER_BYTES = 32 * 1024;
    /** The longest that one byte of input becomes, and a little. */
    private static final int ROOM = 16;

    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);
    private static final int REPLACEMENT = 0xfffd;

    /** Where what was written goes. */
    public interface Sink {
        /** Takes all of {@code bytes}, waiting as long as that takes. */
        void write(ByteBuffer bytes) throws IOException;
    }

    private final Sink sink;
    private byte[] buffer = new byte[1024];
    private int size;

    public LineWriter(Sink sink) {
        this.sink = sink;
    }

    /** Whether something was written and not passed on. */
    public boolean isDirty() {
        return size > 0;
    }

    /** Passes everything on. */
    public void flush() throws IOException {
        if (size > 0) {
            ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, size);
            size = 0;
            sink.write(bytes);
        }
    }

    /** Forgets what was written and not passed on. */
    public void discard() {
        size = 0;
    }

    private void need(int bytes) throws IOException {
        if (buffer.length - size < bytes) {
            if (buffer.length < BUFFER_BYTES) {
                buffer = java.util.Arrays.copyOf(buffer, Math.min(BUFFER_BYTES, buffer.length * 4));
            } else {
                flush();
            }
        }
    }

    /** Writes ASCII as it is. */
    void ascii(String text) throws IOException {
        for (int i = 0; i < text.length(); i++) {
            need(ROOM);
            buffer[size++] = (byte) text.charAt(i);
        }
    }

    /** Writes a string as JSON. */
    void string(String text) throws IOException {
        byte[] json = Json.MAPPER.writeValueAsBytes(text);
        slice(new JsonSlice(json, 0, json.length));
    }

    /** Writes a value as it is written where it comes from. */
    void slice(JsonSlice value) throws IOException {
        bytes(value.json(), value.start(), value.end());
    }

    /** Writes JSON, UTF-8 as escapes. Line ends, which in JSON are only between values, become spaces. */
    void bytes(byte[] json, int from, int to) throws IOException {
        int at = from;
        while (at < to) {
            need(ROOM);
            int first = json[at] & 0xff;
            if (first < 0x80) {
                buffer[size++] = first < ' ' ? (byte) ' ' : (byte) first;
                at++;
            } else {
                int length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
                int character = decode(json, at, length, to);
                escape(character);
                at += character == REPLACEMENT ? 1 : length;
            }
        }
    }

    private static int decode(byte[] json, int at, int length, int to) {
        int first = json[at] & 0xff;
        if (first < 0xc2 || first > 0xf4 || at + length > to) {
            return REPLACEMENT;
        }
        int character = first & (0xff >> (length + 1));
        for (int i = 1; i < length; i++) {
            int next = json[at + i] & 0xff;
            if ((next & 0xc0) != 0x80) {
                return REPLACEMENT;
            }
            character = character << 6 | (next & 0x3f);
        }
        boolean overlong = length == 3 && character < 0x800 || length == 4 && character < 0x10000;
        boolean surrogate = character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE;
        return overlong || surrogate || character > Character.MAX_CODE_POINT ? REPLACEMENT : character;
    }

    private void escape(int character) {
        if (Character.isBmpCodePoint(character)) {
            unit((char) character);
        } else {
            unit(Character.highSurrogate(character));
            unit(Character.lowSurrogate(character));
        }
    }

    private void unit(char unit) {
        buffer[size++] = '\\';
        buffer[size++] = 'u';
        for (int shift = 12; shift >= 0; shift -= 4) {
            buffer[size++] = HEX[unit >> shift & 0xf];
        }
    }
}
