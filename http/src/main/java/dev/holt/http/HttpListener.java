package dev.holt.http;

import java.util.Objects;
import org.eclipse.jetty.server.Request;

/**
 * One address that an {@link HttpServer} listens on.
 *
 * @param name unique within the server, for {@link #nameOf} and {@link HttpServer#address}
 * @param host address or host name to bind, such as {@code 127.0.0.1} or {@code 0.0.0.0}
 * @param port 0 to 65535; 0 takes any free port
 */
public record HttpListener(String name, String host, int port) {
    public HttpListener {
        Objects.requireNonNull(name);
        Objects.requireNonNull(host);
        if (port < 0 || port > 65_535) {
            throw new IllegalArgumentException("port of listener " + name + " must be 0 to 65535; got " + port);
        }
    }

    /** The name of the listener that {@code request} arrived at. */
    public static String nameOf(Request request) {
        return request.getConnectionMetaData().getConnector().getName();
    }

    @Override
    public String toString() {
        return host + ":" + port + " (" + name + ")";
    }
}
