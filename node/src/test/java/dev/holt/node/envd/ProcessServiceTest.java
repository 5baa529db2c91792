package dev.holt.node.envd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holt.wire.connect.Envelope;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/** The Process service over HTTP. */
@ParameterizedClass
@EnumSource(HttpClient.Version.class)
class ProcessServiceTest {
    @Parameter
    HttpClient.Version version = HttpClient.Version.HTTP_1_1;

    @SuppressWarnings("NullAway.Init") // before each version of the class
    private static TestEnvd envd;

    @BeforeParameterizedClassInvocation
    static void start(HttpClient.Version version) throws IOException {
        envd = new TestEnvd(version);
    }

    @AfterParameterizedClassInvocation
    static void stop() throws IOException {
        envd.close();
    }

    private static String error(HttpResponse<byte[]> response) {
        return response.statusCode() + " " + new String(response.body(), StandardCharsets.UTF_8);
    }

    private static String basic(String user) {
        return "Basic " + Base64.getEncoder().encodeToString((user + ":").getBytes(StandardCharsets.UTF_8));
    }

    private static String base64(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String selector(int pid) {
        return "\"process\":{\"pid\":" + pid + "}";
    }

    private static int pid(JsonNode start) {
        return start.path("event").path("start").path("pid").asInt();
    }

    @Test
    void runsACommandAndTellsItsEnd() throws Exception {
        TestEnvd.Result result = envd.run(TestEnvd.command("echo out; echo err >&2; exit 3"));
        assertThat(result.pid()).isPositive();
        assertThat(result.stdout()).isEqualTo("out\n");
        assertThat(result.stderr()).isEqualTo("err\n");
        assertThat(result.end())
                .hasToString(
                        "{\"exitCode\":3,\"exited\":true,\"status\":\"exit status 3\",\"error\":\"exit status 3\"}");
        assertThat(result.endOfStream()).hasToString("{}");
        TestEnvd.Result good = envd.run(TestEnvd.command("true"));
        assertThat(good.end()).hasToString("{\"exited\":true,\"status\":\"exit status 0\"}");
    }

    @Test
    void mergesTheEnvironmentAndRunsAsTheNamedUser() throws Exception {
        TestEnvd.Result result = envd.run(
                TestEnvd.command(
                        "echo $FROM_SANDBOX $BOTH $MINE $USER; id -un; pwd",
                        "\"envs\":{\"BOTH\":\"request\",\"MINE\":\"1\"},\"cwd\":\"/tmp\""),
                "Authorization",
                basic("nobody"));
        assertThat(result.stdout()).isEqualTo("yes request 1 nobody\nnobody\n/tmp\n");
        assertThat(envd.run(TestEnvd.command("pwd; id -un")).stdout()).isEqualTo(envd.work() + "\nroot\n");
    }

    @Test
    void anUnknownUserIsUnauthenticated() throws Exception {
        TestEnvd.Result result = envd.run(TestEnvd.command("true"), "Authorization", basic("ghost"));
        assertThat(result.endOfStream())
                .hasToString("{\"error\":{\"code\":\"unauthenticated\",\"message\":\"invalid username: 'ghost'\"}}");
        assertThat(error(envd.unary("process.Process/List", "{}", "Authorization", basic("ghost"))))
                .isEqualTo("401 {\"code\":\"unauthenticated\",\"message\":\"invalid username: 'ghost'\"}");
    }

    @Test
    void aMissingDirectoryOrProgramIsTheArgumentsFault() throws Exception {
        assertThat(envd.run(TestEnvd.command("true", "\"cwd\":\"/no/such\"")).endOfStream())
                .hasToString(
                        "{\"error\":{\"code\":\"invalid_argument\",\"message\":\"cwd '/no/such' does not exist\"}}");
        assertThat(envd.run("{\"process\":{\"cmd\":\"/no/such/program\"}}")
                        .endOfStream()
                        .toString())
                .contains("invalid_argument", "error starting process '/no/such/program'");
        assertThat(envd.run("{\"process\":{}}").endOfStream().toString()).contains("invalid_argument");
        assertThat(envd.run(TestEnvd.command("true", "\"cwd\":\"~other/x\""))
                        .endOfStream()
                        .toString())
                .contains("invalid_argument");
    }

    @Test
    void listsWhatRunsAndSendsInputAndSignals() throws Exception {
        try (TestEnvd.Stream stream = envd.stream(
                "process.Process/Start", TestEnvd.command("cat", "\"envs\":{\"A\":\"b\"}", "\"tag\":\"my-cat\""))) {
            int pid = pid(stream.next());
            JsonNode listed = envd.call("process.Process/List", "{}").path("processes");
            assertThat(listed.toString()).contains("\"tag\":\"my-cat\"", "\"A\":\"b\"", "\"cmd\":\"/bin/sh\"");
            envd.call(
                    "process.Process/SendInput",
                    "{" + selector(pid) + ",\"input\":{\"stdin\":\"" + base64("one\n") + "\"}}");
            assertThat(stream.next().path("event").path("data").path("stdout").asString())
                    .isEqualTo(base64("one\n"));
            envd.call(
                    "process.Process/SendInput",
                    "{\"process\":{\"tag\":\"my-cat\"},\"input\":{\"stdin\":\"" + base64("two\n") + "\"}}");
            assertThat(stream.next().path("event").path("data").path("stdout").asString())
                    .isEqualTo(base64("two\n"));
            envd.call("process.Process/CloseStdin", "{" + selector(pid) + "}");
            List<JsonNode> rest = stream.all();
            assertThat(rest.getFirst().path("event").path("end").path("exited").asBoolean())
                    .isTrue();
            assertThat(error(envd.unary(
                            "process.Process/SendSignal", "{" + selector(pid) + ",\"signal\":\"SIGNAL_SIGKILL\"}")))
                    .isEqualTo("404 {\"code\":\"not_found\",\"message\":\"process with pid " + pid + " not found\"}");
        }
    }

    @Test
    void killedProcessesSayBySignalWhich() throws Exception {
        try (TestEnvd.Stream stream = envd.stream("process.Process/Start", TestEnvd.command("exec sleep 60"))) {
            int pid = pid(stream.next());
            assertThat(error(envd.unary("process.Process/SendSignal", "{" + selector(pid) + "}")))
                    .startsWith("501 ");
            envd.call("process.Process/SendSignal", "{" + selector(pid) + ",\"signal\":\"SIGNAL_SIGTERM\"}");
            assertThat(stream.next().path("event").path("end"))
                    .hasToString(
                            "{\"exitCode\":-1,\"status\":\"signal: terminated\",\"error\":\"signal: terminated\"}");
        }
    }

    @Test
    void refusesInputThatHasNowhereToGo() throws Exception {
        String input = ",\"input\":{\"stdin\":\"eA==\"}}";
        try (TestEnvd.Stream stream = envd.stream(
                "process.Process/Start", TestEnvd.command("exec sleep 60", "\"cwd\":\"/\"", "\"stdin\":false"))) {
            int pid = pid(stream.next());
            assertThat(error(envd.unary("process.Process/SendInput", "{" + selector(pid) + input)))
                    .startsWith("500 {\"code\":\"internal\"");
            assertThat(error(envd.unary(
                            "process.Process/SendInput", "{" + selector(pid) + ",\"input\":{\"pty\":\"eA==\"}}")))
                    .startsWith("500 {\"code\":\"internal\"");
            assertThat(error(envd.unary(
                            "process.Process/Update",
                            "{" + selector(pid) + ",\"pty\":{\"size\":{\"cols\":1,\"rows\":1}}}")))
                    .startsWith("500 {\"code\":\"internal\"");
            assertThat(error(envd.unary("process.Process/SendInput", "{" + selector(pid) + "}")))
                    .startsWith("501 ");
            envd.call("process.Process/CloseStdin", "{" + selector(pid) + "}");
            envd.call("process.Process/SendSignal", "{" + selector(pid) + ",\"signal\":\"SIGNAL_SIGKILL\"}");
            stream.all();
        }
        try (TestEnvd.Stream stream = envd.stream("process.Process/Start", TestEnvd.command("exec sleep 60"))) {
            int pid = pid(stream.next());
            envd.call("process.Process/CloseStdin", "{" + selector(pid) + "}");
            envd.call("process.Process/CloseStdin", "{" + selector(pid) + "}");
            assertThat(error(envd.unary("process.Process/SendInput", "{" + selector(pid) + input)))
                    .isEqualTo(
                            "500 {\"code\":\"internal\",\"message\":\"error writing to stdin: stdin not enabled or closed\"}");
            envd.call("process.Process/SendSignal", "{" + selector(pid) + ",\"signal\":\"SIGNAL_SIGKILL\"}");
            stream.all();
        }
        assertThat(error(envd.unary("process.Process/SendInput", "{" + selector(999999) + input)))
                .isEqualTo("404 {\"code\":\"not_found\",\"message\":\"process with pid 999999 not found\"}");
        assertThat(error(envd.unary("process.Process/SendInput", "{\"process\":{\"tag\":\"none\"}" + input)))
                .isEqualTo("404 {\"code\":\"not_found\",\"message\":\"process with tag none not found\"}");
    }

    @Test
    void terminalsTakeInputSizesAndNoEndOfInput() throws Exception {
        try (TestEnvd.Stream stream = envd.stream(
                "process.Process/Start",
                TestEnvd.command(
                        "read go; stty size", "\"cwd\":\"/\"", "\"pty\":{\"size\":{\"cols\":80,\"rows\":24}}"))) {
            int pid = pid(stream.next());
            assertThat(error(envd.unary("process.Process/CloseStdin", "{" + selector(pid) + "}")))
                    .startsWith("500 {\"code\":\"unknown\"");
            assertThat(error(envd.unary(
                            "process.Process/SendInput", "{" + selector(pid) + ",\"input\":{\"stdin\":\"eA==\"}}")))
                    .startsWith("500 {\"code\":\"internal\"");
            envd.call(
                    "process.Process/Update", "{" + selector(pid) + ",\"pty\":{\"size\":{\"cols\":132,\"rows\":43}}}");
            envd.call(
                    "process.Process/SendInput",
                    "{" + selector(pid) + ",\"input\":{\"pty\":\"" + base64("\n") + "\"}}");
            List<JsonNode> messages = stream.all();
            assertThat(TestEnvd.Result.of(messages).pty()).contains("43 132");
        }
    }

    @Test
    void streamsInput() throws Exception {
        try (TestEnvd.Stream stream =
                envd.stream("process.Process/Start", TestEnvd.command("head -c 200000 | wc -c"))) {
            int pid = pid(stream.next());
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            body.write(envelope("{\"start\":{" + selector(pid) + "}}"));
            for (int i = 0; i < 20; i++) {
                body.write(
                        envelope("{\"data\":{\"input\":{\"stdin\":\"" + base64("0123456789".repeat(1000)) + "\"}}}"));
                body.write(envelope("{\"keepalive\":{}}"));
            }
            HttpResponse<byte[]> answer = sendInputStream(body.toByteArray());
            assertThat(answer.body()).startsWith(envelope("{}")).endsWith(Envelope.end());
            assertThat(TestEnvd.Result.of(stream.all()).stdout().strip()).isEqualTo("200000");
        }
        assertThat(new String(
                        sendInputStream(envelope("{\"data\":{\"input\":{\"stdin\":\"eA==\"}}}"))
                                .body(),
                        StandardCharsets.UTF_8))
                .contains("invalid_argument");
        assertThat(new String(
                        sendInputStream(envelope("{\"start\":{" + selector(999999) + "}}"))
                                .body(),
                        StandardCharsets.UTF_8))
                .contains("not_found");
    }

    private static byte[] envelope(String json) {
        return Envelope.wrap(0, json.getBytes(StandardCharsets.UTF_8));
    }

    private static HttpResponse<byte[]> sendInputStream(byte[] body) throws Exception {
        return envd.send(envd.request("/process.Process/StreamInput")
                .header("Content-Type", "application/connect+json")
                .POST(HttpRequest.BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream(body))));
    }

    @Test
    void everySubscriberIsToldFromWhenItCame() throws Exception {
        try (TestEnvd.Stream first = envd.stream("process.Process/Start", TestEnvd.command("cat"))) {
            int pid = pid(first.next());
            try (TestEnvd.Stream second = envd.stream("process.Process/Connect", "{" + selector(pid) + "}")) {
                assertThat(pid(second.next())).isEqualTo(pid);
                envd.call(
                        "process.Process/SendInput",
                        "{" + selector(pid) + ",\"input\":{\"stdin\":\"" + base64("x") + "\"}}");
                envd.call("process.Process/CloseStdin", "{" + selector(pid) + "}");
                assertThat(TestEnvd.Result.of(first.all()).stdout()).isEqualTo("x");
                assertThat(TestEnvd.Result.of(second.all()).stdout()).isEqualTo("x");
            }
            // The end can still be asked for.
            try (TestEnvd.Stream late = envd.stream("process.Process/Connect", "{" + selector(pid) + "}")) {
                TestEnvd.Result result = TestEnvd.Result.of(late.all());
                assertThat(result.pid()).isEqualTo(pid);
                assertThat(result.end().path("status").asString()).isEqualTo("exit status 0");
            }
        }
        try (TestEnvd.Stream nobody = envd.stream("process.Process/Connect", "{" + selector(999999) + "}")) {
            assertThat(nobody.next().toString()).contains("not_found");
        }
    }

    @Test
    void aClientThatLeavesLetsTheProcessRun() throws Exception {
        Path done = envd.work().resolve("left-" + System.nanoTime());
        int pid;
        try (TestEnvd.Stream stream = envd.stream(
                "process.Process/Start", TestEnvd.command("yes | head -c 30000000; touch " + done + "; sleep 60"))) {
            pid = pid(stream.next());
        }
        while (!Files.exists(done)) {
            Thread.sleep(5);
        }
        assertThat(envd.call("process.Process/List", "{}").toString()).contains("\"pid\":" + pid);
        try (TestEnvd.Stream again = envd.stream("process.Process/Connect", "{" + selector(pid) + "}")) {
            again.next();
            envd.call("process.Process/SendSignal", "{" + selector(pid) + ",\"signal\":\"SIGNAL_SIGKILL\"}");
            assertThat(TestEnvd.Result.of(again.all()).end().path("status").asString())
                    .isEqualTo("signal: killed");
        }
    }

    @Test
    void theDeadlineKills() throws Exception {
        Path alive = envd.work().resolve("alive-" + System.nanoTime());
        TestEnvd.Result result =
                envd.run(TestEnvd.command("sleep 3600 & echo $! > " + alive + "; wait"), "Connect-Timeout-Ms", "500");
        assertThat(result.endOfStream().path("error").path("code").asString()).isEqualTo("deadline_exceeded");
        long child = Long.parseLong(Files.readString(alive).strip());
        while (ProcessHandle.of(child).map(ProcessHandle::isAlive).orElse(false)) {
            Thread.sleep(5);
        }
        assertThat(envd.run(TestEnvd.command("echo x"), "Connect-Timeout-Ms", "0")
                        .stdout())
                .isEqualTo("x\n");
        assertThat(envd.run(TestEnvd.command("echo x"), "Connect-Timeout-Ms", "soon")
                        .endOfStream()
                        .toString())
                .contains("invalid_argument");
    }

    @Test
    void theDeadlineHoldsForThoseWhoLeft() throws Exception {
        int pid;
        try (TestEnvd.Stream stream = envd.stream(
                "process.Process/Start", TestEnvd.command("exec sleep 3600"), "Connect-Timeout-Ms", "700")) {
            pid = pid(stream.next());
        }
        try (TestEnvd.Stream again = envd.stream("process.Process/Connect", "{" + selector(pid) + "}")) {
            assertThat(TestEnvd.Result.of(again.all()).end().path("status").asString())
                    .isEqualTo("signal: killed");
        }
    }

    @Test
    void silenceIsBrokenByKeepalives() throws Exception {
        try (TestEnvd.Stream stream = envd.stream(
                "process.Process/Start", TestEnvd.command("exec sleep 60"), "Keepalive-Ping-Interval", "1")) {
            int pid = pid(stream.next());
            assertThat(stream.next()).hasToString("{\"event\":{\"keepalive\":{}}}");
            envd.call("process.Process/SendSignal", "{" + selector(pid) + ",\"signal\":\"SIGNAL_SIGKILL\"}");
        }
    }

    @Test
    void runningCommandsAreKnownAfterARestart() throws Exception {
        int pid;
        int ended;
        Path go = envd.work().resolve("go-" + System.nanoTime());
        Path gone = envd.work().resolve("gone-" + System.nanoTime());
        try (TestEnvd.Stream stream = envd.stream(
                        "process.Process/Start",
                        TestEnvd.command("cat", "\"envs\":{\"K\":\"v\"}", "\"tag\":\"kept\""));
                TestEnvd.Stream other = envd.stream(
                        "process.Process/Start",
                        TestEnvd.command(
                                "while ! test -e " + go + "; do sleep 0.01; done; touch " + gone + "; exit 7"))) {
            pid = pid(stream.next());
            ended = pid(other.next());
            envd.restart();
            assertThatThrownBy(stream::next).isInstanceOf(IOException.class);
        }
        JsonNode listed = envd.call("process.Process/List", "{}").path("processes");
        assertThat(listed.toString()).contains("\"tag\":\"kept\"", "\"K\":\"v\"", "\"pid\":" + ended);
        try (TestEnvd.Stream stream = envd.stream("process.Process/Connect", "{\"process\":{\"tag\":\"kept\"}}")) {
            assertThat(pid(stream.next())).isEqualTo(pid);
            envd.call(
                    "process.Process/SendInput",
                    "{" + selector(pid) + ",\"input\":{\"stdin\":\"" + base64("again") + "\"}}");
            envd.call("process.Process/CloseStdin", "{" + selector(pid) + "}");
            assertThat(TestEnvd.Result.of(stream.all()).stdout()).isEqualTo("again");
        }
        envd.restart();
        Files.createFile(go);
        while (!Files.exists(gone)) {
            Thread.sleep(5);
        }
        try (TestEnvd.Stream stream = envd.stream("process.Process/Connect", "{" + selector(ended) + "}")) {
            assertThat(TestEnvd.Result.of(stream.all()).end().path("exitCode").asInt())
                    .isEqualTo(7);
        }
    }

    @Test
    void aKilledSandboxBreaksTheConnection() throws Exception {
        try (TestEnvd.Stream stream = envd.stream("process.Process/Start", TestEnvd.command("sleep 1; exit"))) {
            stream.next();
            envd.killSandbox();
            assertThatThrownBy(stream::next).isInstanceOf(IOException.class);
            HttpResponse<byte[]> health = envd.send(envd.request("/health").GET());
            assertThat(error(health))
                    .isEqualTo("502 {\"sandboxId\":\"" + TestEnvd.ID
                            + "\",\"message\":\"The sandbox was not found\",\"code\":502}");
        } finally {
            envd.reviveSandbox();
        }
    }

    @Test
    void manyMegabytesArriveWhole() throws Exception {
        TestEnvd.Result result =
                envd.run(TestEnvd.command("head -c 20000000 /dev/zero | tr '\\0' a; echo; echo done >&2"));
        assertThat(result.stdout()).hasSize(20_000_001);
        assertThat(result.stderr()).isEqualTo("done\n");
    }

    @Test
    void protobufWorksAsJsonDoes() throws Exception {
        byte[] request = dev.holt.wire.process.StartRequest.newBuilder()
                .setProcess(dev.holt.wire.process.ProcessConfig.newBuilder()
                        .setCmd("/bin/sh")
                        .addArgs("-c")
                        .addArgs("echo binary"))
                .build()
                .toByteArray();
        HttpResponse<byte[]> response = envd.send(envd.request("/process.Process/Start")
                .header("Content-Type", "application/connect+proto")
                .POST(HttpRequest.BodyPublishers.ofByteArray(Envelope.wrap(0, request))));
        assertThat(response.headers().firstValue("content-type")).contains("application/connect+proto");
        dev.holt.wire.connect.EnvelopeReader reader = new dev.holt.wire.connect.EnvelopeReader(
                new java.io.ByteArrayInputStream(response.body()), java.util.Optional.empty(), 1000);
        assertThat(reader.next()).isPresent();
        assertThat(dev.holt.wire.process.StartResponse.parseFrom(reader.next().orElseThrow())
                        .getEvent()
                        .getData()
                        .getStdout()
                        .toStringUtf8())
                .isEqualTo("binary\n");
    }

    @Test
    void speaksConnectsShapesOnly() throws Exception {
        assertThat(envd.send(envd.request("/process.Process/List").GET()).statusCode())
                .isEqualTo(405);
        assertThat(envd.unary("process.Process/Nothing", "{}").statusCode()).isEqualTo(404);
        HttpResponse<byte[]> wrongType = envd.send(envd.request("/process.Process/List")
                .header("Content-Type", "text/plain")
                .POST(HttpRequest.BodyPublishers.ofString("{}")));
        assertThat(wrongType.statusCode()).isEqualTo(415);
        assertThat(wrongType.headers().firstValue("accept-post")).isPresent();
        assertThat(envd.send(envd.streamRequest("process.Process/List", "{}")).statusCode())
                .isEqualTo(415);
        assertThat(error(envd.unary("process.Process/List", "{nonsense")))
                .startsWith("400 {\"code\":\"invalid_argument\"");
        assertThat(error(envd.unary("process.Process/List", "{}", "Content-Encoding", "br")))
                .startsWith("501 ");
        HttpResponse<byte[]> listed = envd.unary("process.Process/List", "{}", "Connect-Protocol-Version", "1");
        assertThat(listed.headers().firstValue("content-encoding")).isEmpty();
    }

    @Test
    void compressedRequestsAreUnderstood() throws Exception {
        ByteArrayOutputStream zipped = new ByteArrayOutputStream();
        try (java.util.zip.GZIPOutputStream gzip = new java.util.zip.GZIPOutputStream(zipped)) {
            gzip.write(TestEnvd.command("echo unzipped").getBytes(StandardCharsets.UTF_8));
        }
        HttpResponse<byte[]> response = envd.send(envd.request("/process.Process/Start")
                .header("Content-Type", "application/connect+json")
                .header("Connect-Content-Encoding", "gzip")
                .POST(HttpRequest.BodyPublishers.ofByteArray(
                        Envelope.wrap(Envelope.COMPRESSED, zipped.toByteArray()))));
        assertThat(new String(response.body(), StandardCharsets.UTF_8)).contains(base64("unzipped\n"));
    }

    @Test
    void aCutConnectionLetsTheProcessRun() throws Exception {
        byte[] body = envelope(TestEnvd.command("exec sleep 3600"));
        try (Socket socket =
                new Socket(envd.address().getAddress(), envd.address().getPort())) {
            socket.getOutputStream()
                    .write(
                            ("POST /process.Process/Start HTTP/1.1\r\nHost: x\r\nContent-Type: application/connect+json\r\n"
                                            + "Content-Length: " + body.length + "\r\n\r\n")
                                    .getBytes(StandardCharsets.US_ASCII));
            socket.getOutputStream().write(body);
            assertThat(socket.getInputStream().read()).isEqualTo('H');
            socket.setSoLinger(true, 0);
        }
        assertThat(envd.call("process.Process/List", "{}").toString()).contains("sleep 3600");
    }
}
