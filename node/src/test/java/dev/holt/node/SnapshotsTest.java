package dev.holt.node;

import static dev.holt.node.NodeHarness.WITH_MEMORY;
import static dev.holt.node.NodeHarness.await;
import static dev.holt.node.NodeHarness.capture;
import static dev.holt.node.NodeHarness.failure;
import static dev.holt.node.NodeHarness.last;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.nodeapi.CaptureSandbox;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Captures, what starts from them, and going back to them. */
@Timeout(60)
final class SnapshotsTest {
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

    private SandboxId from(LocalNode node, SnapshotBuild build, boolean useMemory) {
        return node.create(harness.request(build.template(), build.buildId(), useMemory))
                .id();
    }

    @Test
    void aSnapshotOfARunningSandboxStartsOthersAsItWas() throws IOException {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        SnapshotBuild build = node.capture(id, capture("s1", false));
        assertThat(build.memory()).isEqualTo(MemoryKept.DISK);
        assertThat(build.source()).isEqualTo(id);
        assertThat(build.bytes()).isPositive();
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.RUNNING);
        assertThat(harness.world.instance(id).stands()).isFalse();
        harness.world.instance(id).memory = "other thoughts";
        harness.world.write(id, "later;");
        assertThat(node.snapshots()).containsExactly(build);

        SandboxId memory = from(node, build, true);
        assertThat(harness.world.instance(memory).memory).isEqualTo("thoughts");
        assertThat(harness.world.written(memory)).isEqualTo("files;");
        assertThat(node.find(memory).orElseThrow().template()).isEqualTo(new TemplateId("snap"));
        SandboxId booted = from(node, build, false);
        assertThat(harness.world.instance(booted).memory).isEqualTo("booted");
        assertThat(harness.world.written(booted)).isEqualTo("files;");
        assertThat(last(node, id, SandboxEvent.Type.SNAPSHOT_CREATED).fields())
                .containsEntry("snapshot", "s1")
                .containsEntry("memory", "disk");

        node.pause(memory, true);

        node.awaitIdle(memory);
        node.kill(id, EndReason.KILLED);
        node.deleteSnapshot(build.template(), "s1");
        assertThat(node.resume(memory, WITH_MEMORY).way())
                .as("what started from it needs it no more")
                .isEqualTo(Resumed.Way.RESTORED);
        assertThat(failure(() -> from(node, build, true)).kind()).isEqualTo(NodeException.Kind.NOT_FOUND);
        assertThat(failure(() -> node.deleteSnapshot(build.template(), "s1")).kind())
                .isEqualTo(NodeException.Kind.NOT_FOUND);
        SnapshotBuild second = node.capture(memory, capture("s2", false));
        SandboxId grandchild = from(node, second, true);
        assertThat(harness.world.written(grandchild)).isEqualTo("files;");
    }

    @Test
    void theEnvironmentGoesOnUnlessNamedAnew() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        SnapshotBuild build = node.capture(id, capture("s1", false));
        CreateSandbox request = harness.request(build.template(), "s1", true);
        SandboxId other = node.create(new CreateSandbox(
                        UUID.randomUUID(),
                        "team",
                        request.template(),
                        request.buildId(),
                        request.resources(),
                        request.deadline(),
                        Optional.empty(),
                        Map.of("B", "c"),
                        Map.of(),
                        request.network(),
                        request.lifecycle(),
                        true,
                        Isolation.CONTAINER,
                        Optional.empty()))
                .id();
        assertThat(node.envdSandboxes().find(other).orElseThrow().environment())
                .containsOnly(Map.entry("A", "b"), Map.entry("B", "c"));
    }

    @Test
    void aPausedOneIsCapturedWithoutWakingIt() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        node.pause(id, true);
        node.awaitIdle(id);
        SnapshotBuild build = node.capture(id, capture("s1", false));
        assertThat(build.memory()).isEqualTo(MemoryKept.DISK);
        assertThat(build.stood()).isZero();
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.PAUSED);
        SandboxId other = from(node, build, true);
        assertThat(harness.world.instance(other).memory).isEqualTo("thoughts");
        assertThat(node.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
        assertThat(node.capture(id, new CaptureSandbox(UUID.randomUUID(), new TemplateId("snap"), "s2", false, false))
                        .memory())
                .as("as it was asked for")
                .isEqualTo(MemoryKept.NONE);
    }

    @Test
    void whereMemoryCannotBeKeptOnlyTheFileSystemIs() {
        harness.world.keepsMemory = false;
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        SnapshotBuild build = node.capture(id, capture("s1", false));
        assertThat(build.memory()).isEqualTo(MemoryKept.NONE);
        assertThat(harness.world.instance(id).stands()).isFalse();
        SandboxId other = from(node, build, true);
        assertThat(harness.world.instance(other).memory).isEqualTo("booted");
        node.pause(id, true);
        node.awaitIdle(id);
        node.capture(id, capture("s2", false));
        assertThat(harness.world.instance(id).frozen).as("it stands on").isTrue();
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {
                "CAPTURE_JOURNAL",
                "CAPTURE_HELD",
                "CAPTURE_STANDS",
                "CAPTURE_MEMORY",
                "CAPTURE_DISK",
                "CAPTURE_GOES_ON",
                "CAPTURE_SUMMED"
            })
    void aCaptureThatFailsLeavesTheSandboxAsItWasAndNothingOfTheBuild(StateStep step) {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        harness.failAt(step);
        CaptureSandbox request = capture("s1", false);
        assertThat(failure(() -> node.capture(id, request)).getMessage()).contains("failed after " + step);
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.RUNNING);
        assertThat(harness.world.instance(id).stands()).isFalse();
        assertThat(node.snapshots()).isEmpty();
        assertThat(state.resolve("snapshots/snap")).doesNotExist();
        SnapshotBuild build = node.capture(id, request);
        assertThat(node.capture(id, request))
                .as("the same request is one build")
                .isEqualTo(build);
        assertThat(failure(() -> node.capture(id, capture("s1", false))).kind())
                .as("another with its name")
                .isEqualTo(NodeException.Kind.UNAVAILABLE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"suspend", "checkpoint", "sync"})
    void aPartThatFailsLeavesTheSandboxAsItWas(String part) {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        harness.world.failing = Optional.of(part);
        NodeException failure = failure(() -> node.capture(id, capture("s1", false)));
        harness.world.failing = Optional.empty();
        assertThat(failure).hasMessageContaining(part + " is broken").hasMessageContaining("running");
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.RUNNING);
        assertThat(NodeHarness.types(node, id)).contains(SandboxEvent.Type.SNAPSHOT_FAILED);
        harness.world.write(id, "goes on;");
    }

    @Test
    void whatDoesNotGoOnAfterACaptureIsLost() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        harness.world.failing = Optional.of("proceed");
        failure(() -> node.capture(id, capture("s1", false)));
        harness.world.failing = Optional.empty();
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.LOST);
        assertThat(node.recover(id).way()).isEqualTo(Resumed.Way.BOOTED);
    }

    @Test
    void passingBuildsAreForForksOnly() throws Exception {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        SnapshotBuild build = node.capture(id, capture("fork", true));
        assertThat(node.snapshots()).isEmpty();
        List<Future<SandboxStatus>> forks = new ArrayList<>();
        try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 20; i++) {
                forks.add(callers.submit(() -> node.create(harness.request(build.template(), "fork", true))));
            }
        }
        node.deleteSnapshot(build.template(), "fork");
        assertThat(state.resolve("snapshots/snap")).doesNotExist();
        for (Future<SandboxStatus> fork : forks) {
            assertThat(harness.world.instance(fork.get().id()).memory).isEqualTo("thoughts");
        }
        node.capture(id, capture("left", true));
        harness.abandon(node);
        LocalNode after = harness.start();
        assertThat(state.resolve("snapshots/snap")).as("gone by the next start").doesNotExist();
        assertThat(after.list()).hasSize(21);
    }

    @Test
    void aBuildThatIsDeletedWhileOneStartsFromItStaysUntilThatHasStarted() throws Exception {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        SnapshotBuild build = node.capture(id, capture("s1", false));
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        harness.steps = (step, sandbox) -> {
            if (step == CreateStep.SLOT) {
                inside.countDown();
                await(goOn);
            }
        };
        try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<SandboxId> creating = callers.submit(() -> from(node, build, true));
            await(inside);
            node.deleteSnapshot(build.template(), "s1");
            assertThat(node.snapshots()).isEmpty();
            goOn.countDown();
            assertThat(harness.world.instance(creating.get()).memory).isEqualTo("thoughts");
        }
        assertThat(state.resolve("snapshots/snap")).doesNotExist();
    }

    @Test
    void damagedFilesOfABuildAreToldByNameAndNothingStarts() throws IOException {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        SnapshotBuild build = node.capture(id, capture("s1", false));
        Path home = state.resolve("snapshots/snap/s1");
        Path image = home.resolve("memory/checkpoint.img");
        Files.writeString(image, "rubbish!");
        NodeException damaged = failure(() -> from(node, build, true));
        assertThat(damaged.kind()).isEqualTo(NodeException.Kind.UNAVAILABLE);
        assertThat(damaged).hasMessageContaining(image.toString()).hasMessageContaining("checksum");
        assertThat(from(node, build, false)).as("its file system is whole").isNotNull();
        Files.delete(home.resolve("disk.ext4"));
        assertThat(failure(() -> from(node, build, false)))
                .hasMessageContaining("disk.ext4")
                .hasMessageContaining("missing");
        assertThat(node.list()).hasSize(2);
    }

    @Test
    void buildsSurviveARestartAndWhatIsHalfDoneDoesNot() throws IOException {
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        SnapshotBuild build = before.capture(id, capture("s1", false));
        SnapshotBuild other = before.capture(id, capture("s2", false));
        before.deleteSnapshot(other.template(), "s2");
        harness.abandon(before);
        Files.createDirectories(state.resolve("snapshots/snap/.unfinished-x/memory"));
        Files.createDirectories(state.resolve("snapshots/snap/.deleted-y"));

        Files.createDirectories(state.resolve("snapshots/snap/norecord"));
        Files.writeString(state.resolve("snapshots/.blobs/aaaa"), "nobody's");
        LocalNode after = harness.start();
        assertThat(after.snapshots()).containsExactly(build);
        assertThat(state.resolve("snapshots/snap")).isDirectoryNotContaining(path -> !path.endsWith("s1"));
        assertThat(state.resolve("snapshots/.blobs")).isDirectoryNotContaining(path -> path.endsWith("aaaa"));
        assertThat(harness.world.instance(from(after, build, true)).memory).isEqualTo("thoughts");
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {"CAPTURE_JOURNAL", "CAPTURE_STANDS", "CAPTURE_MEMORY", "CAPTURE_GOES_ON", "CAPTURE_SUMMED"})
    void aDaemonThatDiesInACaptureLeavesTheSandboxRunning(StateStep step) throws Exception {
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        CountDownLatch dead = harness.dieAt(step);
        Thread.ofVirtual().start(() -> before.capture(id, capture("s1", false)));
        await(dead);
        harness.abandon(before);
        LocalNode after = harness.start();
        assertThat(harness.state(after, id)).isEqualTo(SandboxState.RUNNING);
        assertThat(harness.world.instance(id).stands()).isFalse();
        assertThat(after.snapshots()).isEmpty();
        assertThat(state.resolve("snapshots/snap")).doesNotExist();
        after.capture(id, capture("s1", false));
    }

    @Test
    void itIsRolledBackToItsSnapshot() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        SnapshotBuild build = node.capture(id, capture("s1", false));
        harness.world.instance(id).memory = "wrong turn";
        harness.world.write(id, "wrong files;");
        Resumed back = node.rollback(id, build.template(), "s1");
        assertThat(back.way()).isEqualTo(Resumed.Way.RESTORED);
        assertThat(back.sandbox().id()).isEqualTo(id);
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
        assertThat(harness.world.written(id)).isEqualTo("files;");
        assertThat(node.status().sandboxes()).isEqualTo(1);
        harness.world.write(id, "again;");
        node.pause(id, true);
        node.awaitIdle(id);
        Resumed again = node.rollback(id, build.template(), "s1");
        assertThat(again.sandbox().state()).as("a paused one runs then").isEqualTo(SandboxState.RUNNING);
        assertThat(harness.world.written(id)).isEqualTo("files;");
        assertThat(NodeHarness.types(node, id)).contains(SandboxEvent.Type.ROLLED_BACK);

        SandboxId other = harness.running(node);
        assertThat(failure(() -> node.rollback(other, build.template(), "s1")).kind())
                .as("not its own")
                .isEqualTo(NodeException.Kind.INVALID);
        assertThat(failure(() -> node.rollback(id, build.template(), "none")).kind())
                .isEqualTo(NodeException.Kind.NOT_FOUND);
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {"ROLLBACK_VERIFIED", "ROLLBACK_JOURNAL", "ROLLBACK_COPIED"})
    void aRollbackThatFailsEarlyChangesNothing(StateStep step) {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        SnapshotBuild build = node.capture(id, capture("s1", false));
        harness.world.write(id, "newer;");
        harness.failAt(step);
        assertThat(failure(() -> node.rollback(id, build.template(), "s1")))
                .hasMessageContaining("is running")
                .hasMessageContaining("failed after " + step);
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.RUNNING);
        assertThat(harness.world.written(id)).isEqualTo("files;newer;");
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
        node.rollback(id, build.template(), "s1");
        assertThat(harness.world.written(id)).isEqualTo("files;");
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {"ROLLBACK_STOPPED", "ROLLBACK_SWAPPED", "RESUME_SLOT", "RESUME_INSTANCE", "RESUME_AGENT"})
    void aRollbackThatFailsLateGivesTheFilesBack(StateStep step) {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        SnapshotBuild build = node.capture(id, capture("s1", false));
        harness.world.write(id, "newer;");
        harness.failAt(step);
        assertThat(failure(() -> node.rollback(id, build.template(), "s1")))
                .hasMessageContaining("is lost")
                .hasMessageContaining("recover");
        assertThat(harness.state(node, id)).isEqualTo(SandboxState.LOST);
        assertThat(node.status().reservedMemoryMegabytes()).isZero();
        assertThat(node.recover(id).way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(harness.world.written(id)).isEqualTo("files;newer;");

        node.pause(id, true);

        node.awaitIdle(id);
        harness.failAt(step);
        failure(() -> node.rollback(id, build.template(), "s1"));
        assertThat(harness.state(node, id)).as("a paused one stays it").isEqualTo(SandboxState.PAUSED);
        assertThat(node.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
        assertThat(harness.world.written(id)).isEqualTo("files;newer;");
    }

    @Test
    void unusedPassingBuildsGoByThemselves() {
        LocalNode node = harness.start();
        SandboxId id = harness.running(node);
        node.capture(id, capture("fork", true));
        assertThat(state.resolve("snapshots/snap/fork")).isDirectory();
        harness.lifecycle = Lifecycle.killed(Duration.ofDays(1));
        harness.clock.jump(Duration.ofMinutes(2));
        node.create(harness.request(new TemplateId("snap"), "fork", true));
        harness.clock.jump(Duration.ofMinutes(6));
        await(() -> !Files.exists(state.resolve("snapshots/snap")));
    }

    @Test
    void theBuildsThatSandboxesAndSnapshotsStandOnAreKnown() throws IOException {
        LocalNode node = harness.start();
        assertThat(node.buildsInUse()).contains(Set.of());
        SandboxId id = harness.running(node);
        assertThat(node.buildsInUse()).contains(Set.of(FakeWorld.BUILD));
        SnapshotBuild build = node.capture(id, capture("s1", false));
        node.kill(id, EndReason.KILLED);
        await(() -> harness.world.roots.isEmpty());
        assertThat(node.buildsInUse()).as("a snapshot").contains(Set.of(FakeWorld.BUILD));
        SandboxId other = from(node, build, true);
        node.deleteSnapshot(build.template(), "s1");
        node.pause(other, true);
        harness.abandon(node);
        LocalNode next = harness.start();
        assertThat(next.buildsInUse()).as("one that is paused").contains(Set.of(FakeWorld.BUILD));
        next.kill(other, EndReason.KILLED);
        await(() -> next.buildsInUse().orElseThrow().isEmpty());
        harness.abandon(next);

        Path unreadable = Files.createDirectories(state.resolve("snapshots/snap/odd"));
        Files.writeString(unreadable.resolve("build.json"), "{}");
        assertThat(harness.start().buildsInUse()).as("who knows").isEmpty();
        Files.delete(unreadable.resolve("build.json"));
    }
}
