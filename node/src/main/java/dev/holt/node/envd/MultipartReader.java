package dev.holt.node.envd;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Takes a multipart body (RFC 2046, RFC 7578) apart as it arrives: nothing of a part's content is kept but one buffer. Jetty's
 * own parser loses carriage returns that fall on the edge of a chunk (12.1.14).
 */
final class MultipartReader {
    private static final int BUFFER_BYTES = 64 * 1024;
    private static final int HEADERS_MAXIMUM = 16 * 1024;
    private static final int BOUNDARY_MAXIMUM = 200;

    private enum Place {
        BEFORE_FIRST,
        IN_PART,
        BETWEEN,
        OVER
    }

    private final InputStream body;
    private final byte[] delimiter;
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private int start;
    private int end;
    private boolean bodyEnded;
    private Place place = Place.BEFORE_FIRST;

    /** A body that is no multipart. */
    static final class MalformedException extends IOException {
        private static final long serialVersionUID = 1L;

        MalformedException(String message) {
            super(message);
        }
    }

    MultipartReader(InputStream body, String boundary) throws MalformedException {
        if (boundary.isEmpty() || boundary.length() > BOUNDARY_MAXIMUM) {
            throw new MalformedException("a multipart boundary has 1 to " + BOUNDARY_MAXIMUM + " characters");
        }
        this.body = body;
        this.delimiter = ("\r\n--" + boundary).getBytes(StandardCharsets.ISO_8859_1);
        // The first delimiter has no line break of its own when nothing comes before it.
        buffer[0] = '\r';
        buffer[1] = '\n';
        this.end = 2;
    }

    /** The headers of the next part, names in lower case, or empty behind the last. Skips what was not read of the part before. */
    Optional<Map<String, String>> next() throws IOException {
        byte[] skipped = new byte[8 * 1024];
        if (place == Place.BEFORE_FIRST) {
            place = Place.IN_PART;
        }
        while (place == Place.IN_PART && read(skipped, 0, skipped.length) >= 0) {
            // What is in front of the first part, or was of no interest.
        }
        if (place == Place.OVER) {
            return Optional.empty();
        }
        Map<String, String> headers = new TreeMap<>();
        int total = 0;
        for (String line = line(); !line.isEmpty(); line = line()) {
            total += line.length();
            int colon = line.indexOf(':');
            if (colon <= 0 || total > HEADERS_MAXIMUM) {
                throw new MalformedException(
                        colon <= 0 ? "a part has a header without a colon" : "a part's headers are too long");
            }
            headers.putIfAbsent(
                    line.substring(0, colon).strip().toLowerCase(Locale.ROOT),
                    line.substring(colon + 1).strip());
        }
        place = Place.IN_PART;
        return Optional.of(headers);
    }

    /** Reads content of the part: how many bytes, or -1 at its end. */
    int read(byte[] target, int offset, int length) throws IOException {
        if (place != Place.IN_PART) {
            return -1;
        }
        for (; ; ) {
            int match = findDelimiter();
            if (match > start) {
                int count = Math.min(match - start, length);
                System.arraycopy(buffer, start, target, offset, count);
                start += count;
                return count;
            }
            if (end - match >= delimiter.length + 2) {
                endPart();
                return -1;
            }
            more();
        }
    }

    /** Steps over the delimiter, which is next. */
    private void endPart() throws IOException {
        start += delimiter.length;
        if (buffer[start] == '-' && buffer[start + 1] == '-') {
            place = Place.OVER;
            return;
        }
        place = Place.BETWEEN;
        if (!line().isBlank()) {
            throw new MalformedException("text behind a boundary");
        }
    }

    /** Where the next delimiter is, or could begin, or the end of what is buffered. */
    private int findDelimiter() {
        for (int at = start; at < end; at++) {
            if (buffer[at] == '\r' && couldBeDelimiter(at)) {
                return at;
            }
        }
        return end;
    }

    private boolean couldBeDelimiter(int at) {
        int known = Math.min(delimiter.length, end - at);
        for (int i = 0; i < known; i++) {
            if (buffer[at + i] != delimiter[i]) {
                return false;
            }
        }
        // Behind a whole delimiter comes its end or the end of the line, else it is only the beginning of something
        // longer.
        if (end - at < delimiter.length + 2) {
            return true;
        }
        byte next = buffer[at + delimiter.length];
        byte then = buffer[at + delimiter.length + 1];
        return (next == '-' && then == '-') || (next == '\r' && then == '\n') || next == ' ' || next == '\t';
    }

    /** The next line, without its end. */
    private String line() throws IOException {
        for (int at = start; ; at++) {
            while (at >= end) {
                int scanned = at - start;
                more();
                at = start + scanned;
            }
            if (buffer[at] == '\n') {
                int length = at - start;
                if (length > 0 && buffer[at - 1] == '\r') {
                    length--;
                }
                String line = new String(buffer, start, length, StandardCharsets.UTF_8);
                start = at + 1;
                return line;
            }
            if (at - start > HEADERS_MAXIMUM) {
                throw new MalformedException("a line of a part's head is too long");
            }
        }
    }

    private void more() throws IOException {
        System.arraycopy(buffer, start, buffer, 0, end - start);
        end -= start;
        start = 0;
        int count = bodyEnded ? -1 : body.read(buffer, end, buffer.length - end);
        if (count < 0) {
            bodyEnded = true;
            throw new EOFException("the body ends before its closing boundary");
        }
        end += count;
    }
}
