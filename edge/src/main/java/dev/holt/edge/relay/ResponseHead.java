package dev.holt.edge.relay;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpHeader;

/**
 * The status line and headers of a response, parsed strictly (RFC 9112): what the guest sends must not be able to make the
 * client see another message than the one it gets.
 *
 * @param status 100 to 599
 * @param fields all headers that are not about the connection itself
 * @param contentLength of the body, or -1
 * @param chunked whether the body is chunked, which then beats the length
 * @param keepAlive whether the connection may be used again
 * @param upgrade the protocol that a 101 switches to, or empty
 */
record ResponseHead(
        int status, List<HttpField> fields, long contentLength, boolean chunked, boolean keepAlive, String upgrade) {
    private static final byte[] PREFIX = "HTTP/1.".getBytes(StandardCharsets.US_ASCII);

    /** Whether the bytes so far can begin a response. */
    static boolean plausible(ByteBuffer in) {
        int length = Math.min(in.remaining(), PREFIX.length);
        for (int at = 0; at < length; at++) {
            if (in.get(in.position() + at) != PREFIX[at]) {
                return false;
            }
        }
        return true;
    }

    /** The absolute index behind the empty line that ends the head, or -1; looks from {@code from} on. */
    static int end(ByteBuffer in, int from) {
        for (int at = Math.max(in.position(), from); at < in.limit(); at++) {
            if (in.get(at) != '\n') {
                continue;
            }
            if (at + 1 < in.limit() && in.get(at + 1) == '\n') {
                return at + 2;
            }
            if (at + 2 < in.limit() && in.get(at + 1) == '\r' && in.get(at + 2) == '\n') {
                return at + 3;
            }
        }
        return -1;
    }

    /** Parses and consumes the head that ends at {@code end}. */
    static ResponseHead parse(ByteBuffer in, int end) throws MalformedResponse {
        byte[] bytes = new byte[end - in.position()];
        in.get(bytes);
        return new Parser(bytes).parse();
    }

    private static final class Parser {
        private final byte[] bytes;
        private int at;
        private final List<HttpField> fields = new ArrayList<>(16);
        private Set<String> named = Set.of();
        private boolean close;
        private boolean keep;
        private long contentLength = -1;
        private boolean chunked;
        private String upgrade = "";

        Parser(byte[] bytes) {
            this.bytes = bytes;
        }

        ResponseHead parse() throws MalformedResponse {
            int lineEnd = lineEnd();
            boolean version11 = version(lineEnd);
            int status = status(lineEnd);
            at = next(lineEnd);
            while (at < bytes.length) {
                lineEnd = lineEnd();
                if (lineEnd == at) {
                    break;
                }
                field(lineEnd);
                at = next(lineEnd);
            }
            if (!named.isEmpty()) {
                fields.removeIf(field -> named.contains(field.getLowerCaseName()));
            }
            boolean ambiguous = chunked && contentLength >= 0;
            boolean keepAlive = !close && !ambiguous && (version11 || keep);
            return new ResponseHead(status, fields, chunked ? -1 : contentLength, chunked, keepAlive, upgrade);
        }

        /** The index behind the current line's last character, without its line end. */
        private int lineEnd() throws MalformedResponse {
            int end = at;
            while (end < bytes.length && bytes[end] != '\n') {
                end++;
            }
            if (end == bytes.length) {
                throw new MalformedResponse("a header line has no end");
            }
            return end > at && bytes[end - 1] == '\r' ? end - 1 : end;
        }

        private int next(int lineEnd) {
            return bytes[lineEnd] == '\r' ? lineEnd + 2 : lineEnd + 1;
        }

        private boolean version(int lineEnd) throws MalformedResponse {
            if (lineEnd - at < 12 || (bytes[at + 7] != '0' && bytes[at + 7] != '1') || bytes[at + 8] != ' ') {
                throw new MalformedResponse("the status line is not HTTP/1.1");
            }
            for (int index = 0; index < PREFIX.length; index++) {
                if (bytes[at + index] != PREFIX[index]) {
                    throw new MalformedResponse("the status line is not HTTP/1.1");
                }
            }
            return bytes[at + 7] == '1';
        }

        private int status(int lineEnd) throws MalformedResponse {
            int status = 0;
            for (int index = at + 9; index < at + 12; index++) {
                int digit = bytes[index] - '0';
                if (digit < 0 || digit > 9) {
                    throw new MalformedResponse("the status is no number");
                }
                status = status * 10 + digit;
            }
            if (status < 100 || status > 599 || (lineEnd > at + 12 && bytes[at + 12] != ' ')) {
                throw new MalformedResponse("the status is not 100 to 599");
            }
            return status;
        }

        private void field(int lineEnd) throws MalformedResponse {
            int colon = at;
            while (colon < lineEnd && isToken(bytes[colon])) {
                colon++;
            }
            if (colon == at || colon == lineEnd || bytes[colon] != ':') {
                throw new MalformedResponse("a header has no valid name");
            }
            int from = colon + 1;
            int to = lineEnd;
            while (from < to && isBlank(bytes[from])) {
                from++;
            }
            while (to > from && isBlank(bytes[to - 1])) {
                to--;
            }
            for (int index = from; index < to; index++) {
                if (bytes[index] == '\r' || bytes[index] == 0) {
                    throw new MalformedResponse("a header has a control character in its value");
                }
            }
            String name = new String(bytes, at, colon - at, StandardCharsets.ISO_8859_1);
            String value = new String(bytes, from, to - from, StandardCharsets.ISO_8859_1);
            HttpHeader known = HttpHeader.CACHE.get(name);
            if (known == null) {
                fields.add(new HttpField(name, value));
                return;
            }
            switch (known) {
                case CONTENT_LENGTH -> length(value);
                case TRANSFER_ENCODING -> encoding(value);
                case CONNECTION -> connection(value);
                case UPGRADE -> upgrade = value;
                case KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER -> {}
                default -> fields.add(new HttpField(known, name, value));
            }
        }

        private void length(String value) throws MalformedResponse {
            for (String one : value.split(",", -1)) {
                long length = decimal(one.strip());
                if (length < 0 || (contentLength >= 0 && contentLength != length)) {
                    throw new MalformedResponse("the content length is invalid");
                }
                contentLength = length;
            }
        }

        private static long decimal(String text) {
            if (text.isEmpty() || text.length() > 18) {
                return -1;
            }
            long number = 0;
            for (int index = 0; index < text.length(); index++) {
                int digit = text.charAt(index) - '0';
                if (digit < 0 || digit > 9) {
                    return -1;
                }
                number = number * 10 + digit;
            }
            return number;
        }

        private void encoding(String value) throws MalformedResponse {
            if (chunked || !value.equalsIgnoreCase("chunked")) {
                throw new MalformedResponse("the transfer encoding is not 'chunked'");
            }
            chunked = true;
        }

        private void connection(String value) {
            for (String option : value.split(",", -1)) {
                String name = option.strip().toLowerCase(Locale.ROOT);
                switch (name) {
                    case "close" -> close = true;
                    case "keep-alive" -> keep = true;
                    case "upgrade", "" -> {}
                    default -> {
                        if (named.isEmpty()) {
                            named = new HashSet<>();
                        }
                        named.add(name);
                    }
                }
            }
        }

        private static boolean isBlank(byte next) {
            return next == ' ' || next == '\t';
        }

        private static boolean isToken(byte next) {
            return (next >= 'a' && next <= 'z')
                    || (next >= 'A' && next <= 'Z')
                    || (next >= '0' && next <= '9')
                    || "!#$%&'*+-.^_`|~".indexOf(next) >= 0;
        }
    }
}
