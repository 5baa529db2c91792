package dev.holt.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.holt.node.guest.GuestAgent;
import dev.holt.node.network.Ipv4Block;
import dev.holt.node.network.NetworkConfig;
import dev.holt.node.network.SlotFactory;
import dev.holt.node.pool.Foreground;
import dev.holt.node.process.HostCommand;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.node.testing.LeakCheck;
import dev.holt.node.testing.SandboxHost;
import dev.holt.node.testing.TestSandbox;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.Resources;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.net.ConnectException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The lifecycle with real engines, disks and networks, each test ending with a look for anything left on the host. */
@Timeout(300)
final class RealSandboxesTest {
    private static final Resources USUAL = new Resources(1, 256, 512);

    private static SandboxHost host;

    private final List<LocalNode> nodes = new ArrayList<>();
    private final List<String> events = new CopyOnWriteArrayList<>();
    private final String name = "r" + Long.toString(ThreadLocalRandom.current().nextLong(1 << 24, 1L << 30), 36);
    private final NetworkConfig network = new NetworkConfig(
            name,
            Ipv4Block.parse("10.214." + ThreadLocalRandom.current().nextInt(256) + ".0/24"),
            List.of(),
            List.of(Ipv4Block.parse("203.0.113.53")));
    private volatile FlowStep.Listener steps = (step, sandbox) -> {};

    @BeforeAll
    static void openHost() throws IOException {
        host = new SandboxHost();
        host.disks().create(USUAL.diskMegabytes()).close(); // its empty image stays, and is no leak
    }

    @AfterAll
    static void closeHost() {
        host.close();
    }

    @AfterEach
    void endNodes() {
        nodes.forEach(LocalNode::close);
    }

    private LocalNode start(Path state, SandboxRuntime runtime, int warm, boolean killOnStop) {
        NodeConfig config = new NodeConfig(
                "here",
                state,
                state.resolve("run"),
                Optional.empty(),
                network,
                new NodeConfig.Pools(2, 0, warm, 2),
                new NodeConfig.Limits(100, 4, USUAL, Duration.ofSeconds(30)),
                NodeConfig.State.DEFAULT,
                new NodeConfig.Metrics(Duration.ofSeconds(1)),
                NodeConfig.Logs.DEFAULT,
                killOnStop);
        LocalNode node = new LocalNode(
                config,
                new NodeParts(
                        List.of(runtime),
                        host.rootFileSystems(),
                        new SlotFactory(network),
                        host.agent(),
                        new Foreground(),
                        List.of(),
                        Clock.systemUTC(),
                        (step, sandbox) -> steps.taken(step, sandbox),
                        WarmUp.NONE));
        nodes.add(node);
        node.subscribe(new NodeListener() {
            @Override
            public void started(SandboxStatus sandbox) {}

            @Override
            public void ended(SandboxId sandbox, EndReason reason, Instant when) {
                events.add(sandbox + " " + reason);
            }
        });
        return node;
    }

    private CreateSandbox request(NetworkPolicy policy) {
        return new CreateSandbox(
                UUID.randomUUID(),
                "team",
                host.template().template(),
                host.template().buildId(),
                USUAL,
                Instant.now().plusSeconds(600),
                Optional.empty(),
                Map.of(),
                Map.of(),
                policy,
                Lifecycle.killed(Duration.ofSeconds(600)),
                true,
                Isolation.CONTAINER,
                Optional.empty());
    }

    private static TestSandbox.Ended shell(LocalNode node, SandboxId id, String command) {
        GuestAgent agent = node.envdSandboxes().find(id).orElseThrow().agent();
        return TestSandbox.shell(agent, "root", command);
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void fromCreateOverARestartToItsEnd(Isolation isolation) throws Exception {
        SandboxRuntime runtime = host.runtime(host.engine(isolation));
        Path state = Files.createTempDirectory(host.state().resolveSibling(""), "node");
        Files.createDirectories(state.resolve("sandboxes"));
        LeakCheck shared = host.leakCheck();
        LeakCheck own = new LeakCheck(state.resolve("sandboxes"), "holt-none", name);
        LocalNode before = start(state, runtime, 0, false);

        SandboxStatus created = before.create(request(NetworkPolicy.OPEN));
        SandboxId id = created.id();
        TestSandbox.Ended names =
                shell(before, id, "hostname; cat /etc/hosts /etc/resolv.conf; getent hosts $(hostname)");
        assertThat(names.code()).isZero();
        assertThat(names.output()).startsWith(id.value()).contains("127.0.1.1", "nameserver 203.0.113.53");
        assertThat(shell(before, id, "echo 203.0.113.9 friend >> /etc/hosts && getent hosts friend")
                        .output())
                .contains("203.0.113.9");
        assertThat(shell(before, id, "echo kept > /root/kept; nohup sleep 1000 >/dev/null 2>&1 & echo started")
                        .output())
                .contains("started");
        shell(before, id, "cd /tmp && nohup python3 -m http.server 8000 >/dev/null 2>&1 &");
        await(() -> get(before, id, 8000).startsWith("HTTP/1.0 200"));
        assertThatExceptionOfType(ConnectException.class).isThrownBy(() -> before.open(id, 8001));
        await(() -> before.metrics(id, Instant.EPOCH, Instant.MAX).size() >= 2);
        MetricSample sample = before.metrics(id, Instant.EPOCH, Instant.MAX).getLast();
        assertThat(sample.memoryTotal()).isBetween(200L << 20, 256L << 20);
        assertThat(sample.memoryUsed()).isBetween(1L << 16, 200L << 20);
        assertThat(sample.diskTotal()).isBetween(400L << 20, 512L << 20);

        NetworkPolicy cut = new NetworkPolicy(false, List.of(), List.of(), Optional.empty(), Optional.empty());
        SandboxStatus crashing = before.create(request(cut));
        SandboxStatus orphan = before.create(request(cut));
        before.stopActing();
        Files.delete(state.resolve("sandboxes/" + orphan.id() + "/sandbox.json"));

        LocalNode after = start(state, runtime, 0, true);
        assertThat(after.find(id)).contains(created);
        assertThat(after.list()).hasSize(2);
        assertThat(runtime.instances()).containsExactlyInAnyOrder(id, crashing.id());
        assertThat(shell(after, id, "cat /root/kept; pgrep -c sleep").output()).isEqualTo("kept\n1\n");
        assertThat(get(after, id, 8000)).startsWith("HTTP/1.0 200");
        assertThat(HostCommand.of("nft", "list", "table", "inet", name)
                        .runOrFail()
                        .output())
                .as("the policy of an adopted sandbox")
                .contains("goto slot-");

        shell(after, crashing.id(), "nohup sh -c 'sleep 0.3; kill -TERM 1' >/dev/null 2>&1 &");
        await(() -> events.contains(crashing.id() + " CRASHED"));
        SandboxStatus due = after.create(request(NetworkPolicy.OPEN));
        after.setDeadline(due.id(), Instant.now(), Duration.ofSeconds(600));
        await(() -> events.contains(due.id() + " TIMEOUT"));
        after.kill(id, EndReason.KILLED);
        assertThat(runtime.instances()).isEmpty();
        after.close();
        own.assertNothingLeft();
        HostCommand.of("rm", "--recursive", state.toString()).runOrFail();
        shared.assertNothingLeft();
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void ordinaryUsersBecomeRootBySudo(Isolation isolation) throws Exception {
        SandboxRuntime runtime = host.runtime(host.engine(isolation));
        Path state = Files.createTempDirectory(host.state().resolveSibling(""), "node");
        LeakCheck shared = host.leakCheck();
        try (LocalNode node = start(state, runtime, 0, true)) {
            GuestAgent agent = node.envdSandboxes()
                    .find(node.create(request(NetworkPolicy.OPEN)).id())
                    .orElseThrow()
                    .agent();
            assertThat(TestSandbox.shell(
                            agent, "user", "sudo id -un; echo in | sudo tee /root/file; sudo -u user id -un"))
                    .isEqualTo(new TestSandbox.Ended(0, "root\nin\nuser\n"));
            assertThat(TestSandbox.shell(agent, "user", "sudo sh -c 'exit 7'").code())
                    .isEqualTo(7);
            assertThat(TestSandbox.shell(agent, "user", "sudo apt-get --version | head -1")
                            .output())
                    .startsWith("apt ");
            assertThat(TestSandbox.shell(agent, "bin", "sudo -n true").code())
                    .as("a user without a rule")
                    .isEqualTo(1);
        }
        HostCommand.of("rm", "--recursive", state.toString()).runOrFail();
        shared.assertNothingLeft();
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void aFailureAfterAnyStepLeavesNothingOnTheHost(Isolation isolation) throws Exception {
        SandboxRuntime runtime = host.runtime(host.engine(isolation));
        Path state = Files.createTempDirectory(host.state().resolveSibling(""), "node");
        LeakCheck shared = host.leakCheck();
        try (LocalNode node = start(state, runtime, 0, true)) {
            for (CreateStep failing : CreateStep.values()) {
                steps = (step, sandbox) -> {
                    if (step == failing) {
                        throw new IllegalStateException("failed after " + step);
                    }
                };
                assertThatExceptionOfType(NodeException.class)
                        .isThrownBy(() -> node.create(request(NetworkPolicy.OPEN)))
                        .withMessageContaining("failed after " + failing);
                assertThat(runtime.instances()).as("after " + failing).isEmpty();
                assertThat(state.resolve("sandboxes")).as("after " + failing).isEmptyDirectory();
            }
        }
        HostCommand.of("rm", "--recursive", state.toString()).runOrFail();
        shared.assertNothingLeft();
        assertThat(HostCommand.of("ip", "-o", "link").runOrFail().output()).doesNotContain(name + "-");
        assertThat(HostCommand.of("nft", "list", "tables").runOrFail().output()).doesNotContain(" " + name + "\n");
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void warmOnesAreClaimedManyAtOnceAndDrained(Isolation isolation) throws Exception {
        SandboxRuntime runtime = host.runtime(host.engine(isolation));
        Path state = Files.createTempDirectory(host.state().resolveSibling(""), "node");
        LeakCheck shared = host.leakCheck();
        try (LocalNode node = start(state, runtime, 3, true)) {
            node.keepWarm(host.template().template(), host.template().buildId());
            for (int i = 0; i < 12; i++) {
                await(() -> node.status().warm() == 3);
                long from = System.nanoTime();
                SandboxStatus claimed = node.create(request(NetworkPolicy.OPEN));
                System.out.printf("%s claimed in %.2f ms%n", isolation, (System.nanoTime() - from) / 1e6);
                assertThat(shell(node, claimed.id(), "echo ready").output()).isEqualTo("ready\n");
            }
            List<Future<SandboxStatus>> answers = new ArrayList<>();
            try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
                for (int i = 0; i < 8; i++) {
                    answers.add(callers.submit(() -> node.create(request(NetworkPolicy.OPEN))));
                }
            }
            for (Future<SandboxStatus> answer : answers) {
                assertThat(shell(node, answer.get().id(), "echo ready").output())
                        .isEqualTo("ready\n");
            }
            assertThat(node.list()).as("running").hasSize(20);
        }
        assertThat(runtime.instances()).isEmpty();
        HostCommand.of("rm", "--recursive", state.toString()).runOrFail();
        shared.assertNothingLeft();
    }

    private static String get(LocalNode node, SandboxId id, int port) {
        try (Socket socket = node.open(id, port)) {
            socket.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        } catch (IOException e) {
            return "";
        }
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
