package dev.holt.app.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.app.server.EnvFile;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HoltCommandTest {
    private static final String SANDBOX = "abcdefghij0123456789";

    @TempDir
    Path directory;

    private final Map<String, String> environment = new HashMap<>();
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private FakeHolt holt;

    @BeforeEach
    void start() throws Exception {
        holt = new FakeHolt();
        environment.put("E2B_API_URL", holt.url());
        environment.put("E2B_API_KEY", "e2b_0123");
        environment.put("E2B_SANDBOX_URL", holt.url());
    }

    @AfterEach
    void stop() {
        holt.close();
    }

    @Test
    void listsEveryPageAsATableOrAsJson() {
        holt.answerPage("GET /v2/sandboxes?limit=100", "[" + sandbox("first") + "]", "more");
        holt.answer("GET /v2/sandboxes?limit=100&nextToken=more", 200, "[" + sandbox("second") + "]");
        assertThat(run("sandbox", "list")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8).lines().toList())
                .satisfiesExactly(
                        line -> assertThat(line).startsWith("SANDBOX"),
                        line -> assertThat(line).startsWith("first").contains("base", "running", "512 MiB"),
                        line -> assertThat(line).startsWith("second"));
        assertThat(holt.requests).allMatch(request -> request.contains("key=e2b_0123"));
        out.reset();
        assertThat(run("sandbox", "list", "--json")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).startsWith("[").contains("\"sandboxID\" : \"second\"");
    }

    @Test
    void createPrintsTheIdAlone() {
        holt.answer("POST /v2/sandboxes", 201, "{\"sandboxID\":\"" + SANDBOX + "\"}");
        assertThat(run("sandbox", "create", "--timeout", "60", "--metadata", "a=b", "--env", "C=d", "mine"))
                .isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo(SANDBOX + System.lineSeparator());
        assertThat(holt.requests.getFirst())
                .endsWith(
                        "{\"templateID\":\"mine\",\"timeout\":60,\"metadata\":{\"a\":\"b\"},\"envVars\":{\"C\":\"d\"}}");
    }

    @ParameterizedTest
    @CsvSource({"400, 1", "401, 4", "403, 4", "404, 5", "409, 1", "429, 6", "500, 1", "503, 6"})
    void theExitCodeSaysWhatKindOfFailureItWas(int status, int exitCode) {
        holt.answer("DELETE /sandboxes/" + SANDBOX, status, "{\"code\":" + status + ",\"message\":\"no, because\"}");
        assertThat(run("sandbox", "kill", SANDBOX)).isEqualTo(exitCode);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("no, because");
    }

    @Test
    void aHoltThatDoesNotAnswerIsThree() throws Exception {
        int port;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        environment.put("E2B_API_URL", "http://127.0.0.1:" + port);
        assertThat(run("template", "list")).isEqualTo(3);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("does not answer at http://127.0.0.1:" + port);
    }

    @Test
    void somethingElseThatAnswersIsThreeToo() {
        holt.answer("GET /templates", 200, "<html>");
        assertThat(run("template", "list")).isEqualTo(3);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("is not Holt");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "sandbox",
                "sandbox fly",
                "sandbox exec",
                "sandbox kill",
                "sandbox kill --all x",
                "sandbox create --timeout soon",
                "--nothing",
                "completion fish",
                "doctor --log-level loud",
                "doctor --config /nonexistent/holt.yaml",
                "sandbox connect x",
                "sandbox pause",
                "sandbox rollback x",
                "sandbox fork x --count many",
                "sandbox list --state asleep",
                "snapshot",
                "snapshot delete",
            })
    void aWrongCommandLineIsTwo(String words) {
        assertThat(run(words.isEmpty() ? new String[0] : words.split(" "))).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).isNotBlank();
        assertThat(holt.requests).isEmpty();
    }

    @Test
    void withoutAddressAndKeyTheSavedOnesAreUsed() throws Exception {
        environment.clear();
        environment.put("HOLT_STATE_DIRECTORY", directory.toString());
        assertThat(run("template", "list")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("E2B_API_URL").contains("holt up");
        EnvFile.write(
                EnvFile.inStateDirectory(directory),
                Map.of("E2B_API_URL", holt.url(), "E2B_API_KEY", "e2b_5a5a", "E2B_SANDBOX_URL", holt.url()));
        holt.answer("GET /templates", 200, "[]");
        assertThat(run("template", "list")).isZero();
        assertThat(holt.requests).singleElement().asString().contains("key=e2b_5a5a");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "{\"exitCode\":0,\"exited\":true,\"status\":\"exit status 0\"}; 0",
                "{\"exitCode\":42,\"exited\":true,\"status\":\"exit status 42\"}; 42",
                "{\"exitCode\":-1,\"status\":\"signal: killed\"}; 137",
                "{\"exitCode\":-1,\"status\":\"signal: terminated\"}; 143",
            })
    void execEndsAsItsCommandDid(String end, int exitCode) throws Exception {
        holt.answer("GET /sandboxes/" + SANDBOX, 200, "{\"envdAccessToken\":\"secret\"}");
        holt.answerStart("printed", end, "{}");
        assertThat(run("sandbox", "exec", SANDBOX, "--", "ls", "-l")).isEqualTo(exitCode);
        assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo("printed");
        assertThat(holt.requests.getLast())
                .contains("sandbox=" + SANDBOX, "token=secret", "\"cmd\":\"ls\"", "\"args\":[\"-l\"]");
    }

    @Test
    void execThatCannotRunIs125WhateverTheReason() throws Exception {
        holt.answer("GET /sandboxes/" + SANDBOX, 404, "{\"code\":404,\"message\":\"no such sandbox\"}");
        assertThat(run("sandbox", "exec", SANDBOX, "true")).isEqualTo(125);
        holt.answer("GET /sandboxes/" + SANDBOX, 200, "{}");
        holt.answerStart("", "", "{\"error\":{\"code\":\"invalid_argument\",\"message\":\"no such program\"}}");
        assertThat(run("sandbox", "exec", SANDBOX, "true")).isEqualTo(125);
        assertThat(err.toString(StandardCharsets.UTF_8))
                .contains("no such sandbox")
                .contains("no such program");
    }

    @Test
    void aStreamThatBreaksIsNoSuccess() throws Exception {
        holt.answer("GET /sandboxes/" + SANDBOX, 200, "{}");
        holt.answerStart("half", "", "");
        assertThat(run("sandbox", "exec", SANDBOX, "true")).isEqualTo(125);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("broke");
    }

    @Test
    void execSendsInputAndItsEnd() throws Exception {
        holt.answer("GET /sandboxes/" + SANDBOX, 200, "{}");
        holt.answerStart("", "{\"exited\":true}", "{}");
        holt.answer("POST /process.Process/SendInput", 200, "{}");
        holt.answer("POST /process.Process/CloseStdin", 200, "{}");
        assertThat(run("sandbox", "exec", "-i", SANDBOX, "cat")).isZero();
        assertThat(holt.requests.get(1)).contains("\"stdin\":true");
    }

    @Test
    void listShowsTheTrueState() {
        String lost =
                sandbox("first").replace("\"state\":\"running\"", "\"state\":\"paused\",\"holt\":{\"state\":\"lost\"}");
        holt.answer("GET /v2/sandboxes?limit=100&state=paused", 200, "[" + lost + "]");
        assertThat(run("sandbox", "list", "--state", "paused")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("lost");
    }

    @Test
    void pauseGoesOnAfterAFailure() {
        holt.answer("POST /sandboxes/a/pause", 409, "{\"code\":409,\"message\":\"already paused\"}");
        holt.answer("POST /sandboxes/b/pause", 204, "");
        assertThat(run("sandbox", "pause", "--no-memory", "a", "b")).isEqualTo(1);
        assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo("b" + System.lineSeparator());
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("a: already paused");
        assertThat(holt.requests.getLast()).endsWith("{\"memory\":false}");
    }

    @Test
    void resumeSaysHowItWent() {
        holt.answer(
                "POST /v2/sandboxes/a/connect",
                201,
                "{\"sandboxID\":\"a\",\"holt\":{\"way\":\"booted\",\"fallback\":\"pages.img is damaged\"}}");
        assertThat(run("sandbox", "resume", "a", "--timeout", "60", "--reboot")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo("a" + System.lineSeparator());
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("booted").contains("pages.img is damaged");
        assertThat(holt.requests.getLast()).endsWith("{\"timeout\":60,\"memory\":false}");
        holt.answer("POST /sandboxes/a/recover", 200, "{\"sandboxID\":\"a\",\"holt\":{\"way\":\"restored\"}}");
        assertThat(run("sandbox", "recover", "a", "--json")).isZero();
        holt.answer("POST /sandboxes/a/rollback", 200, "{\"sandboxID\":\"a\",\"holt\":{\"way\":\"restored\"}}");
        assertThat(run("sandbox", "rollback", "a", "team/good:v1")).isZero();
        assertThat(holt.requests.getLast()).endsWith("{\"snapshotID\":\"team/good:v1\"}");
    }

    @Test
    void forksThatFailedDecideTheExitCode() {
        holt.answer(
                "POST /sandboxes/a/fork",
                201,
                "[{\"sandbox\":{\"sandboxID\":\"b\"}},{\"error\":{\"code\":429,\"message\":\"quota\"}}]");
        assertThat(run("sandbox", "fork", "a", "--count", "2")).isEqualTo(6);
        assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo("b" + System.lineSeparator());
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("quota");
        assertThat(holt.requests.getLast()).endsWith("{\"count\":2,\"timeout\":300}");
    }

    @Test
    void snapshotsAreMadeListedAndDeleted() {
        holt.answer("POST /sandboxes/a/snapshots", 201, "{\"snapshotID\":\"team/n:v1\"}");
        assertThat(run("sandbox", "snapshot", "a", "--name", "n:v1")).isZero();
        assertThat(holt.requests.getLast()).endsWith("{\"name\":\"n:v1\",\"memory\":true}");
        holt.answer(
                "GET /snapshots?limit=100&sandboxID=a&name=n%3Av1",
                200,
                "[{\"snapshotID\":\"team/n:v1\",\"holt\":{\"sandboxID\":\"a\",\"bytes\":1048576,\"memory\":\"disk\"}}]");
        assertThat(run("snapshot", "list", "--sandbox", "a", "--name", "n:v1")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("team/n:v1", "1.0 MiB", "disk");
        holt.answer("DELETE /templates/team%2Fn%3Av1", 204, "");
        assertThat(run("snapshot", "delete", "team/n:v1")).isZero();
        holt.answer("DELETE /templates/none", 404, "{\"message\":\"no such snapshot\"}");
        assertThat(run("snapshot", "delete", "none")).isEqualTo(5);
    }

    @Test
    void eventsAreATable() {
        holt.answer(
                "GET /sandboxes/a/events?limit=100",
                200,
                "[{\"timestamp\":\"2026-01-01T00:00:00Z\",\"type\":\"paused\",\"message\":\"Paused at its end\","
                        + "\"fields\":{\"cause\":\"timeout\"}}]");
        assertThat(run("sandbox", "events", "a")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("paused", "Paused at its end", "cause=timeout");
    }

    @Test
    void theCompletionScriptIsOneThatBashTakes() throws Exception {
        assertThat(run("completion", "bash")).isZero();
        Path script = Files.write(directory.resolve("completion"), out.toByteArray());
        Process bash =
                new ProcessBuilder("bash", "-n", script.toString()).inheritIO().start();
        assertThat(bash.waitFor()).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("api-key", "--state-directory", "connect");
    }

    @Test
    void versionIsThatOfTheBuild() {
        assertThat(run("version")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).matches("holt [0-9]+\\.[0-9]+\\.[0-9]+\\S* \\(Java .*\\)\\s+");
        assertThat(run("--version")).isZero();
    }

    private static String sandbox(String id) {
        return "{\"sandboxID\":\"" + id + "\",\"alias\":\"base\",\"templateID\":\"t\",\"state\":\"running\","
                + "\"cpuCount\":2,\"memoryMB\":512,\"startedAt\":\"2026-01-01T00:00:00Z\","
                + "\"endAt\":\"2026-01-01T00:05:00Z\"}";
    }

    private int run(String... words) {
        var context = new CommandContext(
                environment,
                new ByteArrayInputStream("typed".getBytes(StandardCharsets.UTF_8)),
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));
        return HoltCommand.create(context).execute(words);
    }
}
