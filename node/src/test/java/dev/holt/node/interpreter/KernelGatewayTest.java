package dev.holt.node.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@Timeout(180)
class KernelGatewayTest {
    private TestInterpreter interpreter;

    @BeforeEach
    void start() throws Exception {
        interpreter = new TestInterpreter();
    }

    @AfterEach
    void stop() throws Exception {
        interpreter.close();
    }

    @Test
    void installedKernelsAreTold() throws Exception {
        JsonNode all = json(interpreter.send(interpreter.request("/jupyter/api/kernelspecs")));
        assertThat(all.at("/kernelspecs/fake/spec/language").asString()).isEqualTo("fake");
        assertThat(json(interpreter.send(interpreter.request("/jupyter/api/kernelspecs/fake")))
                        .path("name")
                        .asString())
                .isEqualTo("fake");
        assertThat(interpreter
                        .send(interpreter.request("/jupyter/api/kernelspecs/none"))
                        .statusCode())
                .isEqualTo(404);
    }

    @ParameterizedTest
    @CsvSource({
        "'', '', 401",
        "'token a-secret-token', '', 200",
        "'Bearer a-secret-token', '', 200",
        "'token wrong', '', 401",
        "'Basic a-secret-token', '', 401",
        "'', '?token=a-secret-token', 200",
        "'', '?token=wrong', 401",
    })
    void theTokenIsTakenInEachFormThatJupytersClientsHave(String authorization, String query, int status)
            throws Exception {
        HttpRequest.Builder request = TestInterpreter.secured(interpreter.request("/jupyter/api" + query));
        if (!authorization.isEmpty()) {
            request.header("Authorization", authorization);
        }
        assertThat(interpreter.send(request).statusCode()).isEqualTo(status);
    }

    @Test
    void kernelsAreStartedListedAndRemovedAndAreContexts() throws Exception {
        String id = startKernel();
        JsonNode model = json(interpreter.send(interpreter.request("/jupyter/api/kernels/" + id)));
        assertThat(model.path("name").asString()).isEqualTo("fake");
        assertThat(model.path("last_activity").asString())
                .matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z");
        assertThat(json(interpreter.send(interpreter.request("/jupyter/api/kernels"))))
                .hasSize(1);
        assertThat(interpreter.run(Map.of("context_id", id, "code", "set x 5")).error())
                .isEmpty();
        try (Client client = new Client(id)) {
            assertThat(client.execute("get x")).contains("5");
        }
        assertThat(interpreter
                        .send(interpreter.request("/jupyter/api/kernels/" + id).DELETE())
                        .statusCode())
                .isEqualTo(204);
        assertThat(interpreter
                        .send(interpreter.request("/jupyter/api/kernels/" + id))
                        .statusCode())
                .isEqualTo(404);
        assertThat(json(interpreter.send(interpreter.request("/jupyter/api/kernels"))))
                .isEmpty();
    }

    @Test
    void whatIsWrongIsSaid() throws Exception {
        assertThat(interpreter
                        .post("/jupyter/api/kernels", Map.of("name", "cobol"))
                        .statusCode())
                .isEqualTo(400);
        assertThat(interpreter.post("/jupyter/api/kernels", "[").statusCode()).isEqualTo(400);
        assertThat(interpreter
                        .send(interpreter.request("/jupyter/api/contents"))
                        .statusCode())
                .isEqualTo(404);
        assertThat(interpreter.send(interpreter.request("/jupyter/apikernels")).statusCode())
                .isEqualTo(404);
        assertThat(interpreter
                        .send(interpreter.request("/jupyter/api/kernels/none/channels"))
                        .statusCode())
                .isEqualTo(404);
        String id = startKernel();
        assertThat(interpreter
                        .send(interpreter.request("/jupyter/api/kernels/" + id + "/channels"))
                        .statusCode())
                .isEqualTo(426);
    }

    @Test
    void twoClientsSeeTheSameKernelAndEachOthersOutput() throws Exception {
        String id = startKernel();
        try (Client one = new Client(id);
                Client two = new Client(id)) {
            assertThat(one.execute("set x here")).isNotNull();
            two.drain();
            String request = one.send("print shared");
            assertThat(two.await("stream", request).at("/content/text").asString())
                    .isEqualTo("shared\n");
        }
    }

    @Test
    void whoWaitsForAKernelThatDiesIsToldAndTheNextOneAnswers() throws Exception {
        String id = startKernel();
        try (Client client = new Client(id)) {
            String dying = client.send("die 3");
            JsonNode error = client.await("error", dying);
            assertThat(error.at("/content/ename").asString()).isEqualTo("KernelGone");
            assertThat(error.at("/content/evalue").asString()).contains("exit code 3");
            assertThat(client.await("execute_reply", dying)
                            .at("/content/status")
                            .asString())
                    .isEqualTo("error");
            assertThat(client.execute("value again")).contains("again");
        }
    }

    @Test
    void aRestartTellsWhoWaitsAndKeepsTheConnection() throws Exception {
        String id = startKernel();
        try (Client client = new Client(id)) {
            assertThat(client.execute("set x 5")).isNotNull();
            String waiting = client.send("sleep 600000");
            client.awaitBusy(waiting);
            assertThat(interpreter
                            .post("/jupyter/api/kernels/" + id + "/restart", Map.of())
                            .statusCode())
                    .isEqualTo(200);
            assertThat(client.await("execute_reply", waiting)
                            .at("/content/evalue")
                            .asString())
                    .contains("restarted");
            assertThat(client.execute("value fresh")).contains("fresh");
        }
    }

    @Test
    void anInterruptEndsWhatRuns() throws Exception {
        String id = startKernel();
        try (Client client = new Client(id)) {
            String waiting = client.send("sleep 600000");
            client.awaitBusy(waiting);
            assertThat(interpreter
                            .post("/jupyter/api/kernels/" + id + "/interrupt", Map.of())
                            .statusCode())
                    .isEqualTo(204);
            assertThat(client.await("execute_reply", waiting)).isNotNull();
        }
    }

    @Test
    void aRemovedKernelAndAKilledSandboxEndTheConnection() throws Exception {
        String removed = startKernel();
        String other = startKernel();
        try (Client one = new Client(removed);
                Client two = new Client(other)) {
            assertThat(one.execute("value 1")).contains("1");
            assertThat(two.execute("value 2")).contains("2");
            assertThat(interpreter
                            .send(interpreter
                                    .request("/jupyter/api/kernels/" + removed)
                                    .DELETE())
                            .statusCode())
                    .isEqualTo(204);
            one.awaitClose();
            interpreter.killSandbox();
            two.awaitClose();
        }
    }

    @Test
    void nonsenseIsPassedOver() throws Exception {
        try (Client client = new Client(startKernel())) {
            client.sendText("nonsense");
            client.sendText("{}");
            client.sendText("{\"channel\":\"heartbeat\",\"header\":{\"msg_id\":\"1\",\"msg_type\":\"x\"}}");
            assertThat(client.execute("value fine")).contains("fine");
        }
    }

    private String startKernel() throws Exception {
        HttpResponse<String> started = interpreter.post("/jupyter/api/kernels", Map.of("name", "fake"));
        assertThat(started.statusCode()).as(started.body()).isEqualTo(201);
        return json(started).path("id").asString();
    }

    private static JsonNode json(HttpResponse<String> response) {
        return JsonMapper.shared().readTree(response.body());
    }

    /** A client of one kernel's channels, in the original form. */
    private final class Client implements AutoCloseable, WebSocket.Listener {
        private final HttpClient http = HttpClient.newHttpClient();
        private final BlockingQueue<String> messages = new LinkedBlockingQueue<>();
        private final StringBuilder text = new StringBuilder();
        private final WebSocket socket;
        private int requests;

        Client(String kernel) {
            URI url = interpreter
                    .request("/jupyter/api/kernels/" + kernel + "/channels")
                    .build()
                    .uri();
            socket = http.newWebSocketBuilder()
                    .connectTimeout(Duration.ofSeconds(60))
                    .buildAsync(URI.create(url.toString().replaceFirst("http", "ws")), this)
                    .join();
        }

        @Override
        public @Nullable CompletionStage<?> onText(WebSocket webSocket, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                messages.add(text.toString());
                text.setLength(0);
            }
            webSocket.request(1);
            return null;
        }

        @Override
        public @Nullable CompletionStage<?> onClose(WebSocket webSocket, int statusCode, String reason) {
            messages.add("");
            return null;
        }

        @Override
        public void onError(WebSocket webSocket, Throwable error) {
            messages.add("");
        }

        void sendText(String message) {
            socket.sendText(message, true).join();
        }

        String send(String code) {
            String id = "request-" + System.identityHashCode(this) + "-" + ++requests;
            sendText(JsonMapper.shared()
                    .writeValueAsString(Map.of(
                            "channel",
                            "shell",
                            "header",
                            Map.of("msg_id", id, "msg_type", "execute_request", "session", "s"),
                            "parent_header",
                            Map.of(),
                            "metadata",
                            Map.of(),
                            "content",
                            Map.of("code", code, "silent", false))));
            return id;
        }

        /** The next message of that type about that request. */
        JsonNode await(String type, String request) throws InterruptedException {
            while (true) {
                JsonNode message = next();
                if (message.path("msg_type").asString("").equals(type)
                        && message.at("/parent_header/msg_id").asString("").equals(request)) {
                    return message;
                }
            }
        }

        void awaitBusy(String request) throws InterruptedException {
            assertThat(await("execute_input", request)).isNotNull();
        }

        private JsonNode next() throws InterruptedException {
            String message = messages.poll(60, TimeUnit.SECONDS);
            assertThat(message).as("a message").isNotNull().isNotEmpty();
            return JsonMapper.shared().readTree(message);
        }

        /** All that comes of some code until it is done. */
        String execute(String code) throws InterruptedException {
            String request = send(code);
            StringBuilder all = new StringBuilder();
            boolean replied = false;
            boolean idle = false;
            while (!replied || !idle) {
                JsonNode message = next();
                if (!message.at("/parent_header/msg_id").asString("").equals(request)) {
                    continue;
                }
                all.append(message);
                replied |= message.path("msg_type").asString("").equals("execute_reply");
                idle |= message.at("/content/execution_state").asString("").equals("idle");
            }
            return all.toString();
        }

        void drain() {
            messages.clear();
        }

        void awaitClose() throws InterruptedException {
            String message;
            do {
                message = messages.poll(60, TimeUnit.SECONDS);
                assertThat(message).as("a message or the end").isNotNull();
            } while (!message.isEmpty()); // which is what the end of the connection leaves
        }

        @Override
        public void close() {
            socket.abort();
            http.shutdownNow();
        }
    }
}
