package dev.holt.node.envd;

import dev.holt.http.HttpFailure;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A part of a file, from {@code offset}, {@code length} bytes long. */
record ByteRange(long offset, long length) {
    private static final Pattern SINGLE = Pattern.compile("bytes=\\s*(\\d{0,18})\\s*-\\s*(\\d{0,18})\\s*");
    private static final int NOT_SATISFIABLE = 416;

    /**
     * The range that a {@code Range} header asks for. Empty when it is of a kind that a server may answer with the whole
     * (RFC 9110, 14.2): several ranges, another unit, or nonsense.
     *
     * @throws HttpFailure 416 when it begins behind the end of the file
     */
    static Optional<ByteRange> parse(String header, long size) {
        Matcher matcher = SINGLE.matcher(header);
        if (!matcher.matches()
                || (matcher.group(1).isEmpty() && matcher.group(2).isEmpty())) {
            return Optional.empty();
        }
        if (matcher.group(1).isEmpty()) {
            long last = Math.min(size, Long.parseLong(matcher.group(2)));
            if (last == 0) {
                throw notSatisfiable(header, size);
            }
            return Optional.of(new ByteRange(size - last, last));
        }
        long from = Long.parseLong(matcher.group(1));
        if (from >= size) {
            throw notSatisfiable(header, size);
        }
        long to = matcher.group(2).isEmpty() ? size - 1 : Math.min(size - 1, Long.parseLong(matcher.group(2)));
        return to < from ? Optional.empty() : Optional.of(new ByteRange(from, to - from + 1));
    }

    private static HttpFailure notSatisfiable(String header, long size) {
        return new HttpFailure(
                NOT_SATISFIABLE, "the range '" + header + "' is not within the file, which has " + size + " bytes");
    }

    /** For the header {@code Content-Range}. */
    String contentRange(long size) {
        return "bytes " + offset + "-" + (offset + length - 1) + "/" + size;
    }
}
