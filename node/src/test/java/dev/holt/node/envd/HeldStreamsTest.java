package dev.holt.node.envd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holt.node.envd.TestEnvd.Stream;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/** What clients see of a sandbox that is held for a capture, or cut off for a pause: with a real agent, over HTTP. */
@ParameterizedClass
@EnumSource(HttpClient.Version.class)
@Timeout(120)
class HeldStreamsTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

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

    private static <T> FutureTask<T> begin(Callable<T> action) {
        FutureTask<T> task = new FutureTask<>(action);
        Thread.ofVirtual().start(task);
        return task;
    }

    /** Holds and releases until it is closed. */
    private static final class Holding implements AutoCloseable {
        private final AtomicBoolean over = new AtomicBoolean();
        private final FutureTask<Integer> rounds = begin(() -> {
            int count = 0;
            while (!over.get()) {
                envd.agent().hold(PATIENCE);
                Thread.sleep(5);
                envd.agent().release();
                count++;
                Thread.sleep(20);
            }
            return count;
        });

        int rounds() throws Exception {
            over.set(true);
            return rounds.get();
        }

        @Override
        public void close() {
            over.set(true);
        }
    }

    private static String numbers(int last) {
        StringBuilder numbers = new StringBuilder();
        for (int i = 1; i <= last; i++) {
            numbers.append(i).append('\n');
        }
        return numbers.toString();
    }

    @Test
    void outputIsWholeHoweverOftenItIsHeld() throws Exception {
        try (Holding holding = new Holding()) {
            List<FutureTask<TestEnvd.Result>> commands = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                commands.add(begin(() ->
                        envd.run(TestEnvd.command("seq 1 200000; seq 1 50000 >&2; sleep 0.3; seq 1 1000; exit 4"))));
            }
            for (FutureTask<TestEnvd.Result> command : commands) {
                TestEnvd.Result result = command.get();
                assertThat(result.stdout().equals(numbers(200_000) + numbers(1000)))
                        .as("stdout")
                        .isTrue();
                assertThat(result.stderr().equals(numbers(50_000))).as("stderr").isTrue();
                assertThat(result.end().path("exitCode").asInt()).isEqualTo(4);
            }
            assertThat(holding.rounds()).isGreaterThan(1);
        }
    }

    @Test
    void aClientThatDoesNotReadIsNoReasonToLoseAnything() throws Exception {
        try (Stream stream = envd.stream("process.Process/Start", TestEnvd.command("seq 1 2000000"))) {
            JsonNode first = stream.next();
            for (int round = 0; round < 5; round++) {
                Thread.sleep(50); // it fills every buffer on the way
                envd.agent().hold(PATIENCE);
                envd.agent().release();
            }
            List<JsonNode> messages = new ArrayList<>(List.of(first));
            messages.addAll(stream.all());
            assertThat(TestEnvd.Result.of(messages).stdout().equals(numbers(2_000_000)))
                    .isTrue();
        }
    }

    @Test
    void inputIsTakenOnceHoweverOftenItIsHeld() throws Exception {
        byte[] piece = new byte[150_000];
        for (int i = 0; i < piece.length; i++) {
            piece[i] = (byte) ('a' + i % 23);
        }
        CRC32 expected = new CRC32();
        // It reads in bursts, so that input often waits in part in the pipe.
        String script = "import sys, time, zlib; sum = 0\n"
                + "while True:\n part = sys.stdin.buffer.read1(30000)\n if not part: break\n sum = zlib.crc32(part, sum); time.sleep(0.003)\n"
                + "print(sum)";
        try (Holding holding = new Holding();
                Stream stream = envd.stream(
                        "process.Process/Start",
                        "{\"process\":{\"cmd\":\"python3\",\"args\":[\"-c\","
                                + tools.jackson.databind.json.JsonMapper.shared()
                                        .writeValueAsString(script)
                                + "]},\"stdin\":true}")) {
            int pid = stream.next().path("event").path("start").path("pid").asInt();
            for (int i = 0; i < 10; i++) {
                expected.update(piece);
                envd.call(
                        "process.Process/SendInput",
                        "{\"process\":{\"pid\":" + pid + "},\"input\":{\"stdin\":\""
                                + Base64.getEncoder().encodeToString(piece) + "\"}}");
            }
            envd.call("process.Process/CloseStdin", "{\"process\":{\"pid\":" + pid + "}}");
            assertThat(TestEnvd.Result.of(stream.all()).stdout()).isEqualTo(expected.getValue() + "\n");
            assertThat(holding.rounds()).isGreaterThan(1);
        }
    }

    @Test
    void watchesMissNothing() throws Exception {
        Path directory = Files.createDirectory(envd.work().resolve("watched-" + version));
        String request = "{\"path\":\"" + directory + "\"}";
        String watcher = envd.call("filesystem.Filesystem/CreateWatcher", request)
                .path("watcherId")
                .asString();
        List<String> expected = new ArrayList<>();
        try (Holding holding = new Holding();
                Stream stream = envd.stream("filesystem.Filesystem/WatchDir", request)) {
            assertThat(stream.next().has("start")).isTrue();
            List<String> polled = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                Files.createFile(directory.resolve("f" + i));
                expected.add("f" + i);
                Thread.sleep(3);
                if (i % 10 == 9) {
                    envd.call("filesystem.Filesystem/GetWatcherEvents", "{\"watcherId\":\"" + watcher + "\"}")
                            .path("events")
                            .forEach(event -> addIfCreated(event, polled));
                }
            }
            List<String> streamed = new ArrayList<>();
            while (streamed.size() < expected.size()) {
                addIfCreated(stream.next().path("filesystem"), streamed);
            }
            assertThat(streamed).isEqualTo(expected);
            assertThat(polled).isEqualTo(expected);
            assertThat(holding.rounds()).isGreaterThan(1);
        }
        envd.call("filesystem.Filesystem/RemoveWatcher", "{\"watcherId\":\"" + watcher + "\"}");
    }

    private static void addIfCreated(JsonNode event, List<String> names) {
        if (event.path("type").asString().equals("EVENT_TYPE_CREATE")) {
            names.add(event.path("name").asString());
        }
    }

    @Test
    void callsWaitAndTransfersInTimeAreLetToTheirEnd() throws Exception {
        byte[] data = new byte[8 << 20];
        new java.util.Random(3).nextBytes(data);
        Path file = envd.work().resolve("transferred-" + version);
        try (Holding holding = new Holding()) {
            for (int i = 0; i < 5; i++) {
                HttpResponse<byte[]> stored = envd.send(envd.request("/files?path=" + file)
                        .header("Content-Type", "application/octet-stream")
                        .POST(HttpRequest.BodyPublishers.ofByteArray(data)));
                assertThat(stored.statusCode()).isEqualTo(200);
                assertThat(envd.send(envd.request("/files?path=" + file).GET()).body())
                        .isEqualTo(data);
                assertThat(envd.run(TestEnvd.command("echo through")).stdout()).isEqualTo("through\n");
            }
            assertThat(holding.rounds()).isGreaterThan(1);
        }
    }

    @Test
    void aTransferThatTakesTooLongIsBrokenVisibly() throws Exception {
        Path file = envd.work().resolve("slow-" + version);
        Files.write(file, new byte[64 << 20]);
        HttpResponse<InputStream> download =
                envd.open(envd.request("/files?path=" + file).GET());
        assertThat(download.body().read()).isZero();
        envd.agent().hold(Duration.ofMillis(100));
        assertThatThrownBy(() -> download.body().readAllBytes()).isInstanceOf(IOException.class);
        envd.agent().release();
        assertThat(envd.run(TestEnvd.command("echo through")).stdout()).isEqualTo("through\n");
    }

    @Test
    void whoeverIsCutOffIsToldWhy() throws Exception {
        String reason = "sandbox is paused";
        try (Stream stream = envd.stream("process.Process/Start", TestEnvd.command("echo before; exec sleep 1000"));
                Stream watch = envd.stream("filesystem.Filesystem/WatchDir", "{\"path\":\"" + envd.work() + "\"}")) {
            int pid = stream.next().path("event").path("start").path("pid").asInt();
            assertThat(stream.next().path("event").has("data")).isTrue();
            assertThat(watch.next().has("start")).isTrue();
            FutureTask<TestEnvd.Result> waiting;
            envd.agent().hold(PATIENCE);
            waiting = begin(() -> envd.run(TestEnvd.command("true")));
            Thread.sleep(50);
            assertThat(waiting.isDone()).as("held, not refused").isFalse();

            envd.agent().cutOff(reason, PATIENCE);
            String error = "{\"error\":{\"code\":\"unavailable\",\"message\":\"" + reason + "\"}}";
            assertThat(stream.next().path("endOfStream")).hasToString(error);
            assertThat(watch.next().path("endOfStream")).hasToString(error);
            assertThat(waiting.get().endOfStream()).hasToString(error);
            assertThat(envd.unary("process.Process/List", "{}").statusCode()).isEqualTo(503);
            HttpResponse<byte[]> file = envd.send(envd.request("/files?path=x").GET());
            assertThat(file.statusCode()).isEqualTo(502);
            assertThat(new String(file.body(), StandardCharsets.UTF_8)).contains(reason);

            envd.agent().release(); // the pause failed
            try (Stream again = envd.stream("process.Process/Connect", "{\"process\":{\"pid\":" + pid + "}}")) {
                assertThat(again.next().path("event").path("start").path("pid").asInt())
                        .isEqualTo(pid);
                envd.call(
                        "process.Process/SendSignal",
                        "{\"process\":{\"pid\":" + pid + "},\"signal\":\"SIGNAL_SIGKILL\"}");
                assertThat(again.all().getLast().path("endOfStream")).hasToString("{}");
            }
        }
    }
}
