package dev.holt.node.interpreter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holt.node.guest.GuestFailure;
import dev.holt.node.guest.GuestProcess;
import dev.holt.node.interpreter.TestInterpreter.Outcome;
import dev.holt.node.interpreter.TestInterpreter.Running;
import dev.holt.node.pool.Lease;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** With kernels that are programs of the tests, started by a real agent. */
@Timeout(180)
class InterpreterServiceTest {
    private static final Duration LONG = Duration.ofSeconds(60);

    private final TestInterpreter host = create();

    private static TestInterpreter create() {
        try {
            return new TestInterpreter();
        } catch (IOException failure) {
            throw new java.io.UncheckedIOException(failure);
        }
    }

    @AfterEach
    void nothingIsLeft() throws IOException {
        host.close();
        assertThat(host.memory.free()).isEqualTo(host.memory.maximum());
    }

    private static void eventually(String what, BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + LONG.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - deadline).as(what).isNegative();
            TimeUnit.MILLISECONDS.sleep(10);
        }
    }

    private int kernels() {
        return (int) host.agent().processes().stream()
                .filter(process -> !process.ended())
                .count();
    }

    private Context standard() {
        return host.interpreter().of(host.sandbox()).require(SandboxKernels.standardId("fake"));
    }

    @Test
    void codeRunsAndItsOutputComesInOrder() throws Exception {
        List<JsonNode> lines = host.run("print one\ncomplain two\nshow text/html \"<b>\"\nvalue 'three'")
                .lines();
        assertThat(lines.stream().map(TestInterpreter::type))
                .containsExactly("number_of_executions", "stdout", "stderr", "result", "result", "end_of_execution");
        assertThat(lines.get(0).path("execution_count").asInt()).isEqualTo(1);
        assertThat(lines.get(1).path("text").asString()).isEqualTo("one\n");
        assertThat(lines.get(1).path("timestamp").asLong()).isPositive();
        assertThat(lines.get(3).path("html").asString()).isEqualTo("<b>");
        assertThat(lines.get(3).path("is_main_result").asBoolean(true)).isFalse();
        assertThat(lines.get(4).path("text").asString()).isEqualTo("three");
        assertThat(lines.get(4).path("is_main_result").asBoolean(false)).isTrue();
    }

    @Test
    void errorsAreToldOnceAndTheContextGoesOn() throws Exception {
        Outcome failed = host.run("fail ValueError it is wrong\nprint not reached");
        assertThat(failed.lines()).hasSize(3);
        assertThat(failed.find("error").toString())
                .isEqualTo("{\"type\":\"error\",\"name\":\"ValueError\",\"value\":\"it is wrong\","
                        + "\"traceback\":\"at line 1\\nValueError\"}");
        host.run("set x 5");
        assertThat(host.run("get x").text()).isEqualTo("5");
    }

    @Test
    void outputComesWhileTheCodeRuns() throws Exception {
        try (Running running = host.start("print first\nsleep 600000")) {
            assertThat(TestInterpreter.type(running.next())).isEqualTo("number_of_executions");
            assertThat(running.next().path("text").asString()).isEqualTo("first\n");
        }
        // whoever goes has the code interrupted, so that the next may run
        assertThat(host.run("value after").text()).isEqualTo("after");
        assertThat(kernels()).isEqualTo(1);
    }

    @Test
    void theStandardContextIsMadeOnceUnderRaces() throws Exception {
        List<String> texts = new CopyOnWriteArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            threads.add(Thread.startVirtualThread(() -> {
                try {
                    texts.add(host.run("value done").text());
                } catch (IOException | InterruptedException failure) {
                    texts.add(failure.toString());
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(texts).hasSize(10).containsOnly("done");
        assertThat(kernels()).isEqualTo(1);
    }

    @Test
    void contextsAreMadeListedRestartedAndRemoved() throws Exception {
        JsonNode made = JsonMapper.shared()
                .readTree(host.post(
                                "/contexts",
                                Map.of("language", "FAKE", "cwd", host.work().toString()))
                        .body());
        String id = made.path("id").asString();
        assertThat(made.path("language").asString()).isEqualTo("fake");
        assertThat(made.path("cwd").asString()).isEqualTo(host.work().toString());
        assertThat(host.run(Map.of("code", "directory", "context_id", id)).text())
                .isEqualTo(host.work().toString());
        host.run("set x standard");
        host.run(Map.of("code", "set x own", "context_id", id));
        assertThat(host.run("get x").text()).isEqualTo("standard");
        assertThat(host.run(Map.of("code", "get x", "context_id", id)).text()).isEqualTo("own");
        JsonNode listed = JsonMapper.shared()
                .readTree(host.send(host.request("/contexts").GET()).body());
        assertThat(listed.size()).isEqualTo(2);
        assertThat(listed.get(1).path("id").asString()).isEqualTo(id);

        assertThat(host.post("/contexts/" + id + "/restart", "").statusCode()).isEqualTo(200);
        assertThat(host.run(Map.of("code", "get x", "context_id", id)).text()).isEqualTo("nothing");
        assertThat(host.send(host.request("/contexts/" + id).DELETE()).statusCode())
                .isEqualTo(200);
        assertThat(host.post("/execute", Map.of("code", "1", "context_id", id)).statusCode())
                .isEqualTo(404);
        assertThat(kernels()).isEqualTo(1);
        assertThat(host.work().resolve("connections/" + id + ".json")).doesNotExist();
    }

    @Test
    void codeThatRunsWhileItsContextIsRestartedOrRemovedIsTold() throws Exception {
        String path = "/contexts/" + SandboxKernels.standardId("fake");
        try (Running running = host.start("print x\nsleep 600000")) {
            running.next();
            running.next();
            host.post(path + "/restart", "");
            assertThat(new Outcome(running.all()).error()).isEqualTo("ContextRestarted");
        }
        try (Running running = host.start("print x\nsleep 600000")) {
            running.next();
            running.next();
            host.send(host.request(path).DELETE());
            assertThat(new Outcome(running.all()).error()).isEqualTo("ContextRemoved");
        }
        assertThat(host.run("value again").text()).isEqualTo("again");
    }

    @Test
    void inOneContextOneAfterAnotherInTwoAtOnce() throws Exception {
        String other = JsonMapper.shared()
                .readTree(host.post("/contexts", Map.of("language", "fake", "cwd", "/"))
                        .body())
                .path("id")
                .asString();
        try (Running first = host.start("print begun\nsleep 600000")) {
            first.next();
            first.next();
            try (Running second = host.start("value second")) {
                eventually("the second waits", () -> standard().turns().length() == 2);
                assertThat(host.run(Map.of("code", "value meanwhile", "context_id", other))
                                .text())
                        .isEqualTo("meanwhile");
                assertThat(standard().turns().length()).isEqualTo(2);
                first.close();
                assertThat(new Outcome(second.all()).text()).isEqualTo("second");
            }
        }
    }

    @Test
    void whoWaitsForTheTurnMayGo() throws Exception {
        try (Running first = host.start("print begun\nsleep 600000")) {
            first.next();
            first.next();
            Running second = host.start("value second");
            eventually("the second waits", () -> standard().turns().length() == 2);
            second.close();
            eventually("the second has left", () -> standard().turns().length() == 1);
        }
    }

    @Test
    void aKernelThatDiesIsToldAndReplaced() throws Exception {
        host.run("set x 1");
        Outcome died = host.run("print last words\nsleep 100\ndie 3");
        assertThat(died.stdout()).isEqualTo("last words\n");
        assertThat(died.find("error").path("name").asString()).isEqualTo("KernelDied");
        assertThat(died.find("error").path("value").asString()).contains("exit code 3");
        assertThat(host.run("get x").text()).isEqualTo("nothing");
        assertThat(kernels()).isEqualTo(1);
    }

    @Test
    void aKernelThatDiedWhileNothingRanIsReplacedWithANotice() throws Exception {
        host.run("set x 1");
        GuestProcess kernel = host.agent().processes().getFirst();
        host.agent().signal(kernel.pid(), Kernel.SIGKILL, true);
        eventually("it is dead", () -> kernels() == 0);
        eventually("its connection is known to be broken", () -> !standard().isConnected());
        Outcome next = host.run("get x");
        assertThat(next.text()).isEqualTo("nothing");
        assertThat(next.find("stderr").path("text").asString()).contains("SIGKILL", "variables are gone");
    }

    @Test
    void variablesOfTheSandboxAndOfAContextAreThere() throws Exception {
        assertThat(host.run("environment FROM_SANDBOX").text()).isEqualTo("yes");
        HttpResponse<String> refused =
                host.post("/execute", Map.of("code", "1", "language", "fake", "env_vars", Map.of("A", "1")));
        assertThat(refused.statusCode()).isEqualTo(400);
        assertThat(refused.body()).contains("env_vars can't be set for the language 'fake'");
    }

    @Test
    void kernelsAreKnownAgainAfterARestart() throws Exception {
        host.run("set x kept");
        String id = JsonMapper.shared()
                .readTree(host.post("/contexts", Map.of("language", "fake", "cwd", "/"))
                        .body())
                .path("id")
                .asString();
        host.run(Map.of("code", "set y also", "context_id", id));
        host.restart();
        assertThat(host.run(Map.of("code", "get y", "context_id", id)).text()).isEqualTo("also");
        assertThat(host.run("get x").text()).isEqualTo("kept");
        assertThat(kernels()).isEqualTo(2);
        host.restart();
        host.interpreter().adopt(host.sandbox());
        assertThat(host.interpreter().of(host.sandbox()).list(host.sandbox())).hasSize(2);
    }

    @Test
    void codeThatAnEarlierDaemonLeftRunningIsInterruptedByTheNext() throws Exception {
        Running running = host.start("print begun\nsleep 600000");
        running.next();
        running.next();
        host.restart();
        assertThatThrownBy(running::all).isInstanceOf(IOException.class);
        assertThat(host.run("value next").text()).isEqualTo("next");
    }

    @Test
    void codeThatRunsWhileItsSandboxIsCutOffIsTold() throws Exception {
        host.run("set x kept");
        try (Running running = host.start("print begun\nsleep 600000")) {
            running.next();
            running.next();
            host.agent().cutOff("sandbox x is paused", LONG);
            Outcome outcome = new Outcome(running.all());
            assertThat(outcome.error()).isEqualTo("SandboxInterrupted");
            assertThat(outcome.find("error").path("value").asString())
                    .contains("sandbox x is paused", "goes on with it");
        }
        assertThat(host.post("/execute", Map.of("code", "get x", "language", "fake"))
                        .statusCode())
                .isEqualTo(502);
        host.agent().release();
        assertThat(host.run("get x").text()).isEqualTo("kept");
    }

    @Test
    void beforeACheckpointEveryConnectionIsGoneAndCodeGoesOnBehindIt() throws Exception {
        host.run("set x kept");
        host.agent().hold(LONG);
        assertThat(standard().isConnected()).isFalse();
        host.agent().release();
        assertThat(host.run("get x").text()).isEqualTo("kept");
        try (Running running = host.start("print begun\nsleep 1000\nawait\nprint after\nvalue done")) {
            running.next();
            running.next();
            host.agent().hold(LONG);
            assertThat(standard().isConnected()).isFalse();
            host.agent().release();
            Outcome outcome = new Outcome(running.all());
            assertThat(outcome.stdout()).isEqualTo("after\n");
            assertThat(outcome.text()).isEqualTo("done");
        }
    }

    @Test
    void codeOutlivesItsConnectionAndTheClientIsToldThatSomethingMayBeMissing() throws Exception {
        Outcome outcome = host.run("print before\ncut\nprint after\nvalue done");
        assertThat(outcome.stdout()).isEqualTo("before\nafter\n");
        assertThat(outcome.text()).isEqualTo("done");
        assertThat(outcome.find("stderr").path("text").asString()).contains("connection to the kernel broke");
        assertThat(host.run("value next").text()).isEqualTo("next");
        assertThat(host.run("print before\ncut\nfail ValueError wrong").error()).isEqualTo("ValueError");
        assertThat(kernels()).isEqualTo(1);
    }

    @Test
    void codeThatEndsUnheardIsSaidToHave() throws Exception {
        host.run("set x 1");
        Outcome outcome = host.run("print before\nvanish\nset x 2\nvalue unheard");
        assertThat(outcome.stdout()).isEqualTo("before\n");
        assertThat(outcome.error()).isEqualTo("KernelDisconnected");
        assertThat(outcome.find("error").path("value").asString()).contains("what it put out last is lost");
        assertThat(host.run("get x").text()).isEqualTo("2");
    }

    @Test
    void aResultThatComesBehindTheEndOfTheCellIsWaitedForWhereKernelsTellItSo() throws Exception {
        FakeKernel.install(host.work().resolve("jupyter/kernels"), "javascript");
        assertThat(host.run(Map.of("code", "late result", "language", "javascript"))
                        .text())
                .isEqualTo("result");
        assertThat(host.run(Map.of("code", "print none", "language", "javascript"))
                        .text())
                .isEmpty();
        // what came late is not taken for the next one's
        assertThat(host.run("late result").error()).isEmpty();
        assertThat(host.run("print next").text()).isEmpty();
    }

    @Test
    void whatRunsInASandboxThatEndsIsBrokenOff() throws Exception {
        Running running = host.start("print begun\nsleep 600000");
        running.next();
        running.next();
        host.killSandbox();
        assertThatThrownBy(running::all).isInstanceOf(IOException.class);
        assertThat(host.post("/execute", Map.of("code", "1")).statusCode()).isEqualTo(502);
    }

    @Test
    void aWarmKernelServesTheFirstExecution() throws Exception {
        FakeKernel.install(host.work().resolve("jupyter/kernels"), "python");
        try (Lease warmed = host.interpreter().warm(host.sandbox())) {
            assertThat(kernels()).isEqualTo(1);
            assertThat(host.run(Map.of("code", "value ready")).text()).isEqualTo("ready");
            assertThat(kernels()).isEqualTo(1);
        }
        // the sandbox ended; nothing is held for it, and what runs in it is known again when it is asked for
        assertThat(host.run(Map.of("code", "value again")).text()).isEqualTo("again");
        assertThat(kernels()).isEqualTo(1);
    }

    @Test
    void nothingIsWarmedWhereNoPythonIsOrWhereItIsNotWanted() throws Exception {
        host.interpreter().warm(host.sandbox()).close();
        java.nio.file.Path directory =
                java.nio.file.Files.createDirectories(host.work().resolve("jupyter/kernels/python"));
        java.nio.file.Files.writeString(
                directory.resolve("kernel.json"),
                "{\"argv\":[\"/bin/false\"],\"language\":\"python\",\"metadata\":{\"holt\":{\"warm\":false}}}");
        host.interpreter().warm(host.sandbox()).close();
        assertThat(host.agent().processes()).isEmpty();
    }

    // ---- bad input
    // ------------------------------------------------------------------------------------------------------

    private void refuses(int status, String path, Object body, String... parts) throws Exception {
        HttpResponse<String> response = host.post(path, body);
        assertThat(response.body()).contains(parts);
        assertThat(response.statusCode()).isEqualTo(status);
    }

    @Test
    void badRequestsAreRefusedWithReasons() throws Exception {
        refuses(400, "/execute", "{\"code\":", "not valid JSON");
        refuses(400, "/execute", "", "needs a JSON body");
        refuses(400, "/execute", "{}", "code is missing");
        refuses(400, "/execute", "{\"code\":{}}", "code");
        refuses(400, "/execute", Map.of("code", "1", "language", "fake", "context_id", "x"), "Only one of");
        refuses(404, "/execute", Map.of("code", "1", "context_id", "x"), "Context x not found");
        refuses(400, "/execute", Map.of("code", "1", "language", "cobol"), "'cobol'", "fake", "pip install ipykernel");
        refuses(400, "/contexts", Map.of("language", "cobol"), "'cobol'");
        refuses(400, "/contexts", Map.of("language", "fake", "cwd", "/no/such"), "cwd '/no/such' does not exist");
        refuses(400, "/contexts", Map.of("language", "fake", "cwd", "relative"), "absolute");
        refuses(404, "/contexts/x/restart", "", "Context x not found");
        refuses(404, "/elsewhere", "", "POST /elsewhere");
        assertThat(host.send(host.request("/contexts/x").DELETE()).statusCode()).isEqualTo(404);
        assertThat(host.send(host.request("/execute").GET()).statusCode()).isEqualTo(405);
        assertThat(kernels()).isZero();
    }

    @Test
    void variablesAreCheckedBeforeAnythingRuns() throws Exception {
        FakeKernel.install(host.work().resolve("jupyter/kernels"), "python");
        refuses(400, "/execute", Map.of("code", "1", "env_vars", Map.of("A B", "1")), "'A B'");
        refuses(400, "/execute", Map.of("code", "1", "env_vars", Map.of("A", "\u0000")), "'A'");
        refuses(400, "/execute", "{\"code\":\"1\",\"env_vars\":{\"A\":null}}", "'A'");
    }

    @Test
    void nullsAreAsGoodAsNothing() throws Exception {
        assertThat(host.run((Object)
                                "{\"code\":\"value x\",\"context_id\":null,\"language\":\"fake\",\"env_vars\":null}")
                        .text())
                .isEqualTo("x");
    }

    @Test
    void aCellThatIsTooLongIsRefusedUnread() throws Exception {
        refuses(413, "/execute", Map.of("code", "x".repeat(50_000_000)), "8388608");
        HttpRequest.BodyPublisher unknownLength = HttpRequest.BodyPublishers.fromPublisher(
                HttpRequest.BodyPublishers.ofByteArray(TestInterpreter.json(Map.of("code", "x".repeat(9_000_000)))));
        assertThat(host.send(host.request("/execute").POST(unknownLength)).statusCode())
                .isEqualTo(413);
    }

    @Test
    void aLongCellRuns() throws Exception {
        assertThat(host.run("value " + "x".repeat(7_000_000)).text()).hasSize(7_000_000);
    }

    @Test
    void aResultThatIsTooLargeIsAnErrorAndTheContextGoesOn() throws Exception {
        assertThat(host.run("big 30000000").text()).hasSize(30_000_000);
        Outcome outcome = host.run("big 40000000");
        assertThat(outcome.error()).isEqualTo("OutputTooLarge");
        assertThat(outcome.find("error").path("value").asString()).contains("33554432");
        assertThat(host.run("value after").text()).isEqualTo("after");
    }

    @Test
    void aFloodComesThroughWholeAndWithoutFillingMemory() throws Exception {
        assertThat(host.run("flood 2000 50000").stdout()).hasSize(100_000_000);
    }

    @Test
    void whatAKernelDidNotSignIsIgnoredAndWhatIsNoJsonIsAnError() throws Exception {
        assertThat(host.run("forged\nvalue genuine").lines().stream().map(TestInterpreter::type))
                .containsExactly("number_of_executions", "result", "end_of_execution");
        assertThat(host.run("broken").error()).isEqualTo("KernelProtocolError");
        assertThat(host.run("value after").text()).isEqualTo("after");
    }

    @Test
    void aStoppedKernelIsToldAndCanBeReplaced() throws Exception {
        host.run("value x");
        GuestProcess kernel = host.agent().processes().getFirst();
        host.agent().signal(kernel.pid(), 19, false);
        Outcome outcome = host.run("value y");
        assertThat(outcome.error()).isEqualTo("KernelNotResponding");
        assertThat(outcome.find("error").path("value").asString()).contains("SIGSTOP");
        host.post("/contexts/" + SandboxKernels.standardId("fake") + "/restart", "");
        assertThat(host.run("value z").text()).isEqualTo("z");
        assertThatThrownBy(() -> host.agent().attach(kernel.pid(), kernel.startId()))
                .isInstanceOf(GuestFailure.class);
    }

    @Test
    void secureSandboxesDemandTheTokenForCodeOnly() throws Exception {
        byte[] body = TestInterpreter.json(Map.of("code", "value x", "language", "fake"));
        assertThat(host.send(TestInterpreter.secured(host.request("/execute"))
                                .POST(HttpRequest.BodyPublishers.ofByteArray(body)))
                        .statusCode())
                .isEqualTo(401);
        assertThat(host.send(TestInterpreter.secured(host.request("/execute"))
                                .header("X-Access-Token", TestInterpreter.TOKEN)
                                .POST(HttpRequest.BodyPublishers.ofByteArray(body)))
                        .body())
                .contains("\"text\":\"x\"");
        assertThat(host.send(TestInterpreter.secured(host.request("/contexts")).GET())
                        .statusCode())
                .isEqualTo(200);
    }

    @Test
    void healthAndPreflight() throws Exception {
        assertThat(host.send(host.request("/health").GET()).body()).isEqualTo("\"OK\"");
        HttpResponse<String> preflight = host.send(host.request("/execute")
                .header("Origin", "https://example.com")
                .header("Access-Control-Request-Method", "POST")
                .method("OPTIONS", HttpRequest.BodyPublishers.noBody()));
        assertThat(preflight.statusCode()).isEqualTo(204);
        assertThat(preflight.headers().firstValue("Access-Control-Allow-Origin"))
                .contains("*");
    }

    @Test
    void aKernelThatCanNotStartSaysWhy() throws Exception {
        java.nio.file.Path directory =
                java.nio.file.Files.createDirectories(host.work().resolve("jupyter/kernels/broken"));
        java.nio.file.Files.writeString(
                directory.resolve("kernel.json"),
                "{\"argv\":[\"/bin/sh\",\"-c\",\"echo no module named x >&2; exit 4\"],\"language\":\"broken\"}");
        refuses(500, "/execute", Map.of("code", "1", "language", "broken"), "exit code 4", "no module named x");
        java.nio.file.Files.writeString(directory.resolve("kernel.json"), "{\"argv\":[\"/no/such/program\"]}");
        refuses(500, "/contexts", Map.of("language", "broken", "cwd", "/"), "can't be started", "/no/such/program");
        assertThat(kernels()).isZero();
    }
}
