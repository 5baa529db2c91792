package dev.holt.app.mcp;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@Timeout(120)
class StdioServerTest {
    private FakeSandboxes holt;
    private PipedOutputStream toServer;
    private BufferedReader fromServer;
    private CompletableFuture<Void> server;

    @BeforeEach
    void start() throws Exception {
        holt = new FakeSandboxes();
        toServer = new PipedOutputStream();
        PipedInputStream input = new PipedInputStream(toServer, 1 << 20);
        PipedInputStream output = new PipedInputStream(1 << 20);
        PipedOutputStream out = new PipedOutputStream(output);
        fromServer = new BufferedReader(new InputStreamReader(output, StandardCharsets.UTF_8));
        server = CompletableFuture.runAsync(
                () -> {
                    try {
                        StdioServer.serve(holt.access(), input, out, "1.2.3");
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                },
                task -> Thread.ofPlatform().name("server").start(task));
        send("{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\","
                + "\"capabilities\":{},\"clientInfo\":{\"name\":\"test\",\"version\":\"1\"}}}");
        JsonNode initialized = receive();
        assertThat(initialized.at("/result/serverInfo/name").asString()).isEqualTo("holt");
        assertThat(initialized.at("/result/serverInfo/version").asString()).isEqualTo("1.2.3");
        assertThat(initialized.at("/result/protocolVersion").asString()).isEqualTo("2025-06-18");
        send("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
    }

    @AfterEach
    void stop() throws Exception {
        toServer.close();
        server.get(60, TimeUnit.SECONDS); // the end of its input ends it
        holt.close();
    }

    @Test
    void everyToolIsListedWithASchemaThatRefusesWhatItDoesNotKnow() throws Exception {
        send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
        JsonNode tools = receive().at("/result/tools");
        assertThat(tools.findValuesAsString("name"))
                .contains(
                        "create_sandbox",
                        "list_sandboxes",
                        "set_sandbox_timeout",
                        "kill_sandbox",
                        "get_port_url",
                        "run_command",
                        "run_code",
                        "read_file",
                        "write_file",
                        "list_files");
        for (JsonNode tool : tools) {
            assertThat(tool.path("description").asString()).isNotBlank();
            assertThat(tool.at("/inputSchema/additionalProperties").asBoolean(true))
                    .isFalse();
            tool.at("/inputSchema/properties")
                    .forEachEntry((name, argument) -> assertThat(
                                    argument.path("description").asString())
                            .as(name)
                            .isNotBlank());
        }
    }

    @Test
    void aLineThatIsNoMessageIsAnsweredAndTheNextOneServed() throws Exception {
        send("this is no JSON");
        assertThat(receive().at("/error/code").asInt()).isEqualTo(-32700);
        send("[{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\"}]");
        assertThat(receive().at("/error/code").asInt()).isEqualTo(-32600);
        send("");
        send("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}");
        JsonNode answer = receive();
        assertThat(answer.path("id").asInt()).isEqualTo(2);
        assertThat(answer.has("result")).isTrue();
    }

    @Test
    void aMessageOfMegabytesIsOne() throws Exception {
        String content = "x".repeat(3 << 20);
        holt.on("POST /files?path=big", 200, "[]");
        call(
                3,
                "write_file",
                "{\"sandbox_id\":\"" + FakeSandboxes.SANDBOX + "\",\"path\":\"big\",\"content\":\"" + content + "\"}");
        assertThat(receive().at("/result/content/0/text").asString()).isEqualTo("wrote 3145728 bytes to big");
    }

    @Test
    void callsRunBesideEachOtherAndCanBeCancelled() throws Exception {
        CompletableFuture<Void> started = new CompletableFuture<>();
        holt.on("POST /execute", exchange -> {
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody()
                    .write("{\"type\":\"stdout\",\"text\":\"so far\"}\n".getBytes(StandardCharsets.UTF_8));
            exchange.getResponseBody().flush();
            started.complete(null);
            try {
                Thread.sleep(600_000); // until the fake is closed
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        call(4, "run_code", "{\"sandbox_id\":\"" + FakeSandboxes.SANDBOX + "\",\"code\":\"while True: pass\"}");
        started.get(60, TimeUnit.SECONDS);
        holt.on("DELETE /sandboxes/" + FakeSandboxes.SANDBOX, 204, "");
        call(5, "kill_sandbox", "{\"sandbox_id\":\"" + FakeSandboxes.SANDBOX + "\"}");
        assertThat(receive().path("id").asInt()).isEqualTo(5);
        send("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":4}}");
        JsonNode canceled = receive();
        assertThat(canceled.path("id").asInt()).isEqualTo(4);
        assertThat(canceled.at("/result/isError").asBoolean()).isTrue();
        assertThat(canceled.at("/result/content").toString()).contains("canceled");
    }

    private void call(int id, String tool, String arguments) throws Exception {
        send("{\"jsonrpc\":\"2.0\",\"id\":" + id + ",\"method\":\"tools/call\",\"params\":{\"name\":\"" + tool
                + "\",\"arguments\":" + arguments + "}}");
    }

    private void send(String line) throws Exception {
        toServer.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        toServer.flush();
    }

    /** The next line, which must be a message: nothing else may be printed. */
    private JsonNode receive() throws Exception {
        return JsonMapper.shared().readTree(fromServer.readLine());
    }
}
