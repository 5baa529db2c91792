package dev.holt.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.holt.node.network.Ipv4Block;
import dev.holt.node.network.NetworkConfig;
import dev.holt.node.pool.Foreground;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.LogQuery;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.NodeListener;
import dev.holt.nodeapi.Resources;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.net.Socket;
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
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
final class LocalNodeTest {
    private static final Resources SMALL = new Resources(1, 128, 64);
    private static final LogQuery ALL_LINES =
            new LogQuery(Optional.empty(), Optional.empty(), 1000, false, LogEntry.Level.DEBUG, Optional.empty());

    @TempDir
    Path state;

    private final FakeWorld world = new FakeWorld();
    private final SettableClock clock = new SettableClock();
    private final List<String> events = new CopyOnWriteArrayList<>();
    private final List<LocalNode> nodes = new ArrayList<>();
    private volatile CreateStep.Listener steps = (step, sandbox) -> {};
    private NodeConfig.Limits limits = new NodeConfig.Limits(100, 4, SMALL, Duration.ofSeconds(20));
    private int warm;
    private boolean killOnStop;

    private static final class SettableClock extends Clock {
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

    private LocalNode start() {
        NodeConfig config = new NodeConfig(
                "here",
                state,
                state.resolve("run"),
                Optional.empty(),
                new NetworkConfig("fake", Ipv4Block.parse("10.0.0.0/24"), List.of(), List.of()),
                new NodeConfig.Pools(2, 0, warm, 2),
                limits,
                NodeConfig.Metrics.DEFAULT,
                NodeConfig.Logs.DEFAULT,
                killOnStop);
        LocalNode node = new LocalNode(
                config,
                new NodeParts(
                        List.of(world.runtime),
                        world.rootFileSystems,
                        world.slotSource(),
                        Path.of("/agent"),
                        new Foreground(),
                        List.of(),
                        clock,
                        (step, sandbox) -> steps.taken(step, sandbox),
                        WarmUp.NONE));
        nodes.add(node);
        node.subscribe(new NodeListener() {
            @Override
            public void started(SandboxStatus sandbox) {
                events.add("started " + sandbox.id());
            }

            @Override
            public void ended(SandboxId sandbox, EndReason reason, Instant when) {
                events.add("ended " + sandbox + " " + reason);
            }
        });
        return node;
    }

    @AfterEach
    void leaveNothing() throws IOException {
        killOnStop = true;
        nodes.forEach(LocalNode::close);
        start().close();
        assertNothingLeft();
    }

    private void assertNothingLeft() throws IOException {
        assertThat(world.instances).isEmpty();
        assertThat(world.roots).isEmpty();
        assertThat(world.slots).isEmpty();
        try (Stream<Path> directories = Files.list(state.resolve("sandboxes"))) {
            assertThat(directories).isEmpty();
        }
    }

    private CreateSandbox request() {
        return request(UUID.randomUUID(), NetworkPolicy.OPEN, SMALL);
    }

    private CreateSandbox request(UUID id, NetworkPolicy network, Resources resources) {
        return new CreateSandbox(
                id,
                "team",
                FakeWorld.TEMPLATE,
                FakeWorld.BUILD,
                resources,
                clock.instant().plusSeconds(300),
                Optional.of("secret"),
                Map.of("A", "b"),
                Map.of("purpose", "test"),
                network,
                Isolation.CONTAINER,
                Optional.empty());
    }

    @Test
    void aSandboxFromCreateToKill() throws Exception {
        LocalNode node = start();
        SandboxStatus created = node.create(request());
        assertThat(created.isolation()).isEqualTo(Isolation.GVISOR);
        assertThat(created.metadata()).containsEntry("purpose", "test");
        assertThat(node.find(created.id())).contains(created);
        assertThat(node.list()).containsExactly(created);
        assertThat(node.status().sandboxes()).isEqualTo(1);
        assertThat(node.status().reservedMemoryMegabytes()).isEqualTo(128);
        assertThat(node.envdSandboxes().find(created.id())).hasValueSatisfying(sandbox -> {
            assertThat(sandbox.environment()).containsEntry("A", "b");
            assertThat(sandbox.accessToken()).contains("secret");
            assertThat(sandbox.usage().get().memoryUsed()).isEqualTo(100 << 20);
            assertThat(sandbox.usage().get().diskUsed()).isEqualTo(1L << 30);
        });
        Path etc = state.resolve("sandboxes/" + created.id() + "/rootfs/etc");
        assertThat(etc.resolve("hosts")).content().contains("127.0.1.1\t" + created.id());
        assertThat(etc.resolve("hostname")).hasContent(created.id().value());

        try (Socket open = node.open(created.id(), 49982)) {
            node.kill(created.id(), EndReason.KILLED);
            assertThat(open.isClosed()).as("connections break").isTrue();
        }
        assertThat(world.instances).as("nothing runs when kill returns").isEmpty();
        assertThat(node.find(created.id())).isEmpty();
        assertThat(node.status().sandboxes()).isZero();
        assertThat(node.logs(created.id(), ALL_LINES))
                .extracting(LogEntry::message)
                .containsExactly("sandbox started", "sandbox ended");
        assertThatKind(NodeException.Kind.NOT_FOUND, () -> node.kill(created.id(), EndReason.KILLED));
        assertThatKind(NodeException.Kind.NOT_FOUND, () -> node.setDeadline(created.id(), clock.instant()));
        assertThatKind(NodeException.Kind.NOT_FOUND, () -> node.metrics(created.id(), Instant.MIN, Instant.MAX));
        await(() -> events.size() == 2);
        assertThat(events).containsExactly("started " + created.id(), "ended " + created.id() + " KILLED");
    }

    @Test
    void aWarmSandboxIsClaimedAndReplaced() {
        warm = 2;
        LocalNode node = start();
        node.keepWarm(FakeWorld.TEMPLATE, FakeWorld.BUILD);
        await(() -> node.status().warm() == 2);
        assertThat(node.list()).isEmpty();
        assertThat(node.status().sandboxes()).isZero();
        List<SandboxId> ready = List.copyOf(world.instances.keySet());

        NetworkPolicy cut = new NetworkPolicy(false, List.of(), List.of(), Optional.empty(), Optional.empty());
        SandboxStatus claimed = node.create(request(UUID.randomUUID(), cut, SMALL));
        assertThat(ready).contains(claimed.id());
        assertThat(world.slots).containsValue(cut);
        await(() -> node.status().warm() == 2);

        SandboxStatus other = node.create(request(UUID.randomUUID(), NetworkPolicy.OPEN, new Resources(2, 256, 64)));
        assertThat(ready).as("other resources start cold").doesNotContain(other.id());
    }

    @Test
    void warmSandboxesHaveWhatTheirTemplateUsuallyHas() {
        warm = 1;
        LocalNode node = start();
        Resources large = new Resources(2, 256, 64);
        node.usually(FakeWorld.TEMPLATE, large);
        node.keepWarm(FakeWorld.TEMPLATE, FakeWorld.BUILD);
        await(() -> node.status().warm() == 1);
        List<SandboxId> ready = List.copyOf(world.instances.keySet());
        SandboxStatus claimed = node.create(request(UUID.randomUUID(), NetworkPolicy.OPEN, large));
        assertThat(ready).containsExactly(claimed.id());
        assertThat(claimed.resources()).isEqualTo(large);
    }

    @Test
    void aDeadWarmSandboxIsNotHandedOut() {
        warm = 1;
        LocalNode node = start();
        node.keepWarm(FakeWorld.TEMPLATE, FakeWorld.BUILD);
        await(() -> node.status().warm() == 1);
        SandboxId first = world.instances.keySet().iterator().next();
        world.crash(first);
        SandboxStatus created = node.create(request());
        assertThat(created.id()).isNotEqualTo(first);
        await(() -> !world.instances.containsKey(first));
        await(() -> node.status().warm() == 1);
    }

    @ParameterizedTest
    @EnumSource(CreateStep.class)
    void aFailureAfterAnyStepLeavesNothing(CreateStep failing) throws IOException {
        LocalNode node = start();
        await(() -> world.slots.size() == 2);
        steps = (step, sandbox) -> {
            if (step == failing) {
                throw new IllegalStateException("failed after " + step);
            }
        };
        assertThatExceptionOfType(NodeException.class)
                .isThrownBy(() -> node.create(request()))
                .withMessageContaining("failed after " + failing);
        assertThat(world.instances).isEmpty();
        assertThat(world.roots).isEmpty();
        assertThat(node.list()).isEmpty();
        assertThat(node.status().sandboxes()).isZero();
        assertThat(node.status().reservedMemoryMegabytes()).isZero();
        try (Stream<Path> directories = Files.list(state.resolve("sandboxes"))) {
            assertThat(directories).isEmpty();
        }
        await(() -> world.slots.size() == 2);
        steps = (step, sandbox) -> {};
        assertThat(node.create(request()).id()).isNotNull();
    }

    @ParameterizedTest
    @ValueSource(strings = {"root", "slots", "runtime", "policy"})
    void aFailureOfAnyPartLeavesNothing(String part) throws IOException {
        LocalNode node = start();
        await(() -> world.slots.size() == 2);
        world.failing = Optional.of(part);
        for (int i = 0; i < 3; i++) {
            catchNodeException(() -> node.create(request()))
                    .ifPresentOrElse(
                            failure -> {
                                assertThat(failure.kind()).isEqualTo(NodeException.Kind.UNAVAILABLE);
                                assertThat(failure).hasMessageContaining(part + " is broken");
                            },
                            () -> assertThat(part)
                                    .as("slots made before are still good")
                                    .isEqualTo("slots"));
        }
        world.failing = Optional.empty();
        node.list().forEach(sandbox -> node.kill(sandbox.id(), EndReason.KILLED));
        assertThat(world.instances).isEmpty();
        await(() -> world.roots.isEmpty());
    }

    @Test
    void aGuestThatNeverAnswersIsEnded() {
        limits = new NodeConfig.Limits(100, 4, SMALL, Duration.ofMillis(300));
        world.mute = true;
        LocalNode node = start();
        assertThatKind(NodeException.Kind.UNAVAILABLE, () -> node.create(request()));
        assertThat(world.instances).isEmpty();
    }

    @Test
    void theSameRequestIsOneSandbox() throws Exception {
        LocalNode node = start();
        UUID id = UUID.randomUUID();
        List<SandboxStatus> answers = new CopyOnWriteArrayList<>();
        try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 10; i++) {
                callers.submit(() -> answers.add(node.create(request(id, NetworkPolicy.OPEN, SMALL))));
            }
        }
        assertThat(answers).hasSize(10).containsOnly(answers.getFirst());
        assertThat(world.instances).hasSize(1);
        clock.jump(Duration.ofMinutes(11));
        assertThat(node.create(request(id, NetworkPolicy.OPEN, SMALL)).id())
                .isNotEqualTo(answers.getFirst().id());
    }

    @Test
    void aFailedRequestIsTriedAgain() {
        LocalNode node = start();
        UUID id = UUID.randomUUID();
        world.failing = Optional.of("runtime");
        assertThatKind(NodeException.Kind.UNAVAILABLE, () -> node.create(request(id, NetworkPolicy.OPEN, SMALL)));
        world.failing = Optional.empty();
        assertThat(node.create(request(id, NetworkPolicy.OPEN, SMALL)).id()).isNotNull();
    }

    @Test
    void anInterruptedCallerLosesItsAnswerAndNotTheSandbox() throws Exception {
        LocalNode node = start();
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        steps = (step, sandbox) -> {
            if (step == CreateStep.AGENT) {
                inside.countDown();
                awaitLatch(goOn);
            }
        };
        CreateSandbox request = request();
        AtomicReference<Exception> heard = new AtomicReference<>();
        Thread caller = Thread.ofVirtual().start(() -> {
            try {
                node.create(request);
            } catch (NodeException e) {
                heard.set(e);
            }
        });
        inside.await();
        caller.interrupt();
        caller.join();
        assertThat(heard.get()).isInstanceOf(NodeException.class).hasMessageContaining("interrupted");
        goOn.countDown();
        assertThat(node.find(node.create(request).id())).isPresent();
        assertThat(world.instances).hasSize(1);
    }

    @Test
    void refusesWhatItCannotDo() {
        limits = new NodeConfig.Limits(2, 0.1, SMALL, Duration.ofSeconds(20));
        LocalNode node = start();
        CreateSandbox good = request();
        assertThatKind(
                NodeException.Kind.NOT_FOUND,
                () -> node.create(with(good, new TemplateId("other"), Optional.empty(), NetworkPolicy.OPEN)));
        assertThatKind(
                NodeException.Kind.INVALID,
                () -> node.create(
                        with(good, FakeWorld.TEMPLATE, Optional.of(Isolation.CONTAINER), NetworkPolicy.OPEN)));
        NetworkPolicy bad =
                new NetworkPolicy(true, List.of("example.com"), List.of(), Optional.empty(), Optional.empty());
        assertThatKind(
                NodeException.Kind.INVALID, () -> node.create(with(good, FakeWorld.TEMPLATE, Optional.empty(), bad)));
        assertThatKind(
                NodeException.Kind.INVALID,
                () -> node.create(request(UUID.randomUUID(), NetworkPolicy.OPEN, new Resources(1, 1_048_576, 64))));

        SandboxStatus first = node.create(request());
        node.create(request());
        NodeException full = catchNodeException(() -> node.create(request())).orElseThrow();
        assertThat(full.kind()).isEqualTo(NodeException.Kind.FULL);
        assertThat(full.retryAfter()).isPresent();
        node.kill(first.id(), EndReason.KILLED);
        assertThat(node.create(request()).id()).isNotNull();
    }

    @Test
    void theDeadlineEndsItAlsoAfterAJumpOfTheClock() {
        LocalNode node = start();
        SandboxStatus stays = node.create(request());
        SandboxStatus goes = node.create(request());
        node.setDeadline(stays.id(), clock.instant().plus(Duration.ofDays(1)));
        clock.jump(Duration.ofSeconds(299));
        clock.jump(Duration.ofSeconds(1));
        await(() -> events.contains("ended " + goes.id() + " TIMEOUT"));
        assertThat(world.instances).doesNotContainKey(goes.id());
        assertThat(node.find(stays.id())).isPresent();
        clock.jump(Duration.ofDays(-1));
        SandboxStatus shortened = node.setDeadline(stays.id(), clock.instant().minusSeconds(1));
        assertThat(shortened.deadline()).isBefore(clock.instant());
        await(() -> events.contains("ended " + stays.id() + " TIMEOUT"));
    }

    @Test
    void aCrashIsNoticedAndCleanedUp() {
        LocalNode node = start();
        SandboxStatus created = node.create(request());
        world.crash(created.id());
        await(() -> events.contains("ended " + created.id() + " CRASHED"));
        assertThat(node.find(created.id())).isEmpty();
        await(() -> world.roots.isEmpty());
    }

    @Test
    void anEndThatFailsIsTriedAgain() {
        LocalNode node = start();
        SandboxStatus created = node.create(request());
        world.failingEnds.set(2);
        assertThatExceptionOfType(RuntimeException.class)
                .isThrownBy(() -> node.kill(created.id(), EndReason.KILLED))
                .withMessageContaining("busy");
        assertThat(node.find(created.id())).as("being ended").isEmpty();
        await(() -> events.contains("ended " + created.id() + " KILLED"));
        assertThat(world.instances).isEmpty();
    }

    @Test
    void fiftyCreatesAtOnce() throws Exception {
        LocalNode node = start();
        List<Future<SandboxStatus>> answers = new ArrayList<>();
        try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 50; i++) {
                answers.add(callers.submit(() -> node.create(request())));
            }
        }
        for (Future<SandboxStatus> answer : answers) {
            assertThat(node.find(answer.get().id())).isPresent();
        }
        assertThat(world.mostStarting.get())
                .isLessThanOrEqualTo(2 * Runtime.getRuntime().availableProcessors());
    }

    /** Kills, crashes, deadlines and new deadlines at once: each sandbox ends once, with one reason, and nothing stays. */
    @ParameterizedTest
    @ValueSource(longs = {11, 12, 13})
    void endsRaceAndOneWins(long seed) throws Exception {
        warm = 2;
        LocalNode node = start();
        List<SandboxId> created = new CopyOnWriteArrayList<>();
        List<Thread> attackers = new CopyOnWriteArrayList<>();
        List<Thread> workers = new ArrayList<>();
        for (int worker = 0; worker < 6; worker++) {
            Random random = new Random(seed * 10 + worker);
            workers.add(Thread.ofVirtual().start(() -> {
                for (int i = 0; i < 8; i++) {
                    SandboxId id = node.create(request()).id();
                    created.add(id);
                    for (int attack = 0; attack < 3; attack++) {
                        int kind = random.nextInt(3);
                        attackers.add(Thread.ofVirtual().start(() -> attack(node, id, kind)));
                    }
                }
            }));
        }
        for (Thread worker : workers) {
            worker.join();
        }
        for (Thread attacker : attackers) {
            attacker.join();
        }
        assertThat(created).hasSize(48);
        await(() -> node.list().isEmpty());
        await(() -> events.size() == 2 * created.size());
        for (SandboxId id : created) {
            assertThat(events)
                    .filteredOn(event -> event.contains(id.value()))
                    .hasSize(2)
                    .first()
                    .isEqualTo("started " + id);
        }
        assertThat(node.status().reservedMemoryMegabytes()).isZero();
    }

    private void attack(LocalNode node, SandboxId id, int kind) {
        try {
            switch (kind) {
                case 0 -> node.kill(id, EndReason.KILLED);
                case 1 -> node.setDeadline(id, clock.instant());
                default -> world.crash(id);
            }
        } catch (NodeException e) {
            assertThat(e.kind()).as("another was faster").isEqualTo(NodeException.Kind.NOT_FOUND);
        }
    }

    @Test
    void aRestartAdoptsWhatRunsAndSweepsTheRest() throws Exception {
        warm = 1;
        LocalNode before = start();
        CreateSandbox request = request();
        SandboxStatus survivor = before.create(request);
        SandboxStatus crashed = before.create(request());
        SandboxStatus expired = before.create(request());
        before.setDeadline(expired.id(), clock.instant().plusSeconds(400));
        SandboxStatus unreadable = before.create(request());
        await(() -> before.status().warm() == 1);
        SandboxId warmOne = world.instances.keySet().stream()
                .filter(id -> before.find(id).isEmpty())
                .findFirst()
                .orElseThrow();
        abandon(before);
        // The daemon is gone; this happens meanwhile.
        world.crash(crashed.id());
        Files.writeString(state.resolve("sandboxes/" + unreadable.id() + "/sandbox.json"), "{\"version\":1,");
        Files.createDirectories(state.resolve("sandboxes/aaaaaaaaaaaaaaaaaaaa/rootfs"));
        clock.jump(Duration.ofSeconds(299));
        events.clear();

        LocalNode after = start();
        assertThat(after.find(survivor.id())).contains(survivor);
        assertThat(after.create(request)).as("the request is still known").isEqualTo(survivor);
        assertThat(after.envdSandboxes()
                        .find(survivor.id())
                        .orElseThrow()
                        .usage()
                        .get()
                        .cpuCount())
                .as("its agent answers with the journal's token")
                .isEqualTo(1);
        assertThat(world.instances).doesNotContainKeys(crashed.id(), unreadable.id());
        assertThat(state.resolve("corrupt/" + unreadable.id() + ".json")).exists();
        assertThat(state.resolve("sandboxes/aaaaaaaaaaaaaaaaaaaa")).doesNotExist();
        await(() -> events.contains("ended " + crashed.id() + " CRASHED"));
        await(() -> after.status().warm() == 1);
        assertThat(after.create(request()).id())
                .as("the warm one was adopted too")
                .isEqualTo(warmOne);
        clock.jump(Duration.ofSeconds(150));
        await(() -> events.contains("ended " + expired.id() + " TIMEOUT"));
        await(() -> events.contains("ended " + survivor.id() + " TIMEOUT"));
    }

    @Test
    void aKillThatWasCutShortIsFinishedWithItsReason() throws Exception {
        LocalNode before = start();
        SandboxStatus created = before.create(request());
        world.failingEnds.set(Integer.MAX_VALUE);
        assertThatExceptionOfType(RuntimeException.class).isThrownBy(() -> before.kill(created.id(), EndReason.KILLED));
        abandon(before);
        world.failingEnds.set(0);
        LocalNode after = start();
        await(() -> events.contains("ended " + created.id() + " KILLED"));
        assertThat(after.find(created.id())).isEmpty();
        assertThat(world.instances).isEmpty();
    }

    @Test
    void sandboxesDoNotSurviveTheirHost() throws Exception {
        LocalNode before = start();
        SandboxStatus created = before.create(request());
        abandon(before);
        Path journal = state.resolve("sandboxes/" + created.id() + "/sandbox.json");
        Files.writeString(journal, Files.readString(journal).replace(Journal.bootId(), "another boot"));
        start();
        await(() -> events.contains("ended " + created.id() + " HOST_RESTARTED"));
        assertThat(world.instances).isEmpty();
    }

    @Test
    void aGracefulStopKeepsWhatIsSomebodysAndDrainsTheRest() {
        warm = 2;
        LocalNode node = start();
        SandboxStatus created = node.create(request());
        await(() -> node.status().warm() == 2);
        node.close();
        assertThat(world.instances).containsOnlyKeys(created.id());
        assertThat(world.slots).hasSize(1);
        assertThatKind(NodeException.Kind.UNAVAILABLE, () -> node.create(request()));
        assertThat(start().find(created.id())).isPresent();
    }

    /** As close to a kill -9 as a test in one process gets: nothing is closed or drained, and that node does nothing more. */
    private void abandon(LocalNode node) {
        nodes.remove(node);
        node.stopActing();
    }

    private static CreateSandbox with(
            CreateSandbox from, TemplateId template, Optional<Isolation> runtime, NetworkPolicy network) {
        return new CreateSandbox(
                UUID.randomUUID(),
                from.teamId(),
                template,
                from.buildId(),
                from.resources(),
                from.deadline(),
                from.accessToken(),
                from.environment(),
                from.metadata(),
                network,
                from.weakestIsolation(),
                runtime);
    }

    private static void assertThatKind(NodeException.Kind kind, Runnable call) {
        assertThat(catchNodeException(call).map(NodeException::kind)).contains(kind);
    }

    private static Optional<NodeException> catchNodeException(Runnable call) {
        try {
            call.run();
            return Optional.empty();
        } catch (NodeException e) {
            return Optional.of(e);
        }
    }

    private static void awaitLatch(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            try {
                Thread.sleep(5);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
