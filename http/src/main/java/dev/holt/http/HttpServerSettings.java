package dev.holt.http;

import java.time.Duration;
import java.util.List;

/**
 * What an {@link HttpServer} listens on and its limits.
 *
 * @param listeners at least one, names unique
 * @param idleTimeout a connection without a request, a stalled upload or a client that stopped reading is cut after this
 *     long; a request that is being answered never is
 * @param requestHeadBytes longest request line and headers, 1024 to 1048576; longer ones get 414 or 431
 * @param responseHeadBytes longest response headers, 1024 to 1048576
 * @param stopTimeout how long {@link HttpServer#close()} lets requests finish before it cuts them
 */
public record HttpServerSettings(
        List<HttpListener> listeners,
        Duration idleTimeout,
        int requestHeadBytes,
        int responseHeadBytes,
        Duration stopTimeout) {
    public HttpServerSettings {
        listeners = List.copyOf(listeners);
        if (listeners.isEmpty()) {
            throw new IllegalArgumentException("a server needs at least one listener");
        }
        if (listeners.stream().map(HttpListener::name).distinct().count() != listeners.size()) {
            throw new IllegalArgumentException("listeners must have distinct names; got " + listeners);
        }
        requireHead("requestHeadBytes", requestHeadBytes);
        requireHead("responseHeadBytes", responseHeadBytes);
    }

    /** The defaults: idle 10 minutes, heads of 32 KiB and 64 KiB, 2 seconds to stop. */
    public static HttpServerSettings of(List<HttpListener> listeners) {
        return new HttpServerSettings(listeners, Duration.ofMinutes(10), 32 * 1024, 64 * 1024, Duration.ofSeconds(2));
    }

    private static void requireHead(String name, int bytes) {
        if (bytes < 1024 || bytes > 1_048_576) {
            throw new IllegalArgumentException(name + " must be 1024 to 1048576; got " + bytes);
        }
    }
}
