package dev.holt.node;

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
import dev.holt.nodeapi.CaptureSandbox;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
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
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;

/** Nodes of one runtime over real engines, disks and networks, one after the other on the same directories. */
final class RealNode implements AutoCloseable {
    static final Resources USUAL = new Resources(1, 256, 512);
    static final Duration TIMEOUT = Duration.ofSeconds(600);

    private final SandboxHost host;
    private final SandboxRuntime runtime;
    private final LeakCheck shared;
    private final String name = "s" + Long.toString(ThreadLocalRandom.current().nextLong(1 << 24, 1L << 30), 36);
    private final NetworkConfig network;
    private final Path state;
    private final List<LocalNode> nodes = new ArrayList<>();
    volatile FlowStep.Listener steps = (step, sandbox) -> {};

    RealNode(SandboxHost host, Isolation isolation) throws IOException {
        this(host, isolation, Files.createTempDirectory(host.state().resolveSibling(""), "node"));
    }

    RealNode(SandboxHost host, Isolation isolation, Path state) throws IOException {
        this.host = host;
        this.runtime = host.runtime(host.engine(isolation));
        this.state = state;
        this.shared = host.leakCheck();
        this.network = new NetworkConfig(
                name,
                Ipv4Block.parse("10.215." + ThreadLocalRandom.current().nextInt(256) + ".0/24"),
                List.of(),
                List.of(Ipv4Block.parse("203.0.113.53")));
    }

    Path state() {
        return state;
    }

    SandboxRuntime runtime() {
        return runtime;
    }

    LocalNode start() {
        LocalNode node = new LocalNode(
                new NodeConfig(
                        "here",
                        state,
                        state.resolve("run"),
                        Optional.empty(),
                        network,
                        new NodeConfig.Pools(2, 0, 0, 2),
                        new NodeConfig.Limits(100, 4, USUAL, Duration.ofSeconds(30)),
                        NodeConfig.State.DEFAULT,
                        new NodeConfig.Metrics(Duration.ofSeconds(1)),
                        NodeConfig.Logs.DEFAULT,
                        false),
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
        return node;
    }

    /** The daemon is killed: nothing is closed or drained. */
    void abandon(LocalNode node) {
        nodes.remove(node);
        node.stopActing();
    }

    CreateSandbox request() {
        return request(host.template().template(), host.template().buildId(), true);
    }

    CreateSandbox request(TemplateId template, String buildId, boolean useMemory) {
        return new CreateSandbox(
                UUID.randomUUID(),
                "team",
                template,
                buildId,
                USUAL,
                Instant.now().plus(TIMEOUT),
                Optional.empty(),
                Map.of(),
                Map.of(),
                NetworkPolicy.OPEN,
                new Lifecycle(Lifecycle.OnTimeout.PAUSE, true, true, TIMEOUT),
                useMemory,
                Isolation.CONTAINER,
                Optional.empty());
    }

    static CaptureSandbox capture(String buildId) {
        return new CaptureSandbox(UUID.randomUUID(), new TemplateId("snap"), buildId, false, true);
    }

    static String shell(LocalNode node, SandboxId id, String command) {
        GuestAgent agent = node.envdSandboxes().find(id).orElseThrow().agent();
        return TestSandbox.shell(agent, "root", command).output();
    }

    static String get(LocalNode node, SandboxId id, int port) {
        try (Socket socket = node.open(id, port)) {
            socket.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        } catch (IOException e) {
            return "";
        }
    }

    static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** Ends everything, and looks for what is left. */
    void assertNothingLeft() throws InterruptedException {
        steps = (step, sandbox) -> {};
        nodes.forEach(LocalNode::close);
        nodes.clear();
        try (LocalNode last = start()) {
            last.list().forEach(sandbox -> last.kill(sandbox.id(), EndReason.KILLED));
            last.snapshots().forEach(build -> last.deleteSnapshot(build.template(), build.buildId()));
        }
        nodes.clear();
        new LeakCheck(state.resolve("sandboxes"), "holt-none", name).assertNothingLeft();
        HostCommand.of("rm", "--recursive", state.toString()).runOrFail();
        shared.assertNothingLeft();
    }

    /** Whatever a failed test left. */
    @Override
    public void close() {
        steps = (step, sandbox) -> {};
        if (Files.exists(state)) {
            try {
                nodes.forEach(LocalNode::close);
                try (LocalNode last = start()) {
                    last.list().forEach(sandbox -> last.kill(sandbox.id(), EndReason.KILLED));
                }
            } finally {
                HostCommand.of("rm", "--recursive", "--force", "--one-file-system", state.toString())
                        .run();
            }
        }
    }
}
