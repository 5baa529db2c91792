package dev.holt.node.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The client against the real agent. */
class GuestAgentTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private static TestAgent server;
    private GuestAgent agent;

    @BeforeAll
    static void start() throws IOException {
        server = new TestAgent();
    }

    @AfterAll
    static void stop() throws IOException {
        server.close();
    }

    @BeforeEach
    void connect() {
        agent = server.connect();
    }

    @AfterEach
    void disconnect() {
        agent.close();
    }

    private static String path(String name) {
        return server.work().resolve(name).toString();
    }

    private static FileSink.Target target(String path) {
        return new FileSink.Target("root", path, 0644, OptionalLong.empty(), "", List.of());
    }

    private static Errno errnoOf(Runnable action) {
        return catchThrowableOfType(GuestFailure.class, action::run).errno();
    }

    @Test
    void tellsUsersAndRefusesUnknownOnes() {
        GuestUser root = agent.user("root");
        assertThat(root.uid()).isZero();
        assertThat(root.home()).isEqualTo("/root");
        GuestFailure failure = catchThrowableOfType(GuestFailure.class, () -> agent.user("no-such-user"));
        assertThat(failure.errno()).isEqualTo(Errno.ENOKEY);
        assertThat(failure).hasMessage("invalid username: 'no-such-user'");
        agent.ping();
    }

    @Test
    void makesMovesListsAndRemoves() {
        agent.makeDirectory("nobody", path("tree/a/b"));
        assertThat(errnoOf(() -> agent.makeDirectory("root", path("tree/a")))).isEqualTo(Errno.EEXIST);
        agent.write(target(path("tree/file"))).finish(ByteBuffer.wrap(new byte[] {1, 2, 3}));
        List<String> names = new ArrayList<>();
        agent.list("root", path("tree"), 2, entry -> names.add(entry.path()));
        assertThat(names).containsExactlyInAnyOrder(path("tree/a"), path("tree/a/b"), path("tree/file"));
        assertThat(agent.stat("root", path("tree/a")).owner()).isEqualTo("nobody");
        assertThat(agent.move("root", path("tree/file"), path("tree/moved")).size())
                .isEqualTo(3);
        assertThat(errnoOf(() -> agent.list("root", path("tree/moved"), 1, entry -> {})))
                .isEqualTo(Errno.ENOTDIR);
        agent.remove("root", path("tree"));
        assertThat(errnoOf(() -> agent.stat("root", path("tree")))).isEqualTo(Errno.ENOENT);
        assertThat(errnoOf(() -> agent.remove("root", path("tree")))).isEqualTo(Errno.ENOENT);
    }

    @Test
    void writesAndReadsWhatWasWritten() throws IOException {
        byte[] data = new byte[3 * 1024 * 1024 + 17];
        new Random(7).nextBytes(data);
        try (FileSink sink = agent.write(target(path("big")))) {
            sink.write(ByteBuffer.wrap(data, 0, 1_000_000));
            GuestEntry entry = sink.finish(ByteBuffer.wrap(data, 1_000_000, data.length - 1_000_000));
            assertThat(entry.size()).isEqualTo(data.length);
        }
        assertThat(Files.readAllBytes(Path.of(path("big")))).isEqualTo(data);
        try (FileSource source = agent.open("root", path("big"), 100)) {
            assertThat(source.entry().type()).isEqualTo(GuestEntry.Type.FILE);
            ByteBuffer first = ByteBuffer.allocate(1000);
            assertThat(source.readFully(first)).isEqualTo(100);
            source.range(100, FileSource.TO_THE_END);
            ByteBuffer rest = ByteBuffer.allocateDirect(data.length);
            assertThat(source.readFully(rest)).isEqualTo(data.length - 100);
            byte[] read = new byte[data.length];
            first.flip().get(read, 0, 100);
            rest.flip().get(read, 100, data.length - 100);
            assertThat(read).isEqualTo(data);
        }
        agent.ping();
    }

    @Test
    void readsFilesThatTellNoSize() {
        try (FileSource source = agent.open("root", "/proc/self/status", FileSource.TO_THE_END)) {
            assertThat(source.entry().size()).isZero();
            ByteBuffer text = ByteBuffer.allocate(64 * 1024);
            source.readFully(text);
            assertThat(StandardCharsets.UTF_8.decode(text.flip()).toString()).contains("holt-agent");
        }
    }

    @Test
    void aFailedOpenOrWriteLeavesTheAgentUsable() {
        assertThat(errnoOf(() -> agent.open("root", path("missing"), 0))).isEqualTo(Errno.ENOENT);
        assertThat(errnoOf(() -> agent.open("root", path("missing"), 10))).isEqualTo(Errno.ENOENT);
        assertThat(errnoOf(() -> agent.open("root", path("."), 10))).isEqualTo(Errno.EISDIR);
        assertThat(errnoOf(() -> agent.write(target(path("."))).finish())).isEqualTo(Errno.EISDIR);
        assertThat(errnoOf(() -> agent.write(target("/dev/full")).finish(ByteBuffer.allocate(10))))
                .isEqualTo(Errno.ENOSPC);
        assertThat(errnoOf(() -> agent.write(target("/dev/full")).write(ByteBuffer.allocate(64 * 1024 * 1024))))
                .isEqualTo(Errno.ENOSPC);
        agent.ping();
    }

    @Test
    void attributesAreReplacedAsAWhole() {
        FileSink.Target first = new FileSink.Target(
                "root",
                path("attributes"),
                0644,
                OptionalLong.empty(),
                "user.e2b.",
                List.of(new GuestEntry.Attribute("user.e2b.one", "1".getBytes(StandardCharsets.UTF_8))));
        assertThat(agent.write(first).finish().attributes()).hasSize(1);
        FileSink.Target second =
                new FileSink.Target("root", path("attributes"), 0644, OptionalLong.empty(), "user.e2b.", List.of());
        assertThat(agent.write(second).finish().attributes()).isEmpty();
    }

    private static StartProcess shell(String script, boolean input) {
        return new StartProcess(
                "root",
                server.work().toString(),
                List.of("sh", "-c", script),
                Map.of("GREETING", "hello"),
                Optional.empty(),
                input,
                "kept".getBytes(StandardCharsets.UTF_8));
    }

    private static String outputUntilExit(ProcessStream process, List<ProcessStream.News> others) {
        StringBuilder output = new StringBuilder();
        for (; ; ) {
            ProcessStream.News news = process.poll(PATIENCE);
            if (news instanceof ProcessStream.Output chunk) {
                output.append(new String(chunk.data(), StandardCharsets.UTF_8));
            } else {
                others.add(news);
                if (!(news instanceof ProcessStream.InputTaken)) {
                    return output.toString();
                }
            }
        }
    }

    @Test
    void runsAProcessToItsEnd() {
        List<ProcessStream.News> others = new ArrayList<>();
        try (ProcessStream process = agent.start(shell("echo $GREETING; pwd; exit 3", false))) {
            assertThat(outputUntilExit(process, others)).isEqualTo("hello\n" + server.work() + "\n");
            assertThat(others).containsExactly(new ProcessStream.Exit(false, 3, false));
        }
    }

    @Test
    void feedsInputAndTellsWhenItIsRefused() {
        List<ProcessStream.News> others = new ArrayList<>();
        try (ProcessStream process = agent.start(shell("cat", true))) {
            process.sendInput(ByteBuffer.wrap("typed".getBytes(StandardCharsets.UTF_8)));
            process.closeInput();
            process.sendInput(ByteBuffer.wrap("late".getBytes(StandardCharsets.UTF_8)));
            assertThat(outputUntilExit(process, others)).isEqualTo("typed");
            assertThat(others)
                    .containsExactly(
                            new ProcessStream.InputTaken(0),
                            new ProcessStream.InputTaken(0),
                            new ProcessStream.InputTaken(Errno.EPIPE.number()),
                            new ProcessStream.Exit(false, 0, false));
        }
    }

    @Test
    void aProcessOutlivesItsConnectionAndIsTakenOver() {
        ProcessStream first = agent.start(shell("read line; echo got $line; kill -9 $$", true));
        first.close();
        List<GuestProcess> known = agent.processes();
        assertThat(known)
                .anySatisfy(
                        process -> assertThat(process.annotation()).asString().isEqualTo("kept"));
        List<ProcessStream.News> others = new ArrayList<>();
        try (ProcessStream second = agent.attach(first.pid(), first.startId())) {
            assertThat(second.pid()).isEqualTo(first.pid());
            second.sendInput(ByteBuffer.wrap("this\n".getBytes(StandardCharsets.UTF_8)));
            assertThat(outputUntilExit(second, others)).isEqualTo("got this\n");
            assertThat(others).contains(new ProcessStream.Exit(true, 9, false));
        }
        assertThat(errnoOf(() -> agent.attach(first.pid(), first.startId() + 1)))
                .isEqualTo(Errno.ESRCH);
    }

    @Test
    void pollingKeepsItsPatience() {
        try (ProcessStream process = agent.start(shell("read line", true))) {
            assertThat(process.poll(Duration.ofMillis(10))).isInstanceOf(ProcessStream.Quiet.class);
            agent.signal(process.pid(), 15, true);
            assertThat(process.poll(PATIENCE)).isEqualTo(new ProcessStream.Exit(true, 15, false));
        }
        assertThat(errnoOf(() -> agent.signal(1, 15, false))).isEqualTo(Errno.ESRCH);
    }

    @Test
    void resizesTerminals() {
        StartProcess start = new StartProcess(
                "root",
                "",
                List.of("sh", "-c", "read go; stty size"),
                Map.of(),
                Optional.of(new StartProcess.TerminalSize(80, 24)),
                true,
                new byte[0]);
        try (ProcessStream process = agent.start(start)) {
            agent.resize(process.pid(), 132, 43);
            process.sendInput(ByteBuffer.wrap("\n".getBytes(StandardCharsets.UTF_8)));
            assertThat(outputUntilExit(process, new ArrayList<>())).contains("43 132");
        }
    }

    @Test
    void watchesADirectory() throws IOException {
        Path directory = Files.createDirectory(server.work().resolve("watched"));
        try (WatchStream watch = agent.watch("root", directory.toString(), false, true, false)) {
            Files.writeString(directory.resolve("file"), "text");
            assertThat(watch.poll(PATIENCE)).isInstanceOfSatisfying(WatchStream.Event.class, event -> {
                assertThat(event.kind()).isEqualTo(WatchStream.Kind.CREATE);
                assertThat(event.path()).isEqualTo("file");
            });
        }
    }

    @Test
    void closingFromOutsideWakesTheReader() throws InterruptedException {
        try (ProcessStream process = agent.start(shell("sleep 100", false))) {
            Thread closer = Thread.ofVirtual().start(process::close);
            assertThatThrownBy(() -> process.poll(Duration.ZERO)).isInstanceOf(GuestUnreachable.class);
            closer.join();
            agent.signal(process.pid(), 9, true);
        }
    }

    @Test
    void aWrongTokenIsRefused() {
        try (GuestAgent stranger = new GuestAgent(server.address(), AgentToken.random(new SecureRandom()))) {
            assertThat(errnoOf(stranger::ping)).isEqualTo(Errno.EACCES);
            assertThat(errnoOf(() -> stranger.awaitReady(PATIENCE))).isEqualTo(Errno.EACCES);
        }
    }

    @Test
    void aClosedClientConnectsNoMore() {
        agent.ping();
        agent.close();
        assertThatThrownBy(agent::ping).isInstanceOf(GuestUnreachable.class);
    }

    @Test
    void readinessHasAnEnd() throws IOException {
        InetSocketAddress nobody;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            nobody = new InetSocketAddress(InetAddress.getLoopbackAddress(), socket.getLocalPort());
        }
        try (GuestAgent absent = new GuestAgent(nobody, AgentToken.random(new SecureRandom()))) {
            assertThatThrownBy(() -> absent.awaitReady(Duration.ofMillis(50))).isInstanceOf(GuestUnreachable.class);
        }
    }

    @Test
    void aConnectionThatDiedWhileIdleIsReplaced() throws IOException {
        byte[] welcomeAndOk = FakeAgent.bytes(FakeAgent.welcome().frame(FrameType.OK));
        try (FakeAgent fake = new FakeAgent(welcomeAndOk);
                GuestAgent client = fake.connect()) {
            client.ping();
            client.ping();
            assertThat(fake.accepted()).isEqualTo(2);
        }
    }

    @Test
    void aChangedTokenIsUsedFromThenOn() throws IOException {
        try (TestAgent machine = new TestAgent();
                GuestAgent client = machine.connect();
                GuestAgent former = machine.connect()) {
            AgentToken next = AgentToken.random(new SecureRandom());
            client.identify("", Instant.EPOCH, new byte[32], next);
            client.closeIdle();
            client.ping();
            assertThat(errnoOf(former::ping)).isEqualTo(Errno.EACCES);
            client.identify("", Instant.EPOCH, new byte[0], machine.token());
            former.ping();
        }
    }

    @Test
    void whoeverAsksWhileItIsHeldWaits() throws Exception {
        agent.ping();
        agent.hold(PATIENCE);
        FutureTask<GuestUser> asking = new FutureTask<>(() -> agent.user("root"));
        Thread.ofVirtual().start(asking);
        assertThatThrownBy(() -> asking.get(50, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
        agent.release();
        assertThat(asking.get().uid()).isZero();

        agent.hold(PATIENCE);
        FutureTask<GuestUser> given = new FutureTask<>(() -> agent.user("root"));
        Thread.ofVirtual().start(given);
        agent.close();
        assertThatThrownBy(given::get).hasCauseInstanceOf(GuestUnreachable.class);
        assertThatThrownBy(() -> agent.hold(PATIENCE)).isInstanceOf(GuestUnreachable.class);
    }

    @Test
    void anAgentThatIsTooOldLosesItsStreamsAndNothingElse() throws Exception {
        byte[] answers = FakeAgent.bytes(
                FakeAgent.welcome().frame(FrameType.STARTED).u32(7).u64(1));
        try (FakeAgent old = new FakeAgent(answers);
                GuestAgent client = old.connect();
                ProcessStream stream = client.attach(7, 1)) {
            client.hold(Duration.ofSeconds(2));
            assertThatThrownBy(() -> stream.poll(PATIENCE)).isInstanceOf(GuestUnreachable.class);
            client.release();
        }
    }
}
