package dev.holt.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;

class HttpServerTest {
    record Greeting(String name, int times) {}

    private static HttpResponse<String> send(HttpClient client, HttpRequest.Builder request) throws Exception {
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    private static HttpClient client(HttpClient.Version version) {
        return HttpClient.newBuilder().version(version).build();
    }

    @Test
    void answersOnVirtualThreadsOverHttp1AndUpgradedHttp2() throws Exception {
        try (TestServer server = new TestServer((request, response, callback) -> {
                    String text = request.getConnectionMetaData().getHttpVersion() + " "
                            + Thread.currentThread().isVirtual();
                    JsonAnswer.send(response, callback, 200, Map.of("seen", text));
                    return true;
                });
                HttpClient http1 = client(HttpClient.Version.HTTP_1_1);
                HttpClient http2 = client(HttpClient.Version.HTTP_2)) {
            URI uri = URI.create(server.url() + "/x");
            assertThat(send(http1, HttpRequest.newBuilder(uri)).body()).isEqualTo("{\"seen\":\"HTTP/1.1 true\"}");
            HttpResponse<String> upgraded = send(http2, HttpRequest.newBuilder(uri));
            assertThat(upgraded.version()).isEqualTo(HttpClient.Version.HTTP_2);
            assertThat(upgraded.body()).isEqualTo("{\"seen\":\"HTTP/2.0 true\"}");
            assertThat(upgraded.headers().map().keySet()).doesNotContain("server", "date");
        }
    }

    @Test
    void answersHttp2ByPriorKnowledge() throws Exception {
        try (TestServer server = new TestServer((request, response, callback) -> {
                    JsonAnswer.empty(response, callback, 204);
                    return true;
                });
                RawClient client = new RawClient(server.address())) {
            client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0");
            byte[] frame = client.socket().getInputStream().readNBytes(9);
            assertThat(frame[3]).as("the server's first frame is SETTINGS").isEqualTo((byte) 4);
        }
    }

    @Test
    void listensOnSeveralAddressesAndTellsThemApart() throws Exception {
        HttpServerSettings settings = HttpServerSettings.of(
                List.of(new HttpListener("one", "127.0.0.1", 0), new HttpListener("two", "127.0.0.1", 0)));
        Handler handler = new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                JsonAnswer.send(response, callback, 200, HttpListener.nameOf(request));
                return true;
            }
        };
        try (HttpServer server = HttpServer.start(settings, handler);
                HttpClient client = client(HttpClient.Version.HTTP_1_1)) {
            for (String name : List.of("one", "two")) {
                URI uri = URI.create("http://127.0.0.1:" + server.address(name).getPort());
                assertThat(send(client, HttpRequest.newBuilder(uri)).body()).isEqualTo('"' + name + '"');
            }
        }
    }

    @Test
    void namesTheAddressThatItCannotBind() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress())) {
            HttpServerSettings settings =
                    HttpServerSettings.of(List.of(new HttpListener("control", "127.0.0.1", taken.getLocalPort())));
            assertThatThrownBy(() -> HttpServer.start(settings, new Handler.Abstract.NonBlocking() {
                        @Override
                        public boolean handle(Request request, Response response, Callback callback) {
                            return false;
                        }
                    }))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("127.0.0.1:" + taken.getLocalPort())
                    .hasMessageContaining("in use");
        }
    }

    @Test
    void errorsAreJsonWithoutStackTraces() throws Exception {
        try (TestServer server = new TestServer((request, response, callback) -> switch (request.getHttpURI()
                        .getPath()) {
                    case "/refused" -> throw new HttpFailure(409, "in_transition", "it is being paused");
                    case "/broken" -> throw new IllegalStateException("secret detail");
                    default -> false;
                });
                HttpClient client = client(HttpClient.Version.HTTP_1_1)) {
            HttpResponse<String> missing = send(
                    client,
                    HttpRequest.newBuilder(URI.create(server.url() + "/no%2Fthing"))
                            .DELETE());
            assertThat(missing.statusCode()).isEqualTo(404);
            assertThat(missing.body()).isEqualTo("{\"code\":404,\"message\":\"there is no DELETE /no%2Fthing\"}");
            assertThat(missing.headers().firstValue("content-type")).contains("application/json");
            HttpResponse<String> refused = send(client, HttpRequest.newBuilder(URI.create(server.url() + "/refused")));
            assertThat(refused.statusCode()).isEqualTo(409);
            assertThat(refused.body())
                    .isEqualTo("{\"code\":409,\"message\":\"it is being paused\",\"error_code\":\"in_transition\"}");
            HttpResponse<String> broken = send(client, HttpRequest.newBuilder(URI.create(server.url() + "/broken")));
            assertThat(broken.statusCode()).isEqualTo(500);
            assertThat(broken.body()).doesNotContain("secret").contains("\"code\":500");
        }
    }

    @Test
    void badRequestsGetJsonToo() throws Exception {
        try (TestServer server = new TestServer((request, response, callback) -> false)) {
            for (String bad : List.of(
                    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n",
                    "GET / HTTP/1.1\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")) {
                try (RawClient client = new RawClient(server.address())) {
                    client.send(bad);
                    assertThat(client.answer()).startsWith("HTTP/1.1 400").contains("\"code\":400");
                }
            }
            try (RawClient client = new RawClient(server.address())) {
                client.send("GET / HTTP/1.1\r\nHost: a\r\nX: " + "y".repeat(40_000) + "\r\n\r\n");
                assertThat(client.answer()).startsWith("HTTP/1.1 431").contains("\"code\":431");
            }
        }
    }

    @Test
    void readsJsonAndSaysWhatIsWrongWithIt() throws Exception {
        try (TestServer server = new TestServer((request, response, callback) -> {
                    Greeting greeting = JsonBody.read(request, 100, Greeting.class);
                    JsonAnswer.send(response, callback, 200, greeting);
                    return true;
                });
                HttpClient client = client(HttpClient.Version.HTTP_1_1)) {
            record Case(String body, int status, String contains) {}
            for (Case test : List.of(
                    new Case("{\"name\":\"a\",\"times\":2,\"unknown\":1}", 200, "{\"name\":\"a\",\"times\":2}"),
                    new Case("", 400, "needs a JSON body"),
                    new Case("null", 400, "must not be null"),
                    new Case("{\"name\":", 400, "not valid JSON"),
                    new Case("{\"name\":\"a\",\"times\":\"many\"}", 400, "at times (line 1, column"),
                    new Case("{\"name\":\"" + "a".repeat(200) + "\"}", 413, "longer than 100 bytes"))) {
                HttpResponse<String> answer = send(
                        client,
                        HttpRequest.newBuilder(URI.create(server.url()))
                                .POST(HttpRequest.BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream(
                                        test.body().getBytes(java.nio.charset.StandardCharsets.UTF_8)))));
                assertThat(answer.statusCode()).as(test.body()).isEqualTo(test.status());
                assertThat(answer.body()).contains(test.contains()).doesNotContain("dev.holt");
            }
        }
    }

    @Test
    void closingLetsARequestFinish() throws Exception {
        CountDownLatch handling = new CountDownLatch(1);
        CountDownLatch finish = new CountDownLatch(1);
        TestServer server = new TestServer((request, response, callback) -> {
            handling.countDown();
            finish.await();
            JsonAnswer.send(response, callback, 200, "finished");
            return true;
        });
        try (RawClient client = new RawClient(server.address())) {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            handling.await();
            Thread closing = Thread.startVirtualThread(server::close);
            finish.countDown();
            assertThat(client.answer()).endsWith("\"finished\"");
            closing.join();
            assertThatThrownBy(() -> new RawClient(server.address())).isInstanceOf(Exception.class);
        }
    }

    @Test
    void aFailedCallbackBreaksTheConnection() throws Exception {
        try (TestServer server = new TestServer((request, response, callback) -> {
                    response.setStatus(200);
                    Content.Sink.write(response, false, ByteBuffer.wrap(new byte[] {'a'}));
                    callback.failed(new IOException("the source broke"));
                    return true;
                });
                RawClient client = new RawClient(server.address())) {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            AtomicReference<String> rest = new AtomicReference<>("");
            client.head();
            try {
                rest.set(new String(
                        client.socket().getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.US_ASCII));
            } catch (IOException reset) {
                rest.set("reset");
            }
            assertThat(rest.get()).as("no last chunk").doesNotContain("0\r\n\r\n");
        }
    }
}
