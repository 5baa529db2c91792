package dev.holt.app.notebook;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.holt.app.client.SandboxAddress;
import java.io.ByteArrayInputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class NotebookDoorTest {
    private static final String TOKEN = "0123456789abcdef";

    private final List<String> requests = new CopyOnWriteArrayList<>();
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private HttpServer holt;
    private NotebookDoor door;

    @BeforeEach
    void start() throws Exception {
        holt = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        holt.createContext("/", exchange -> {
            try (exchange) {
                String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
                var headers = exchange.getRequestHeaders();
                requests.add(exchange.getRequestMethod() + " " + exchange.getRequestURI() + " sandbox="
                        + headers.getFirst("E2b-Sandbox-Id") + ":" + headers.getFirst("E2b-Sandbox-Port") + " token="
                        + headers.get("X-Access-Token") + " authorization=" + headers.getFirst("Authorization")
                        + " own="
                        + headers.getFirst("X-Own") + " " + body);
                byte[] answer = "answered".getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(200, answer.length);
                exchange.getResponseBody().write(answer);
            }
        });
        holt.start();
        door = open(URI.create("http://127.0.0.1:" + holt.getAddress().getPort() + "/base/"));
    }

    private static NotebookDoor open(URI url) throws Exception {
        return NotebookDoor.open(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                new SandboxAddress(url, "abc", Optional.of("secret")),
                TOKEN);
    }

    @AfterEach
    void stop() {
        door.close();
        holt.stop(0);
        http.close();
    }

    @ParameterizedTest
    @CsvSource({
        "/0123456789abcdef/api/kernels, '', 200",
        "/api/kernels?token=0123456789abcdef, '', 200",
        "/api/kernels, token 0123456789abcdef, 200",
        "/api/kernels, Bearer 0123456789abcdef, 200",
        "/api/kernels, '', 401",
        "/api/kernels, Basic 0123456789abcdef, 401",
        "/0123456789abcdeF/api/kernels, '', 401",
        "/api/kernels?token=%zz, '', 401",
    })
    void onlyWhoHasTheTokenGetsThrough(String path, String authorization, int status) throws Exception {
        // written by hand: HttpClient refuses some of these paths
        String answer = raw("GET " + path + " HTTP/1.1\r\nHost: a\r\n"
                + (authorization.isEmpty() ? "" : "Authorization: " + authorization + "\r\n") + "\r\n");
        assertThat(answer).startsWith("HTTP/1.1 " + status + " ");
        assertThat(requests).hasSize(status == 200 ? 1 : 0);
        if (status == 200) {
            assertThat(requests.getFirst())
                    .startsWith("GET /base/jupyter/api/kernels sandbox=abc:49999 token=[secret] authorization=null");
        }
    }

    @Test
    void theRestOfARequestIsPassedOn() throws Exception {
        String body = "x".repeat(300_000);
        var response = http.send(
                HttpRequest.newBuilder(URI.create(
                                "http://127.0.0.1:" + door.address().getPort() + "/" + TOKEN + "/api/kernels?a=b&c"))
                        .header("X-Own", "yes")
                        .header("X-Access-Token", "forged")
                        .POST(HttpRequest.BodyPublishers.ofString(body))
                        .build(),
                BodyHandlers.ofString());
        assertThat(response.body()).isEqualTo("answered");
        assertThat(requests.getFirst())
                .startsWith("POST /base/jupyter/api/kernels?a=b&c sandbox=abc:49999 token=[secret]")
                .endsWith("own=yes " + body);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "nonsense\r\n\r\n",
                "GET a HTTP/1.1\r\n\r\n",
                "GET / HTTP/2\r\n\r\n",
                "GET / HTTP/1.1\r\n a: b\r\n\r\n"
            })
    void whatIsNoRequestIsRefused(String head) throws Exception {
        assertThat(raw(head)).startsWith("HTTP/1.1 400 ");
    }

    @Test
    void aHoltThatDoesNotAnswerIsABadGateway() throws Exception {
        int port;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        try (NotebookDoor other = open(URI.create("http://127.0.0.1:" + port));
                Socket socket = new Socket(
                        InetAddress.getLoopbackAddress(), other.address().getPort())) {
            socket.getOutputStream()
                    .write(("GET /" + TOKEN + "/api HTTP/1.1\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                    .startsWith("HTTP/1.1 502 ")
                    .contains("does not answer");
        }
    }

    @Test
    void aWebSocketKeepsItsUpgradeAndEverythingElseEndsWithItsAnswer() throws Exception {
        String upgrade = head("GET /" + TOKEN + "/api/kernels/x/channels HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\n"
                + "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n");
        assertThat(upgrade)
                .contains("Connection: Upgrade\r\n", "Upgrade: websocket\r\n", "Sec-WebSocket-Key: k\r\n")
                .doesNotContain("keep-alive", "Origin", TOKEN);
        assertThat(head("GET /" + TOKEN + "/api HTTP/1.1\r\nConnection: keep-alive\r\n\r\n"))
                .contains("Connection: close\r\n")
                .doesNotContain("keep-alive");
    }

    private static String head(String request) throws Exception {
        return RequestHead.read(new ByteArrayInputStream(request.getBytes(StandardCharsets.ISO_8859_1)))
                .forSandbox(new SandboxAddress(URI.create("http://127.0.0.1:1"), "abc", Optional.of("secret")), TOKEN);
    }

    private String raw(String head) throws Exception {
        try (Socket socket =
                new Socket(InetAddress.getLoopbackAddress(), door.address().getPort())) {
            socket.getOutputStream().write(head.getBytes(StandardCharsets.ISO_8859_1));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
