package dev.holt.http;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** A server on a free loopback port. */
final class TestServer implements AutoCloseable {
    /** What a test answers. */
    interface Answer {
        boolean to(Request request, Response response, Callback callback) throws Exception;
    }

    private final HttpServer server;

    TestServer(Answer answer) throws IOException {
        server = HttpServer.start(
                HttpServerSettings.of(List.of(new HttpListener("test", "127.0.0.1", 0))), new Handler.Abstract() {
                    @Override
                    public boolean handle(Request request, Response response, Callback callback) throws Exception {
                        return answer.to(request, response, callback);
                    }
                });
    }

    InetSocketAddress address() {
        return server.address("test");
    }

    String url() {
        return "http://127.0.0.1:" + address().getPort();
    }

    @Override
    public void close() {
        server.close();
    }
}
