package dev.holt.edge;

import dev.holt.http.ErrorBody;
import dev.holt.http.HttpListener;
import dev.holt.http.HttpServer;
import dev.holt.http.HttpServerSettings;
import dev.holt.http.JsonAnswer;
import dev.holt.http.SandboxService;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** An edge with one sandbox, in front of another handler, on real sockets. */
final class EdgeFixture implements AutoCloseable {
    static final String DOMAIN = "holt.test";

    final FakeNode node;
    final SandboxId sandbox;

    /** Why the owner's quotas have no room, if they have none. */
    volatile Optional<String> quota = Optional.empty();

    private final Edge edge;
    private final HttpServer server;

    EdgeFixture(boolean channels) throws IOException {
        this(channels, true, Map.of(), 1000);
    }

    EdgeFixture(boolean channels, boolean debug, Map<Integer, SandboxService> services, int mostExchanges)
            throws IOException {
        node = new FakeNode(channels);
        EdgeConfig config =
                new EdgeConfig(List.of(DOMAIN, "Other.Test:8080"), debug, Map.of("envd", 49_983), mostExchanges);
        edge = new Edge(
                config,
                node,
                (asleep, port) -> {
                    Optional<String> refused = quota;
                    if (refused.isEmpty()) {
                        node.wake(asleep.id(), port);
                    }
                    return refused;
                },
                services);
        sandbox = node.start();
        Handler control = new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                JsonAnswer.error(response, callback, new ErrorBody(418, "this is control"));
                return true;
            }
        };
        server = HttpServer.start(
                HttpServerSettings.of(
                        List.of(new HttpListener("control", "127.0.0.1", 0), new HttpListener("envd", "127.0.0.1", 0))),
                new Handler.Sequence(edge.handler(), control));
    }

    /** Puts a server behind port 8000 of the sandbox. */
    EdgeFixture with(GuestServer guest) {
        node.listen(sandbox, 8000, guest.address());
        return this;
    }

    InetSocketAddress address() {
        return server.address("control");
    }

    InetSocketAddress envdAddress() {
        return server.address("envd");
    }

    String host() {
        return "8000-" + sandbox + "." + DOMAIN;
    }

    Wire connect() throws IOException {
        return new Wire(address());
    }

    /** Sends a request for port 8000; {@code headers} end with a line end each. */
    void request(Wire wire, String line, String headers) throws IOException {
        wire.send(line + " HTTP/1.1\r\nHost: " + host() + "\r\n" + headers + "\r\n");
    }

    String get(String path) throws IOException {
        try (Wire wire = connect()) {
            request(wire, "GET " + path, "");
            return wire.answer();
        }
    }

    @Override
    public void close() {
        server.close();
        edge.close();
    }
}
