package dev.holt.node;

import static dev.holt.node.NodeHarness.TIMEOUT;
import static dev.holt.node.NodeHarness.WITH_MEMORY;
import static dev.holt.node.NodeHarness.await;
import static dev.holt.node.NodeHarness.failure;
import static dev.holt.node.NodeHarness.last;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.ResumeSandbox;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
final class PauseAndResumeTest {
    @TempDir
    Path state;

    private NodeHarness harness;

    @BeforeEach
    void open() {
        harness = new NodeHarness(state);
    }

    @AfterEach
    void leaveNothing() throws IOException {
        harness.assertNothingLeft();
    }

    private static Path generation(Path state, SandboxId id, int number) {
        return state.resolve("sandboxes/" + id + "/pause/" + number);
    }

    @Test
    void memoryAndFilesAreThereAfterAnyNumberOfRounds() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        SandboxStatus created = node.find(id).orElseThrow();
        StringBuilder files = new StringBuilder("files;");
        for (int round = 1; round <= 5; round++) {
            SandboxStatus paused = node.pause(id, true);
            assertThat(paused.state()).isEqualTo(SandboxState.PAUSED);
            assertThat(paused.pause())
                    .hasValueSatisfying(pause -> assertThat(pause.memory()).isEqualTo(MemoryKept.DISK));
            node.awaitIdle(id);
            assertThat(harness.world.instances).as("nothing runs").isEmpty();
            assertThat(harness.world.mountedRoots).isEmpty();
            assertThat(node.status().sandboxes()).isZero();
            assertThat(node.status().reservedMemoryMegabytes()).isZero();
            assertThat(node.envdSandboxes().find(id)).isEmpty();
            assertThat(failure(() -> open(node, id)).kind()).isEqualTo(NodeException.Kind.CONFLICT);

            Resumed resumed = node.resume(id, WITH_MEMORY);
            assertThat(resumed.way()).isEqualTo(Resumed.Way.RESTORED);
            assertThat(resumed.fallback()).isEmpty();
            assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
            assertThat(harness.world.written(id)).isEqualTo(files.toString());
            assertThat(node.status().sandboxes()).isEqualTo(1);
            assertThat(node.envdSandboxes().find(id)).isPresent();
            files.append(round).append(';');
            harness.world.write(id, round + ";");
        }
        SandboxStatus now = node.find(id).orElseThrow();
        assertThat(now.startedAt()).isEqualTo(created.startedAt());
        assertThat(now.accessToken()).isEqualTo(created.accessToken());
        assertThat(now.metadata()).isEqualTo(created.metadata());
        assertThat(NodeHarness.types(node, id))
                .startsWith(
                        SandboxEvent.Type.CREATED,
                        SandboxEvent.Type.PAUSING,
                        SandboxEvent.Type.PAUSED,
                        SandboxEvent.Type.RESUMING,
                        SandboxEvent.Type.RESUMED);
        assertThat(last(node, id, SandboxEvent.Type.RESUMED).fields()).containsEntry("cause", "api");
        await(() -> harness.heard.contains("paused " + id));
    }

    private static void open(LocalNode node, SandboxId id) {
        try {
            node.open(id, 80).close();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void withoutMemoryItBootsAfresh() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        assertThat(node.pause(id, false).pause().orElseThrow().memory()).isEqualTo(MemoryKept.NONE);
        Resumed resumed = node.resume(id, WITH_MEMORY);
        assertThat(resumed.way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(resumed.fallback()).as("as it was asked for").isEmpty();
        assertThat(harness.world.instance(id).memory).isEqualTo("booted");
        assertThat(harness.world.written(id)).isEqualTo("files;");
        node.pause(id, true);
        node.awaitIdle(id);
        Resumed rescued = node.resume(id, new ResumeSandbox(TIMEOUT, false));
        assertThat(rescued.way()).as("a rescue").isEqualTo(Resumed.Way.BOOTED);
        assertThat(harness.world.checks.get())
                .as("its disk was unmounted in order")
                .isZero();
    }

    @Test
    void aRuntimeThatKeepsNoMemoryOnDiskStandsStill() {
        harness.world.keepsMemory = false;
        harness.limits = new NodeConfig.Limits(2, 4, NodeHarness.SMALL, Duration.ofSeconds(20));
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        assertThat(node.pause(id, true).pause().orElseThrow().memory()).isEqualTo(MemoryKept.HOST);
        assertThat(harness.world.instance(id).frozen).isTrue();
        assertThat(node.status().sandboxes()).as("it does not count").isZero();
        assertThat(node.status().reservedMemoryMegabytes())
                .as("its memory does")
                .isEqualTo(128);
        node.create(harness.request());
        SandboxId other = node.create(harness.request()).id();
        assertThat(failure(() -> node.resume(id, WITH_MEMORY)).kind()).isEqualTo(NodeException.Kind.FULL);
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.PAUSED);
        assertThat(harness.world.instance(id).frozen).isTrue();
        node.kill(other, EndReason.KILLED);
        assertThat(node.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
        assertThat(harness.world.instance(id).frozen).isFalse();
        assertThat(node.envdSandboxes().find(id).orElseThrow().usage().get().cpuCount())
                .as("its agent answers")
                .isEqualTo(1);

        node.pause(id, true);

        node.awaitIdle(id);
        assertThat(node.resume(id, new ResumeSandbox(TIMEOUT, false)).way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(harness.world.instance(id).memory).isEqualTo("booted");

        node.pause(id, true);

        node.awaitIdle(id);
        harness.world.crash(id);
        await(() -> node.find(id).orElseThrow().pause().orElseThrow().memory() == MemoryKept.NONE);
        Resumed resumed = node.resume(id, WITH_MEMORY);
        assertThat(resumed.way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(resumed.fallback()).as("that it lost its memory is told").isPresent();
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {"PAUSE_JOURNAL", "PAUSE_CUT", "PAUSE_STANDS", "PAUSE_MEMORY", "PAUSE_DISK_SYNCED", "PAUSE_SUMMED"})
    void aPauseThatFailsBeforeItsCommitLetsItRunOn(StateStep step) throws IOException {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        harness.failAt(step);
        NodeException failure = failure(() -> node.pause(id, true));
        assertThat(failure.kind()).isEqualTo(NodeException.Kind.UNAVAILABLE);
        assertThat(failure).hasMessageContaining("runs on").hasMessageContaining("failed after " + step);
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.RUNNING);
        assertThat(harness.world.instance(id).stands()).isFalse();
        assertThat(generation(state, id, 1)).doesNotExist();
        harness.world.write(id, "more;");
        assertThat(node.envdSandboxes().find(id).orElseThrow().usage().get().cpuCount())
                .as("its agent answers")
                .isEqualTo(1);
        assertThat(last(node, id, SandboxEvent.Type.PAUSE_FAILED).fields().get("problem"))
                .contains(step.name());
        node.pause(id, true);
        node.awaitIdle(id);
        node.resume(id, WITH_MEMORY);
        assertThat(harness.world.written(id)).isEqualTo("files;more;");
    }

    @ParameterizedTest
    @ValueSource(strings = {"suspend", "checkpoint", "sync"})
    void aPartThatFailsLetsItRunOn(String part) {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        harness.world.failing = Optional.of(part);
        assertThat(failure(() -> node.pause(id, true)))
                .hasMessageContaining(part + " is broken")
                .hasMessageContaining("runs on");
        harness.world.failing = Optional.empty();
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.RUNNING);
        node.pause(id, true);
        node.awaitIdle(id);
    }

    @Test
    void whatCanNeitherBePausedNorGoOnIsLostAndCanBeRecovered() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        harness.steps = (step, sandbox) -> {
            if (step == StateStep.PAUSE_STANDS) {
                harness.world.failing = Optional.of("proceed");
                throw new IllegalStateException("no luck");
            }
        };
        NodeException failure = failure(() -> node.pause(id, true));
        assertThat(failure).hasMessageContaining("lost").hasMessageContaining("recover");
        harness.world.failing = Optional.empty();
        harness.steps = (step, sandbox) -> {};
        SandboxStatus lost = node.find(id).orElseThrow();
        assertThat(lost.state()).isEqualTo(SandboxState.LOST);
        assertThat(lost.problem())
                .hasValueSatisfying(problem -> assertThat(problem).contains("no luck"));
        assertThat(lost.deadline()).isAfterOrEqualTo(harness.clock.instant().plus(Duration.ofHours(24)));
        assertThat(node.status().sandboxes()).isZero();
        assertThat(failure(() -> node.resume(id, WITH_MEMORY)).kind()).isEqualTo(NodeException.Kind.CONFLICT);
        assertThat(failure(() -> node.pause(id, true)).kind()).isEqualTo(NodeException.Kind.CONFLICT);
        Resumed recovered = node.recover(id);
        assertThat(recovered.way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(harness.world.written(id)).isEqualTo("files;");
        assertThat(NodeHarness.types(node, id)).contains(SandboxEvent.Type.LOST, SandboxEvent.Type.RECOVERED);
        assertThat(failure(() -> node.recover(id)).kind()).isEqualTo(NodeException.Kind.CONFLICT);
    }

    @Test
    void aCommittedPauseWhoseFreeingFailsIsFinishedLater() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        harness.world.failingEnds.set(2);
        assertThat(node.pause(id, true).state()).isEqualTo(SandboxState.PAUSED);
        await(() -> !harness.world.instances.containsKey(id));
        assertThat(node.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
        assertThat(harness.world.written(id)).isEqualTo("files;");
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {
                "PAUSE_COMMITTED",
                "PAUSE_COMMIT_JOURNAL",
                "PAUSE_INSTANCE_GONE",
                "PAUSE_AT_REST",
                "PAUSE_DISK_SUMMED"
            })
    void aFailureAfterTheCommitIsFinishedLater(StateStep step) {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        harness.failAt(step);
        SandboxStatus paused = node.pause(id, true);
        assertThat(paused.state()).isEqualTo(SandboxState.PAUSED);
        assertThat(paused.pause().orElseThrow().memory()).isEqualTo(MemoryKept.DISK);
        await(() -> !harness.world.mountedRoots.contains(id));
        assertThat(node.status().sandboxes()).isZero();
        assertThat(node.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
    }

    @Test
    void aResumeFinishesWhatThePauseCouldNotFree() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        harness.failAt(StateStep.PAUSE_COMMIT_JOURNAL);
        node.pause(id, true);
        node.awaitIdle(id);
        assertThat(node.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
        assertThat(harness.world.written(id)).isEqualTo("files;");
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {"RESUME_RESERVED", "RESUME_JOURNAL", "RESUME_VERIFIED", "RESUME_MOUNTED", "RESUME_SLOT"})
    void aResumeThatFailsBeforeAGuestRunsLeavesItPaused(StateStep step) {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        node.pause(id, true);
        node.awaitIdle(id);
        harness.failAt(step);
        NodeException failure = failure(() -> node.resume(id, WITH_MEMORY));
        assertThat(failure.kind()).isEqualTo(NodeException.Kind.UNAVAILABLE);
        assertThat(failure).hasMessageContaining("stays paused").hasMessageContaining("failed after " + step);
        SandboxStatus paused = node.find(id).orElseThrow();
        assertThat(paused.state()).isEqualTo(SandboxState.PAUSED);
        assertThat(paused.pause().orElseThrow().memory()).isEqualTo(MemoryKept.DISK);
        assertThat(node.status().sandboxes()).isZero();
        assertThat(harness.world.mountedRoots).isEmpty();
        assertThat(node.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {"RESUME_INSTANCE", "RESUME_AGENT", "RESUME_RUNS"})
    void aResumeThatFailsWhenAGuestRanNeverPairsItsMemoryWithAnotherDisk(StateStep step) {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        node.pause(id, true);
        node.awaitIdle(id);
        harness.steps = (taken, sandbox) -> {
            if (taken == step) {
                harness.steps = (other, any) -> {};
                harness.world.write(id, "by a guest that was ended;");
                throw new IllegalStateException("failed after " + step);
            }
        };
        assertThat(failure(() -> node.resume(id, WITH_MEMORY)).kind()).isEqualTo(NodeException.Kind.UNAVAILABLE);
        if (step == StateStep.RESUME_RUNS) {
            return;
        }
        assertThat(node.find(id).orElseThrow().pause().orElseThrow().memory()).isEqualTo(MemoryKept.NONE);
        assertThat(node.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(harness.world.written(id)).isEqualTo("files;by a guest that was ended;");
    }

    @Test
    void aCopyOfTheDiskSavesTheMemoryOverAFailedResume() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        node.pause(id, true);
        node.awaitIdle(id);
        harness.clock.jump(Duration.ofSeconds(3));
        await(() -> Files.exists(generation(state, id, 1).resolve("disk.ext4")));
        await(() -> copyIsTold(id, 1));
        harness.steps = (taken, sandbox) -> {
            if (taken == StateStep.RESUME_AGENT) {
                harness.steps = (other, any) -> {};
                harness.world.write(id, "by a guest that was ended;");
                throw new IllegalStateException("no luck");
            }
        };
        failure(() -> node.resume(id, WITH_MEMORY));
        assertThat(node.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
        assertThat(harness.world.written(id)).isEqualTo("files;");
    }

    private boolean copyIsTold(SandboxId id, int generation) {
        try {
            return Files.readString(generation(state, id, generation).resolve("record.json"))
                    .contains("\"copy\":{");
        } catch (IOException e) {
            return false;
        }
    }

    @Test
    void damagedMemoryIsFoundBeforeUseAndToldByName() throws IOException {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        node.pause(id, true);
        node.awaitIdle(id);
        Path image = generation(state, id, 1).resolve("memory/checkpoint.img");
        Files.writeString(image, "thoughtz");
        Resumed resumed = node.resume(id, WITH_MEMORY);
        assertThat(resumed.way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(resumed.fallback())
                .hasValueSatisfying(
                        why -> assertThat(why).contains(image.toString()).contains("checksum"));
        assertThat(harness.world.written(id)).isEqualTo("files;");
        assertThat(last(node, id, SandboxEvent.Type.FELL_BACK).fields().get("fallback"))
                .contains(image.toString());

        node.pause(id, true);

        node.awaitIdle(id);
        Path record = generation(state, id, 2).resolve("record.json");
        Files.writeString(record, Files.readString(record).replace("\"version\":1", "\"version\":99"));
        assertThat(node.resume(id, WITH_MEMORY).fallback())
                .hasValueSatisfying(
                        why -> assertThat(why).contains("version 99").contains("version 1"));

        node.pause(id, true);

        node.awaitIdle(id);
        Files.delete(generation(state, id, 3).resolve("memory/checkpoint.img"));
        assertThat(node.resume(id, WITH_MEMORY).fallback())
                .hasValueSatisfying(why -> assertThat(why).contains("checkpoint.img' is missing"));
    }

    @Test
    void aDamagedPauseFallsBackToTheOneBeforeAndKeepsTheNewestFiles() throws IOException {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        node.pause(id, true);
        node.awaitIdle(id);
        harness.clock.jump(Duration.ofSeconds(3));
        await(() -> copyIsTold(id, 1));
        node.resume(id, WITH_MEMORY);
        harness.world.instance(id).memory = "later thoughts";
        harness.world.write(id, "later files;");
        node.pause(id, true);
        node.awaitIdle(id);
        Files.writeString(generation(state, id, 2).resolve("memory/checkpoint.img"), "rubbish");
        Resumed resumed = node.resume(id, WITH_MEMORY);
        assertThat(resumed.way()).isEqualTo(Resumed.Way.PREVIOUS);
        assertThat(resumed.fallback()).hasValueSatisfying(why -> assertThat(why).contains("checkpoint.img"));
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
        assertThat(harness.world.written(id)).isEqualTo("files;");
        assertThat(Files.readString(generation(state, id, 1).resolve("disk.ext4")))
                .as("the newest files are not given up")
                .contains("later files;");
    }

    @Test
    void aMissingDiskIsToldByNameAndNothingElseChanges() throws IOException {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        node.pause(id, true);
        node.awaitIdle(id);
        Path image = state.resolve("fake-disks/" + id + "/image.ext4");
        Files.move(image, image.resolveSibling("away"));
        NodeException failure = failure(() -> node.resume(id, WITH_MEMORY));
        assertThat(failure.kind()).isEqualTo(NodeException.Kind.UNAVAILABLE);
        assertThat(failure).hasMessageContaining(image.toString());
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.PAUSED);
        Files.move(image.resolveSibling("away"), image);
        assertThat(node.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
    }

    @Test
    void anEngineThatFailsOnceIsAskedAgain() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        node.pause(id, true);
        node.awaitIdle(id);
        AtomicInteger tries = new AtomicInteger();
        harness.steps = (step, sandbox) -> {
            if (step == StateStep.RESUME_SLOT) {
                harness.world.failing = tries.incrementAndGet() == 1 ? Optional.of("restore") : Optional.empty();
            }
        };
        assertThat(node.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
        node.pause(id, true);
        node.awaitIdle(id);
        harness.steps = (step, sandbox) -> {};
        harness.world.failing = Optional.of("restore");
        Resumed booted = node.resume(id, WITH_MEMORY);
        assertThat(booted.way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(booted.fallback()).hasValueSatisfying(why -> assertThat(why).contains("restore is broken"));
    }

    @Test
    void manyWakeOneSandbox() throws Exception {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        node.pause(id, true);
        node.awaitIdle(id);
        int before = harness.world.started.get();
        List<Future<Resumed>> answers = new ArrayList<>();
        try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 1000; i++) {
                boolean traffic = i % 2 == 0;
                answers.add(callers.submit(() -> traffic ? node.wake(id, 8000) : node.resume(id, WITH_MEMORY)));
            }
        }
        for (Future<Resumed> answer : answers) {
            assertThat(answer.get().sandbox().state()).isEqualTo(SandboxState.RUNNING);
        }
        assertThat(harness.world.started.get()).as("one resume").isEqualTo(before + 1);
        assertThat(node.wake(id, 8000).way()).isEqualTo(Resumed.Way.RAN);
    }

    @Test
    void trafficWakesOnlyWhatItMayWake() {
        harness.lifecycle = new Lifecycle(Lifecycle.OnTimeout.PAUSE, true, false, Duration.ofSeconds(1));
        LocalNode node = harness.start();
        SandboxId shy = harness.running(node);
        node.pause(shy, true);
        node.awaitIdle(shy);
        assertThat(failure(() -> node.wake(shy, 80)).kind()).isEqualTo(NodeException.Kind.CONFLICT);
        harness.lifecycle = new Lifecycle(Lifecycle.OnTimeout.PAUSE, true, true, Duration.ofSeconds(1));
        SandboxId open = harness.running(node);
        node.pause(open, true);
        node.awaitIdle(open);
        Resumed woken = node.wake(open, 8000);
        assertThat(woken.sandbox().deadline()).isEqualTo(harness.clock.instant().plusSeconds(300));
        assertThat(last(node, open, SandboxEvent.Type.RESUMED).fields())
                .containsEntry("cause", "traffic")
                .containsEntry("port", "8000");
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {"RESUME_MOUNTED", "ROLLBACK_STOPPED"})
    void trafficWaitsForWhatSomebodyElseBringsBack(StateStep step) throws Exception {
        harness.lifecycle = new Lifecycle(Lifecycle.OnTimeout.PAUSE, true, false, TIMEOUT);
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        boolean rollback = step == StateStep.ROLLBACK_STOPPED;
        if (rollback) {
            node.capture(id, NodeHarness.capture("s1", false));
        } else {
            node.pause(id, true);
        }
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        harness.steps = (taken, sandbox) -> {
            if (taken == step) {
                inside.countDown();
                await(goOn);
            }
        };
        try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Resumed> back = callers.submit(
                    () -> rollback ? node.rollback(id, new TemplateId("snap"), "s1") : node.resume(id, WITH_MEMORY));
            await(inside);
            Future<Resumed> traffic = callers.submit(() -> node.wake(id, 8000));
            goOn.countDown();
            assertThat(traffic.get().way()).isEqualTo(Resumed.Way.RAN);
            assertThat(back.get().sandbox().state()).isEqualTo(SandboxState.RUNNING);
        }
    }

    @Test
    void itIsPausedAtItsDeadline() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        harness.clock.jump(TIMEOUT);
        await(() -> NodeHarness.types(node, id).contains(SandboxEvent.Type.PAUSED));
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.PAUSED);
        assertThat(last(node, id, SandboxEvent.Type.PAUSED).fields()).containsEntry("cause", "timeout");
        Resumed resumed = node.resume(id, WITH_MEMORY);
        assertThat(resumed.sandbox().deadline())
                .isEqualTo(harness.clock.instant().plus(TIMEOUT));
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");

        harness.lifecycle = new Lifecycle(Lifecycle.OnTimeout.PAUSE, false, false, TIMEOUT);
        SandboxId forgetful = harness.running(node);
        node.setDeadline(forgetful, harness.clock.instant(), TIMEOUT);
        await(() -> harness.state(node, forgetful) == SandboxState.PAUSED);
        assertThat(node.find(forgetful).orElseThrow().pause().orElseThrow().memory())
                .isEqualTo(MemoryKept.NONE);
    }

    @Test
    void aPauseAtTheDeadlineThatFailsIsTriedAgainAfterABoundedTime() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        harness.world.failing = Optional.of("checkpoint");
        harness.clock.jump(TIMEOUT);
        await(() -> NodeHarness.types(node, id).contains(SandboxEvent.Type.TIMEOUT_CHANGED));
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.RUNNING);
        assertThat(node.find(id).orElseThrow().deadline())
                .isEqualTo(harness.clock.instant().plusSeconds(30));
        harness.world.failing = Optional.empty();
        harness.clock.jump(Duration.ofSeconds(30));
        await(() -> harness.state(node, id) == SandboxState.PAUSED);
        node.resume(id, WITH_MEMORY);
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
    }

    @Test
    void aPauseAtTheDeadlineGivesWayToAKill() throws Exception {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        harness.steps = (taken, sandbox) -> {
            if (taken == StateStep.PAUSE_STANDS) {
                inside.countDown();
                await(goOn);
            }
        };
        harness.clock.jump(TIMEOUT);
        await(inside);
        try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<?> kill = callers.submit(() -> node.kill(id, EndReason.KILLED));
            await(() -> NodeHarness.isEndWanted(node, id));
            goOn.countDown();
            kill.get();
        }
        assertThat(node.find(id)).isEmpty();
        assertThat(NodeHarness.types(node, id))
                .as("nobody says that it runs on")
                .endsWith(SandboxEvent.Type.KILLED)
                .doesNotContain(SandboxEvent.Type.TIMEOUT_CHANGED);
    }

    @Test
    void whatTakesTooLongIsEnded() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        harness.steps = (step, sandbox) -> {
            if (step == StateStep.PAUSE_MEMORY) {
                try {
                    harness.clock.jump(Duration.ofMinutes(10));
                    new CountDownLatch(1).await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new IllegalStateException("ended", e);
                }
            }
        };
        assertThat(failure(() -> node.pause(id, true)))
                .hasMessageContaining("longer than it may")
                .hasMessageContaining("runs on");
        harness.steps = (step, sandbox) -> {};
        assertThat(harness.world.instance(id).stands()).isFalse();
        await(() -> harness.state(node, id) == SandboxState.PAUSED); // its own deadline has come meanwhile
    }

    @Test
    void killWinsOverEverythingAtTheNextStep() throws Exception {
        LocalNode node = harness.start();
        for (StateStep step : List.of(
                StateStep.PAUSE_CUT,
                StateStep.PAUSE_MEMORY,
                StateStep.PAUSE_SUMMED,
                StateStep.RESUME_VERIFIED,
                StateStep.RESUME_SLOT,
                StateStep.RESUME_AGENT)) {
            SandboxId id = harness.running(node);
            boolean resume = step.name().startsWith("RESUME");
            if (resume) {
                node.pause(id, true);
                node.awaitIdle(id);
            }
            CountDownLatch inside = new CountDownLatch(1);
            CountDownLatch goOn = new CountDownLatch(1);
            harness.steps = (taken, sandbox) -> {
                if (taken == step) {
                    inside.countDown();
                    await(goOn);
                }
            };
            try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
                Future<NodeException> flow = callers.submit(() -> failure(() -> {
                    if (resume) {
                        node.resume(id, WITH_MEMORY);
                    } else {
                        node.pause(id, true);
                        node.awaitIdle(id);
                    }
                }));
                await(inside);
                Future<?> kill = callers.submit(() -> node.kill(id, EndReason.KILLED));
                await(() -> NodeHarness.isEndWanted(node, id));
                goOn.countDown();
                kill.get();
                assertThat(flow.get().kind()).as("after " + step).isEqualTo(NodeException.Kind.NOT_FOUND);
            }
            harness.steps = (taken, sandbox) -> {};
            assertThat(node.find(id)).as("after " + step).isEmpty();
            assertThat(harness.world.instances).as("after " + step).doesNotContainKey(id);
            assertThat(last(node, id, SandboxEvent.Type.KILLED).fields()).containsEntry("cause", "api");
        }
        await(() -> harness.world.roots.isEmpty());
        assertThat(node.status().reservedMemoryMegabytes()).isZero();
    }

    @Test
    void aPausedOneIsKilledWithAllThatIsKeptOfIt() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        node.pause(id, true);
        node.awaitIdle(id);
        node.kill(id, EndReason.KILLED);
        assertThat(node.find(id)).isEmpty();
        await(() -> !Files.exists(state.resolve("sandboxes/" + id)));
        await(() -> !Files.exists(state.resolve("fake-disks/" + id)));
        assertThat(failure(() -> node.resume(id, WITH_MEMORY)).kind()).isEqualTo(NodeException.Kind.NOT_FOUND);
        assertThat(node.events(id)).isNotEmpty();
    }

    @Test
    void racingCallsEachGetARightAnswer() throws Exception {
        LocalNode node = harness.start();
        for (int round = 0; round < 20; round++) {
            SandboxId id = harness.running(node);
            List<Future<String>> answers = new ArrayList<>();
            try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
                for (int i = 0; i < 4; i++) {
                    answers.add(callers.submit(() -> answer(() -> node.pause(id, true))));
                    answers.add(callers.submit(() -> answer(() -> node.resume(id, WITH_MEMORY))));
                    answers.add(callers.submit(() -> answer(
                            () -> node.setDeadline(id, harness.clock.instant().plus(TIMEOUT), TIMEOUT))));
                }
                if (round % 2 == 0) {
                    answers.add(callers.submit(() -> answer(() -> node.kill(id, EndReason.KILLED))));
                }
            }
            for (Future<String> answer : answers) {
                assertThat(answer.get()).isIn("done", "CONFLICT", round % 2 == 0 ? "NOT_FOUND" : "CONFLICT");
            }
            if (round % 2 == 0) {
                assertThat(node.find(id)).isEmpty();
            } else {
                assertThat(harness.state(node, id)).isIn(SandboxState.RUNNING, SandboxState.PAUSED);
                node.resume(id, WITH_MEMORY);
                assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
                node.kill(id, EndReason.KILLED);
            }
        }
    }

    private static String answer(Runnable call) {
        try {
            call.run();
            return "done";
        } catch (NodeException e) {
            return e.kind().name();
        }
    }

    @Test
    void aCrashAfterAPauseIsNotTheEnd() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        node.pause(id, true);
        node.awaitIdle(id);
        node.resume(id, WITH_MEMORY);
        harness.world.write(id, "newest;");
        harness.world.crash(id);
        await(() -> harness.state(node, id) == SandboxState.LOST);
        assertThat(node.recover(id).way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(harness.world.written(id)).as("the newest files").isEqualTo("files;newest;");
        harness.world.crash(id);
        await(() -> harness.state(node, id) == SandboxState.LOST);
        node.kill(id, EndReason.KILLED);
        assertThat(node.find(id)).isEmpty();
    }
}
