package dev.holt.app.mcp;

import static dev.holt.app.mcp.FakeSandboxes.SANDBOX;
import static org.assertj.core.api.Assertions.assertThat;

import io.modelcontextprotocol.client.McpClient;
import io.modelcontextprotocol.client.McpSyncClient;
import io.modelcontextprotocol.client.transport.HttpClientStreamableHttpTransport;
import io.modelcontextprotocol.spec.McpSchema;
import io.modelcontextprotocol.spec.McpSchema.CallToolRequest;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import java.io.DataOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(120)
class McpHttpServerTest {
    private static final String INITIALIZE =
            "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\","
                    + "\"capabilities\":{},\"clientInfo\":{\"name\":\"test\",\"version\":\"1\"}}}";

    private final HttpClient http = HttpClient.newHttpClient();
    private FakeSandboxes holt;
    private McpHttpServer server;
    private McpSyncClient client;

    @BeforeEach
    void start() throws Exception {
        holt = new FakeSandboxes();
        server = McpHttpServer.start(
                holt.access(),
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                List.of("https://agent.example"),
                List.of("mcp.example"),
                "1.2.3");
        client = McpClient.sync(HttpClientStreamableHttpTransport.builder(url())
                        .endpoint("/mcp")
                        .httpRequestCustomizer((builder, method, endpoint, body, context) ->
                                builder.header("Authorization", "Bearer " + FakeSandboxes.KEY))
                        .build())
                .requestTimeout(Duration.ofSeconds(60))
                .build();
        client.initialize();
    }

    @AfterEach
    void stop() {
        client.closeGracefully();
        server.close();
        holt.close();
        http.close();
    }

    @ParameterizedTest
    @CsvSource({
        "'Bearer e2b_0123', '', 200",
        "'bearer e2b_0123', '', 200",
        "'Bearer e2b_0123', 'http://localhost:6274', 200",
        "'Bearer e2b_0123', 'https://agent.example', 200",
        "'Bearer e2b_0123', 'http://evil.example', 403",
        "'Bearer e2b_0123', 'http://localhost.evil.example', 403",
        "'Bearer e2b_0123', 'null', 403",
        "'Bearer e2b_ffff', '', 401",
        "'Bearer e2b_ff ff', '', 401",
        "'Bearer', '', 401",
        "'Basic e2b_0123', '', 401",
        "'', '', 401",
    })
    void keysAndPagesAreChecked(String authorization, String origin, int status) throws Exception {
        HttpRequest.Builder request = post(INITIALIZE);
        if (!authorization.isEmpty()) {
            request.header("Authorization", authorization);
        }
        if (!origin.isEmpty()) {
            request.header("Origin", origin);
        }
        HttpResponse<String> response = http.send(request.build(), BodyHandlers.ofString());
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        assertThat(response.headers().firstValue("WWW-Authenticate").isPresent())
                .isEqualTo(status == 401);
        if (status != 200) {
            assertThat(response.headers().firstValue("Mcp-Session-Id")).isEmpty();
            assertThat(response.body()).contains("\"message\"");
        }
    }

    @ParameterizedTest
    @CsvSource({"localhost:1, 200", "127.0.0.1, 200", "mcp.example, 200", "mcp.example:443, 200", "evil.example, 421"})
    void onLoopbackTheNameThatTheClientUsedIsChecked(String host, int status) throws Exception {
        try (var socket = new java.net.Socket(
                InetAddress.getLoopbackAddress(), server.address().getPort())) {
            socket.setSoTimeout(60_000);
            byte[] body = INITIALIZE.getBytes(StandardCharsets.UTF_8);
            socket.getOutputStream()
                    .write(("POST /mcp HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\nAuthorization: Bearer "
                                    + FakeSandboxes.KEY
                                    + "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream"
                                    + "\r\nContent-Length: " + body.length + "\r\n\r\n" + INITIALIZE)
                            .getBytes(StandardCharsets.UTF_8));
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(answer).startsWith("HTTP/1.1 " + status + " ");
        }
    }

    @Test
    void elsewhereThereIsNothingAndAMessageMustBeOne() throws Exception {
        HttpResponse<String> elsewhere =
                http.send(HttpRequest.newBuilder(URI.create(url() + "/")).GET().build(), BodyHandlers.ofString());
        assertThat(elsewhere.statusCode()).isEqualTo(404);
        assertThat(elsewhere.body()).contains("/mcp");
        HttpResponse<String> nonsense = http.send(
                post("nonsense")
                        .header("Authorization", "Bearer " + FakeSandboxes.KEY)
                        .build(),
                BodyHandlers.ofString());
        assertThat(nonsense.statusCode()).isEqualTo(400);
        assertThat(nonsense.body()).contains("-32700");
    }

    @Test
    void sandboxesAreMadeListedAndEnded() {
        holt.on("POST /v2/sandboxes", 201, "{\"sandboxID\":\"" + SANDBOX + "\",\"alias\":\"mine\"}");
        CallToolResult created =
                call("create_sandbox", Map.of("template", "mine", "internet", false, "metadata", Map.of("a", "b")));
        assertThat(data(created)).containsEntry("sandbox_id", SANDBOX).containsEntry("template", "mine");
        assertThat(holt.requests.getLast())
                .contains("key=" + FakeSandboxes.KEY)
                .endsWith("{\"templateID\":\"mine\",\"timeout\":1800,\"allow_internet_access\":false,"
                        + "\"metadata\":{\"a\":\"b\"},\"envVars\":{}}");

        holt.on(
                "GET /v2/sandboxes?limit=100&metadata=a%3Db%2520c",
                200,
                "[{\"sandboxID\":\"" + SANDBOX
                        + "\",\"templateID\":\"t\",\"state\":\"running\",\"metadata\":{\"a\":\"b c\"}}]");
        assertThat(text(call("list_sandboxes", Map.of("metadata", Map.of("a", "b c")))))
                .contains("\"total\":1", SANDBOX, "\"a\":\"b c\"");

        holt.on("POST /sandboxes/" + SANDBOX + "/timeout", 204, "");
        assertThat(text(call("set_sandbox_timeout", Map.of("sandbox_id", SANDBOX, "timeout_seconds", 60))))
                .contains("60 seconds");

        assertThat(data(call("get_port_url", Map.of("sandbox_id", SANDBOX, "port", 8080))))
                .containsEntry("url", "http://8080-" + SANDBOX + ".holt.example:3000");

        holt.on("DELETE /sandboxes/" + SANDBOX, 204, "");
        assertThat(text(call("kill_sandbox", Map.of("sandbox_id", SANDBOX)))).contains("gone");
        holt.on("DELETE /sandboxes/" + SANDBOX, 404, "{\"code\":404,\"message\":\"no such sandbox\"}");
        CallToolResult again = call("kill_sandbox", Map.of("sandbox_id", SANDBOX));
        assertThat(again.isError()).isTrue();
        assertThat(text(again)).isEqualTo("no such sandbox");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "run_command; {\"command\":\"ls\"}; sandbox_id",
                "run_command; {\"sandbox_id\":\"a\",\"command\":\"ls\",\"timeout_seconds\":0}; timeout_seconds",
                "run_command; {\"sandbox_id\":\"a\",\"command\":\"ls\",\"timeout_seconds\":3601}; 3600",
                "run_command; {\"sandbox_id\":\"a\",\"command\":5}; command",
                "run_command; {\"sandbox_id\":\"../a\",\"command\":\"ls\"}; sandbox_id",
                "run_command; {\"sandbox_id\":\"a\",\"command\":\"ls\",\"comand\":\"\"}; comand",
                "create_sandbox; {\"env\":{\"A\":1}}; env",
                "get_port_url; {\"sandbox_id\":\"a\",\"port\":65536}; port",
                "read_file; {\"sandbox_id\":\"a\",\"path\":\"x\",\"encoding\":\"rot13\"}; encoding",
            })
    void wrongArgumentsAreNamedAndNothingIsAsked(String tool, String arguments, String named) {
        holt.requests.clear();
        @SuppressWarnings("unchecked")
        Map<String, Object> values =
                tools.jackson.databind.json.JsonMapper.shared().readValue(arguments, Map.class);
        CallToolResult result = call(tool, values);
        assertThat(result.isError()).isTrue();
        assertThat(text(result)).contains(named);
        assertThat(holt.requests).isEmpty();
    }

    @Test
    void aCommandAnswersItsExitCodeAndBothOutputs() throws Exception {
        byte[] stream = FakeSandboxes.process("out", "x".repeat(100_000), "{\"exitCode\":3,\"exited\":true}");
        holt.on("POST /process.Process/Start", exchange -> FakeSandboxes.send(exchange, 200, stream));
        CallToolResult result =
                call("run_command", Map.of("sandbox_id", SANDBOX, "command", "ls", "timeout_seconds", 5));
        assertThat(result.isError()).isFalse();
        assertThat(text(result))
                .startsWith("exit code: 3\n--- stdout ---\nout\n--- stderr ---\nxxx")
                .contains("[... 34464 bytes left out ...]")
                .hasSizeLessThan(70_000);
        assertThat(holt.requests.getLast())
                .contains("sandbox=" + SANDBOX + ":49983", "token=secret", "timeout=5000", "\"-l\",\"-c\",\"ls\"");
    }

    @Test
    void aCommandThatTakesTooLongIsAnErrorWithItsOutput() {
        holt.on("POST /process.Process/Start", exchange -> {
            exchange.sendResponseHeaders(200, 0);
            var stream = new DataOutputStream(exchange.getResponseBody());
            FakeSandboxes.envelope(stream, 0, "{\"event\":{\"data\":{\"stdout\":\"aGFsZg==\"}}}");
            FakeSandboxes.envelope(
                    stream, 2, "{\"error\":{\"code\":\"deadline_exceeded\",\"message\":\"time is up\"}}");
        });
        CallToolResult result =
                call("run_command", Map.of("sandbox_id", SANDBOX, "command", "ls", "timeout_seconds", 7));
        assertThat(result.isError()).isTrue();
        assertThat(text(result)).contains("still running after 7 seconds", "half");
    }

    @Test
    void aCommandInTheBackgroundAnswersItsProcess() throws Exception {
        byte[] stream = FakeSandboxes.process("never read", "", "{\"exited\":true}");
        holt.on("POST /process.Process/Start", exchange -> FakeSandboxes.send(exchange, 200, stream));
        CallToolResult result = call("run_command", Map.of("sandbox_id", SANDBOX, "command", "ls", "background", true));
        assertThat(text(result)).contains("process id: 7").doesNotContain("never read");
        assertThat(holt.requests.getLast()).contains("timeout=null");
    }

    @Test
    void codeAnswersOutputResultsAndPictures() {
        String picture = Base64.getEncoder().encodeToString(new byte[] {1, 2, 3});
        holt.on("POST /execute", 200, """
                {"type":"number_of_executions","execution_count":1}
                {"type":"stdout","text":"printed\\n","timestamp":1}
                {"type":"stderr","text":"warned","timestamp":1}
                {"type":"result","text":"<Figure>","png":"%s","is_main_result":false}
                {"type":"result","text":"42","html":"<b>42</b>","is_main_result":true}
                """.formatted(picture));
        CallToolResult result = call(
                "run_code",
                Map.of("sandbox_id", SANDBOX, "code", "6*7", "env", Map.of("A", "b"), "formats", List.of("html")));
        assertThat(result.isError()).isFalse();
        assertThat(result.content())
                .anySatisfy(content -> assertThat(content)
                        .isInstanceOfSatisfying(McpSchema.ImageContent.class, image -> {
                            assertThat(image.data()).isEqualTo(picture);
                            assertThat(image.mimeType()).isEqualTo("image/png");
                        }));
        assertThat(text(result))
                .contains("--- stdout ---\nprinted", "--- stderr ---\nwarned", "42", "<b>42</b>")
                .doesNotContain("<Figure>");
        assertThat(holt.requests.getLast())
                .contains("sandbox=" + SANDBOX + ":49999")
                .endsWith("{\"code\":\"6*7\",\"language\":\"python\",\"env_vars\":{\"A\":\"b\"}}");
    }

    @Test
    void anExceptionIsAnErrorWithAReadableTraceback() {
        holt.on(
                "POST /execute",
                200,
                "{\"type\":\"error\",\"name\":\"NameError\",\"value\":\"name 'x' is not defined\","
                        + "\"traceback\":\"\\u001b[0;31mNameError\\u001b[0m: name 'x' is not defined\"}\n");
        CallToolResult result = call("run_code", Map.of("sandbox_id", SANDBOX, "code", "x"));
        assertThat(result.isError()).isTrue();
        assertThat(text(result)).isEqualTo("NameError: name 'x' is not defined");
    }

    @Test
    void aResultThatIsTooLongIsLeftOutAndSaidToBe() {
        holt.on("POST /execute", exchange -> {
            exchange.sendResponseHeaders(200, 0);
            var body = exchange.getResponseBody();
            body.write("{\"type\":\"result\",\"text\":\"".getBytes(StandardCharsets.UTF_8));
            byte[] megabyte = "x".repeat(1 << 20).getBytes(StandardCharsets.UTF_8);
            for (int count = 0; count < 20; count++) {
                body.write(megabyte);
            }
            body.write("\"}\n{\"type\":\"result\",\"text\":\"after\"}\n".getBytes(StandardCharsets.UTF_8));
        });
        assertThat(text(call("run_code", Map.of("sandbox_id", SANDBOX, "code", "x"))))
                .contains("a result of 20971", "is left out", "after");
    }

    @Test
    void codeInASandboxWithoutAnInterpreterSaysWhichHaveOne() {
        holt.on("POST /execute", 502, "{\"code\":502,\"message\":\"The sandbox is running but port is not open\"}");
        CallToolResult result = call("run_code", Map.of("sandbox_id", SANDBOX, "code", "x"));
        assertThat(result.isError()).isTrue();
        assertThat(text(result)).contains("code-interpreter-v1");
    }

    @Test
    void filesAreReadInParts() {
        holt.on(
                "GET /files?path=%2Ftmp%2Fa%20b",
                exchange -> FakeSandboxes.send(exchange, 200, "0123456789é".getBytes(StandardCharsets.UTF_8)));
        assertThat(text(read(0, 100))).isEqualTo("0123456789é");
        assertThat(text(read(4, 3))).isEqualTo("456\n[bytes 4 to 7 of 12; for more read from offset 7]");
        assertThat(text(read(8, 3))).isEqualTo("89\n[bytes 8 to 10 of 12; for more read from offset 10]");
        assertThat(text(read(100, 3))).isEmpty();
    }

    @Test
    void whatIsNoTextIsReadAsBase64() {
        holt.on("GET /files?path=%2Ftmp%2Fa%20b", exchange -> FakeSandboxes.send(exchange, 200, new byte[] {0, 1, -1}));
        assertThat(read(0, 100).isError()).isTrue();
        assertThat(text(call("read_file", Map.of("sandbox_id", SANDBOX, "path", "/tmp/a b", "encoding", "base64"))))
                .isEqualTo("AAH/");
    }

    @Test
    void filesAreWrittenAndListed() {
        holt.on("POST /files?path=f&username=root", 200, "[]");
        assertThat(text(call(
                        "write_file",
                        Map.of(
                                "sandbox_id",
                                SANDBOX,
                                "path",
                                "f",
                                "content",
                                "aGk=",
                                "encoding",
                                "base64",
                                "user",
                                "root"))))
                .isEqualTo("wrote 2 bytes to f");
        assertThat(holt.requests.getLast()).endsWith(" hi");
        assertThat(call("write_file", Map.of("sandbox_id", SANDBOX, "path", "f", "content", "a", "encoding", "base64"))
                        .isError())
                .isTrue();
        holt.on(
                "POST /filesystem.Filesystem/ListDir",
                200,
                "{\"entries\":[{\"name\":\"f\",\"path\":\"/d/f\",\"type\":\"FILE_TYPE_FILE\",\"size\":\"2\"}]}");
        assertThat(text(call("list_files", Map.of("sandbox_id", SANDBOX, "path", "/d"))))
                .contains("\"total\":1", "\"path\":\"/d/f\",\"type\":\"file\",\"size\":2");
    }

    private CallToolResult read(int offset, int most) {
        return call(
                "read_file", Map.of("sandbox_id", SANDBOX, "path", "/tmp/a b", "offset", offset, "max_bytes", most));
    }

    private CallToolResult call(String tool, Map<String, Object> arguments) {
        return client.callTool(
                CallToolRequest.builder(tool).arguments(arguments).build());
    }

    private static String text(CallToolResult result) {
        return result.content().stream()
                .filter(McpSchema.TextContent.class::isInstance)
                .map(content -> ((McpSchema.TextContent) content).text())
                .collect(Collectors.joining("\n"));
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> data(CallToolResult result) {
        return (Map<String, Object>) result.structuredContent();
    }

    private HttpRequest.Builder post(String message) {
        return HttpRequest.newBuilder(URI.create(url() + "/mcp"))
                .header("Content-Type", "application/json")
                .header("Accept", "application/json, text/event-stream")
                .POST(HttpRequest.BodyPublishers.ofString(message));
    }

    private String url() {
        return "http://127.0.0.1:" + server.address().getPort();
    }
}
