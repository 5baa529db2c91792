package dev.holt.node;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.node.network.Ipv4Block;
import dev.holt.node.network.NetworkConfig;
import dev.holt.node.pool.Foreground;
import dev.holt.nodeapi.CaptureSandbox;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.Resources;
import dev.holt.nodeapi.ResumeSandbox;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** Nodes over one {@link FakeWorld}, one after the other or abandoned, as the tests of sandboxes' states need them. */
final class NodeHarness {
    static final Resources SMALL = new Resources(1, 128, 64);
    static final Duration TIMEOUT = Duration.ofSeconds(300);
    static final ResumeSandbox WITH_MEMORY = new ResumeSandbox(TIMEOUT, true);

    final Path state;
    final FakeWorld world;
    final SettableClock clock = new SettableClock();
    /** What listeners heard. */
    final List<String> heard = new CopyOnWriteArrayList<>();

    NodeConfig.Limits limits = new NodeConfig.Limits(100, 4, SMALL, Duration.ofSeconds(20));
    NodeConfig.State stateConfig = NodeConfig.State.DEFAULT;
    Lifecycle lifecycle = new Lifecycle(Lifecycle.OnTimeout.PAUSE, true, true, TIMEOUT);
    volatile FlowStep.Listener steps = (step, sandbox) -> {};
    private final List<LocalNode> nodes = new ArrayList<>();

    NodeHarness(Path state) {
        this.state = state;
        try {
            this.world = new FakeWorld(Files.createDirectories(state.resolve("fake-disks")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static final class SettableClock extends Clock {
        private volatile Instant now = Instant.parse("2026-03-01T12:00:00Z");

        @Override
        public Instant instant() {
            return now;
        }

        void jump(Duration by) {
            now = instant().plus(by);
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }

    LocalNode start() {
        return start(false);
    }

    LocalNode start(boolean killOnStop) {
        return start(killOnStop, Optional.empty());
    }

    LocalNode start(boolean killOnStop, Optional<Isolation> runtime) {
        NodeConfig config = new NodeConfig(
                "here",
                state,
                state.resolve("run"),
                runtime,
                new NetworkConfig("fake", Ipv4Block.parse("10.0.0.0/24"), List.of(), List.of()),
                new NodeConfig.Pools(1, 0, 0, 2),
                limits,
                stateConfig,
                NodeConfig.Metrics.DEFAULT,
                NodeConfig.Logs.DEFAULT,
                killOnStop);
        // An abandoned node hears nothing of what the test does with the next one.
        FlowStep.Listener mine = (step, sandbox) -> steps.taken(step, sandbox);
        LocalNode node = new LocalNode(
                config,
                new NodeParts(
                        List.of(world.runtime),
                        world.rootFileSystems,
                        world.slotSource(),
                        Path.of("/bin/true"),
                        new Foreground(),
                        List.of(),
                        clock,
                        mine,
                        WarmUp.NONE));
        nodes.add(node);
        node.subscribe(new NodeListener() {
            @Override
            public void started(SandboxStatus sandbox) {
                heard.add("started " + sandbox.id());
            }

            @Override
            public void changed(SandboxStatus sandbox) {
                heard.add(sandbox.state().wireName() + " " + sandbox.id());
            }

            @Override
            public void ended(SandboxId sandbox, EndReason reason, Instant when) {
                heard.add("ended " + sandbox + " " + reason);
            }
        });
        return node;
    }

    /** As close to a kill -9 as a test in one process gets: nothing is closed or drained, and that node does nothing more. */
    void abandon(LocalNode node) {
        nodes.remove(node);
        node.stopActing();
    }

    /** Makes whoever takes that step next stop there for good, as a killed daemon does. Answers when that has happened. */
    CountDownLatch dieAt(FlowStep step) {
        CountDownLatch dead = new CountDownLatch(1);
        steps = (taken, sandbox) -> {
            if (taken == step) {
                steps = (other, any) -> {};
                dead.countDown();
                awaitForever();
            }
        };
        return dead;
    }

    private static void awaitForever() {
        try {
            new CountDownLatch(1).await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    void failAt(FlowStep step) {
        steps = (taken, sandbox) -> {
            if (taken == step) {
                steps = (other, any) -> {};
                throw new IllegalStateException("failed after " + step);
            }
        };
    }

    /** The host stops without warning and starts again. */
    void reboot() {
        world.reboot();
        try (Stream<Path> sandboxes = Files.list(state.resolve("sandboxes"))) {
            for (Path sandbox : sandboxes.toList()) {
                Path journal = sandbox.resolve("sandbox.json");
                if (Files.exists(journal)) {
                    Files.writeString(journal, Files.readString(journal).replace(Journal.bootId(), "another boot"));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    CreateSandbox request() {
        return request(FakeWorld.TEMPLATE, FakeWorld.BUILD, true);
    }

    CreateSandbox request(TemplateId template, String buildId, boolean useMemory) {
        return new CreateSandbox(
                UUID.randomUUID(),
                "team",
                template,
                buildId,
                SMALL,
                clock.instant().plus(TIMEOUT),
                Optional.of("secret"),
                Map.of("A", "b"),
                Map.of("purpose", "test"),
                NetworkPolicy.OPEN,
                lifecycle,
                useMemory,
                Isolation.CONTAINER,
                Optional.empty());
    }

    static CaptureSandbox capture(String buildId, boolean passing) {
        return new CaptureSandbox(UUID.randomUUID(), new TemplateId("snap"), buildId, passing, true);
    }

    /** A running sandbox with something in its memory and on its disk. */
    SandboxId running(LocalNode node) {
        SandboxId id = node.create(request()).id();
        world.instance(id).memory = "thoughts";
        world.write(id, "files;");
        return id;
    }

    SandboxState state(LocalNode node, SandboxId id) {
        return node.find(id).orElseThrow().state();
    }

    static List<SandboxEvent.Type> types(LocalNode node, SandboxId id) {
        return node.events(id).stream().map(SandboxEvent::type).toList();
    }

    static SandboxEvent last(LocalNode node, SandboxId id, SandboxEvent.Type type) {
        return node.events(id).stream()
                .filter(event -> event.type() == type)
                .reduce((one, other) -> other)
                .orElseThrow(() -> new AssertionError("no " + type + " in " + node.events(id)));
    }

    /** Whether somebody waits to end it. */
    static boolean isEndWanted(LocalNode node, SandboxId id) {
        return node.isEndWanted(id);
    }

    static NodeException failure(Runnable call) {
        try {
            call.run();
        } catch (NodeException e) {
            return e;
        }
        throw new AssertionError("it did not fail");
    }

    static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            try {
                Thread.sleep(5);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Ends everything and looks whether anything is left. */
    void assertNothingLeft() throws IOException {
        steps = (step, sandbox) -> {};
        world.failing = Optional.empty();
        world.mute = false;
        nodes.forEach(LocalNode::close);
        try (LocalNode last = start()) {
            last.list().forEach(sandbox -> last.kill(sandbox.id(), EndReason.KILLED));
            last.snapshots().forEach(build -> last.deleteSnapshot(build.template(), build.buildId()));
        }
        try (LocalNode verylast = start()) {
            assertThat(verylast.list()).isEmpty();
        }
        assertThat(world.instances).isEmpty();
        assertThat(world.roots).isEmpty();
        assertThat(world.mountedRoots).isEmpty();
        assertThat(world.slots).isEmpty();
        assertThat(state.resolve("sandboxes")).isEmptyDirectory();
        assertThat(state.resolve("fake-disks")).isEmptyDirectory();
        assertThat(state.resolve("snapshots/.blobs")).isEmptyDirectory();
        try (Stream<Path> left = Files.list(state.resolve("snapshots"))) {
            assertThat(left.map(path -> path.getFileName().toString())).containsExactly(".blobs");
        }
    }
}
