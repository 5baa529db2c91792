package dev.holt.edge.relay;

import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.server.Request;
import org.jspecify.annotations.Nullable;

/** Writes a request's line and headers for the server in the sandbox: path and headers as received, connection headers new. */
final class RequestHead {
    private static final byte[] VERSION = ascii(" HTTP/1.1\r\nHost: ");
    private static final byte[] FORWARDED_FOR = ascii("X-Forwarded-For: ");
    private static final byte[] FORWARDED_PROTO = ascii("X-Forwarded-Proto: ");
    private static final byte[] FORWARDED_HOST = ascii("X-Forwarded-Host: ");
    private static final byte[] CHUNKED = ascii("Transfer-Encoding: chunked\r\n");
    private static final byte[] LENGTH = ascii("Content-Length: ");
    private static final byte[] EXPECT = ascii("Expect: 100-continue\r\n");
    private static final byte[] UPGRADE = ascii("Connection: Upgrade\r\nUpgrade: ");
    private static final byte[] SEPARATOR = ascii(": ");
    private static final byte[] LINE_END = ascii("\r\n");
    private static final String TRAFFIC_TOKEN = "e2b-traffic-access-token";

    private RequestHead() {}

    /**
     * The protocol that the client wants to switch to, or null. Only HTTP/1.1 can, and HTTP/2 is between it and us: Jetty
     * has switched to it or decided not to.
     */
    static @Nullable String upgrade(Request request) {
        if (request.getConnectionMetaData().getHttpVersion() != HttpVersion.HTTP_1_1) {
            return null;
        }
        HttpFields headers = request.getHeaders();
        String protocol = headers.contains(HttpHeader.CONNECTION, "upgrade") ? headers.get(HttpHeader.UPGRADE) : null;
        return "h2c".equalsIgnoreCase(protocol) ? null : protocol;
    }

    /** Whether the client waits for a 100 before it sends the body. */
    static boolean expectsContinue(Request request) {
        return request.getHeaders().contains(HttpHeader.EXPECT, "100-continue");
    }

    /**
     * Writes the head at the buffer's position.
     *
     * @param bodyLength length of the body, -1 for chunked
     * @param noBody leaves framing headers out when the client sent none
     * @throws BufferOverflowException when the buffer is too small; its content is then useless
     */
    static void write(
            ByteBuffer out,
            Request request,
            Destination to,
            long bodyLength,
            boolean noBody,
            boolean expect,
            @Nullable String upgrade) {
        put(out, request.getMethod());
        out.put((byte) ' ');
        String path = request.getHttpURI().getPathQuery();
        put(out, path == null || path.isEmpty() ? "/" : path);
        out.put(VERSION);
        put(out, to.host());
        out.put(LINE_END);
        Forwarded forwarded = fields(out, request.getHeaders());
        forwarded(out, request, to, forwarded);
        if (bodyLength < 0) {
            out.put(CHUNKED);
        } else if (!noBody || framed(request.getHeaders())) {
            out.put(LENGTH);
            put(out, Long.toString(bodyLength));
            out.put(LINE_END);
        }
        if (expect) {
            out.put(EXPECT);
        }
        if (upgrade != null) {
            out.put(UPGRADE);
            put(out, upgrade);
            out.put(LINE_END);
        }
        out.put(LINE_END);
    }

    private static boolean framed(HttpFields headers) {
        return headers.contains(HttpHeader.CONTENT_LENGTH) || headers.contains(HttpHeader.TRANSFER_ENCODING);
    }

    /** What proxies before us said of the client. */
    private record Forwarded(@Nullable String by, boolean proto, boolean host) {}

    private static Forwarded fields(ByteBuffer out, HttpFields headers) {
        Set<String> named = connectionOptions(headers);
        String by = null;
        boolean proto = false;
        boolean host = false;
        for (HttpField field : headers) {
            HttpHeader known = field.getHeader();
            if (known != null) {
                switch (known) {
                    case HOST,
                            CONNECTION,
                            KEEP_ALIVE,
                            PROXY_CONNECTION,
                            PROXY_AUTHORIZATION,
                            TE,
                            TRAILER,
                            TRANSFER_ENCODING,
                            UPGRADE,
                            HTTP2_SETTINGS,
                            EXPECT,
                            CONTENT_LENGTH,
                            C_METHOD,
                            C_SCHEME,
                            C_AUTHORITY,
                            C_PATH,
                            C_PROTOCOL -> {
                        continue;
                    }
                    case X_FORWARDED_FOR -> {
                        by = by == null ? field.getValue() : by + ", " + field.getValue();
                        continue;
                    }
                    case X_FORWARDED_PROTO -> proto = true;
                    case X_FORWARDED_HOST -> host = true;
                    default -> {}
                }
            } else if (TRAFFIC_TOKEN.equalsIgnoreCase(field.getName())) {
                continue;
            }
            if (!named.isEmpty() && named.contains(field.getLowerCaseName())) {
                continue;
            }
            put(out, field.getName());
            out.put(SEPARATOR);
            put(out, field.getValue() == null ? "" : field.getValue());
            out.put(LINE_END);
        }
        return new Forwarded(by, proto, host);
    }

    private static Set<String> connectionOptions(HttpFields headers) {
        List<String> options = headers.getCSV(HttpHeader.CONNECTION, false);
        if (options.isEmpty()) {
            return Set.of();
        }
        Set<String> named = new HashSet<>();
        for (String option : options) {
            named.add(option.toLowerCase(Locale.ROOT));
        }
        return named;
    }

    private static void forwarded(ByteBuffer out, Request request, Destination to, Forwarded before) {
        out.put(FORWARDED_FOR);
        if (before.by() != null) {
            put(out, before.by());
            out.put((byte) ',').put((byte) ' ');
        }
        put(out, Request.getRemoteAddr(request));
        out.put(LINE_END);
        if (!before.proto()) {
            out.put(FORWARDED_PROTO);
            put(out, request.isSecure() ? "https" : "http");
            out.put(LINE_END);
        }
        if (!before.host()) {
            out.put(FORWARDED_HOST);
            put(out, to.originalHost());
            out.put(LINE_END);
        }
    }

    /** Writes text that came as bytes back as these bytes. HTTP/2 allows what would end a line here: that becomes a space. */
    private static void put(ByteBuffer out, String text) {
        int length = text.length();
        for (int at = 0; at < length; at++) {
            char next = text.charAt(at);
            if (next > 0xff) {
                putUtf8(out, text.substring(at));
                return;
            }
            out.put(next >= ' ' || next == '\t' ? (byte) next : (byte) ' ');
        }
    }

    private static void putUtf8(ByteBuffer out, String text) {
        for (byte next : text.getBytes(StandardCharsets.UTF_8)) {
            out.put(next >= 0 && next < ' ' && next != '\t' ? (byte) ' ' : next);
        }
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
