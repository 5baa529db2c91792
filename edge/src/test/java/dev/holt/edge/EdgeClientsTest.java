package dev.holt.edge;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Ordinary clients and servers through the edge, and guests that send anything. */
class EdgeClientsTest {
    private static HttpServer guest() throws IOException {
        HttpServer guest = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        guest.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        guest.createContext("/echo", exchange -> {
            exchange.sendResponseHeaders(200, 0);
            try (InputStream in = exchange.getRequestBody()) {
                in.transferTo(exchange.getResponseBody());
            }
            exchange.close();
        });
        guest.start();
        return guest;
    }

    @ParameterizedTest
    @EnumSource(HttpClient.Version.class)
    void manyRequestsAtOnceOverEitherVersion(HttpClient.Version version) throws Exception {
        HttpServer guest = guest();
        try (EdgeFixture edge = new EdgeFixture(true);
                HttpClient client = HttpClient.newBuilder().version(version).build()) {
            edge.node.listen(edge.sandbox, 8000, guest.getAddress());
            URI uri = URI.create("http://127.0.0.1:" + edge.address().getPort() + "/echo");
            HttpRequest.Builder request = HttpRequest.newBuilder(uri)
                    .header("E2b-Sandbox-Id", edge.sandbox.value())
                    .header("E2b-Sandbox-Port", "8000");
            // The upgrade to HTTP/2 happens with a request that has no body.
            client.send(request.copy().build(), HttpResponse.BodyHandlers.discarding());
            List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
            for (int number = 0; number < 100; number++) {
                String body = ("body " + number + " ").repeat(number * 200);
                answers.add(client.sendAsync(
                        request.copy()
                                .POST(HttpRequest.BodyPublishers.ofString(body))
                                .build(),
                        HttpResponse.BodyHandlers.ofString()));
            }
            for (int number = 0; number < 100; number++) {
                HttpResponse<String> answer = answers.get(number).join();
                assertThat(answer.body()).isEqualTo(("body " + number + " ").repeat(number * 200));
            }
            assertThat(answers.getLast().join().version()).isEqualTo(version);
        } finally {
            guest.stop(0);
        }
    }

    @Property(tries = 200)
    void whateverAGuestSendsTheClientIsNotLeftWaiting(@ForAll @From("answers") String answer) throws Exception {
        try (GuestServer guest = new GuestServer(connection -> {
                    connection.head();
                    connection.send(answer);
                });
                EdgeFixture edge = new EdgeFixture(answer.length() % 2 == 0).with(guest);
                Wire wire = edge.connect()) {
            wire.send("GET / HTTP/1.1\r\nHost: " + edge.host() + "\r\nConnection: close\r\n\r\n");
            String head = wire.tryHead();
            if (head != null) {
                assertThat(head).matches("(?s)HTTP/1\\.1 [1-5][0-9][0-9].*");
                assertThat(wire.ended() || !wire.rest().isEmpty()).isTrue();
            }
        } catch (java.net.SocketTimeoutException silence) {
            throw new AssertionError("the client was left waiting", silence);
        } catch (IOException broken) {
            assertThat(broken).isNotNull();
        }
    }

    @Provide
    Arbitrary<String> answers() {
        Arbitrary<String> pieces = Arbitraries.of(
                "HTTP/1.1 200 OK\r\n",
                "HTTP/1.1 100 Continue\r\n\r\n",
                "HTTP/1.1 101 X\r\n\r\n",
                "HTTP/1.1 304 X\r\n",
                "Content-Length: 3\r\n",
                "Transfer-Encoding: chunked\r\n",
                "Connection: close\r\n",
                "\r\n",
                "abc",
                "3\r\nabc\r\n",
                "0\r\n\r\n",
                "\0",
                "x: y\r\n",
                ": \r\n");
        return Arbitraries.oneOf(
                pieces.list().ofMaxSize(10).map(list -> String.join("", list)),
                pieces.list().ofMaxSize(6).map(list -> "HTTP/1.1 200 OK\r\n" + String.join("", list)));
    }
}
