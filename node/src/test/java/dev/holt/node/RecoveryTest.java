package dev.holt.node;

import static dev.holt.node.NodeHarness.WITH_MEMORY;
import static dev.holt.node.NodeHarness.await;
import static dev.holt.node.NodeHarness.capture;
import static dev.holt.node.NodeHarness.last;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.ResumeSandbox;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A daemon that is killed at any step, and a host that restarts: what the next daemon makes of it. */
@Timeout(60)
final class RecoveryTest {
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

    private void dieIn(LocalNode node, StateStep step, Runnable flow) {
        CountDownLatch dead = harness.dieAt(step);
        Thread.ofVirtual().start(flow);
        await(dead);
        harness.abandon(node);
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {"PAUSE_JOURNAL", "PAUSE_CUT", "PAUSE_STANDS", "PAUSE_MEMORY", "PAUSE_DISK_SYNCED", "PAUSE_SUMMED"})
    void beforeThePausesCommitItRunsOn(StateStep step) {
        for (boolean keepMemory : new boolean[] {true, false}) {
            LocalNode before = harness.start();
            SandboxId id = harness.running(before);
            dieIn(before, step, () -> before.pause(id, keepMemory));
            LocalNode after = harness.start();
            assertThat(harness.state(after, id)).isEqualTo(SandboxState.RUNNING);
            assertThat(harness.world.instance(id).stands()).isFalse();
            assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
            assertThat(state.resolve("sandboxes/" + id + "/pause/1")).doesNotExist();
            assertThat(last(after, id, SandboxEvent.Type.PAUSE_FAILED).fields()).containsEntry("cause", "restart");
            harness.world.write(id, "more;");
            after.pause(id, true);
            after.awaitIdle(id);
            after.resume(id, WITH_MEMORY);
            assertThat(harness.world.written(id)).isEqualTo("files;more;");
            harness.abandon(after);
        }
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
    void fromThePausesCommitOnItIsPaused(StateStep step) {
        for (boolean keepMemory : new boolean[] {true, false}) {
            LocalNode before = harness.start();
            SandboxId id = harness.running(before);
            dieIn(before, step, () -> before.pause(id, keepMemory));
            LocalNode after = harness.start();
            SandboxStatus paused = after.find(id).orElseThrow();
            assertThat(paused.state()).isEqualTo(SandboxState.PAUSED);
            assertThat(paused.pause().orElseThrow().memory()).isEqualTo(keepMemory ? MemoryKept.DISK : MemoryKept.NONE);
            assertThat(harness.world.instances).doesNotContainKey(id);
            assertThat(harness.world.mountedRoots).doesNotContain(id);
            Resumed resumed = after.resume(id, WITH_MEMORY);
            assertThat(resumed.way()).isEqualTo(keepMemory ? Resumed.Way.RESTORED : Resumed.Way.BOOTED);
            assertThat(resumed.fallback()).isEmpty();
            assertThat(harness.world.written(id)).isEqualTo("files;");
            harness.abandon(after);
        }
    }

    @Test
    void whatRunsGoesOnWhenItsRuntimeIsNotOfferedAnyMore() {
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        harness.abandon(before);
        LocalNode after = harness.start(false, Optional.of(Isolation.CONTAINER));
        assertThat(after.status().isolations()).isEmpty();
        assertThat(harness.state(after, id)).isEqualTo(SandboxState.RUNNING);
        after.pause(id, true);
        after.awaitIdle(id);
        after.resume(id, WITH_MEMORY);
        assertThat(harness.world.written(id)).isEqualTo("files;");
        assertThatThrownBy(() -> harness.running(after)).hasMessageContaining("this node offers []");
    }

    @Test
    void whatStandsStillInMemoryIsTakenOverAsItIs() {
        harness.world.keepsMemory = false;
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        SandboxId cut = harness.running(before);
        before.pause(id, true);
        before.awaitIdle(id);
        dieIn(before, StateStep.PAUSE_COMMITTED, () -> before.pause(cut, true));
        LocalNode after = harness.start();
        for (SandboxId each : new SandboxId[] {id, cut}) {
            assertThat(harness.state(after, each)).isEqualTo(SandboxState.PAUSED);
            assertThat(harness.world.instance(each).frozen).isTrue();
            assertThat(after.resume(each, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
            assertThat(harness.world.instance(each).memory).isEqualTo("thoughts");
        }
        after.pause(id, true);
        after.awaitIdle(id);
        harness.abandon(after);
        harness.world.crash(id);
        LocalNode last = harness.start();
        assertThat(last.find(id).orElseThrow().pause().orElseThrow().memory()).isEqualTo(MemoryKept.NONE);
        Resumed resumed = last.resume(id, WITH_MEMORY);
        assertThat(resumed.way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(resumed.fallback()).hasValueSatisfying(why -> assertThat(why).contains("has ended"));
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {"RESUME_JOURNAL", "RESUME_VERIFIED", "RESUME_MOUNTED", "RESUME_SLOT"})
    void beforeAGuestRunsAResumeIsUndone(StateStep step) {
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        before.pause(id, true);
        before.awaitIdle(id);
        dieIn(before, step, () -> before.resume(id, WITH_MEMORY));
        LocalNode after = harness.start();
        assertThat(harness.state(after, id)).isEqualTo(SandboxState.PAUSED);
        assertThat(after.status().sandboxes()).isZero();
        assertThat(harness.world.mountedRoots).isEmpty();
        Resumed resumed = after.resume(id, WITH_MEMORY);
        assertThat(resumed.way()).isEqualTo(Resumed.Way.RESTORED);
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
        assertThat(harness.world.written(id)).isEqualTo("files;");
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {"RESUME_JOURNAL", "RESUME_VERIFIED", "RESUME_MOUNTED", "RESUME_SLOT"})
    void soIsOneThatBoots(StateStep step) {
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        before.pause(id, false);
        dieIn(before, step, () -> before.resume(id, WITH_MEMORY));
        LocalNode after = harness.start();
        assertThat(harness.state(after, id)).isEqualTo(SandboxState.PAUSED);
        assertThat(harness.world.mountedRoots).isEmpty();
        assertThat(after.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(harness.world.written(id)).isEqualTo("files;");
        assertThat(harness.world.checks.get())
                .as("its disk was unmounted in order, and what it is then is known")
                .isZero();
    }

    @Test
    void aBootInPlaceOfWhatStoodStillIsUndone() {
        harness.world.keepsMemory = false;
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        before.pause(id, true);
        harness.world.crash(id);
        NodeHarness.await(
                () -> before.find(id).orElseThrow().pause().orElseThrow().memory() == MemoryKept.NONE);
        dieIn(before, StateStep.RESUME_MOUNTED, () -> before.resume(id, WITH_MEMORY));
        LocalNode after = harness.start();
        assertThat(after.find(id).orElseThrow().pause().orElseThrow().memory()).isEqualTo(MemoryKept.NONE);
        assertThat(after.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(harness.world.written(id)).isEqualTo("files;");
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {"RESUME_INSTANCE", "RESUME_AGENT", "RESUME_RUNS"})
    void aGuestThatRunsIsTakenOver(StateStep step) {
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        before.pause(id, true);
        before.awaitIdle(id);
        dieIn(before, step, () -> before.resume(id, WITH_MEMORY));
        harness.world.write(id, "meanwhile;");
        LocalNode after = harness.start();
        assertThat(harness.state(after, id)).isEqualTo(SandboxState.RUNNING);
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
        assertThat(after.status().sandboxes()).isEqualTo(1);
        after.pause(id, true);
        after.awaitIdle(id);
        after.resume(id, WITH_MEMORY);
        assertThat(harness.world.written(id)).isEqualTo("files;meanwhile;");
    }

    @Test
    void aGuestThatRanAndDiedLeavesItsFilesOnly() {
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        before.pause(id, true);
        before.awaitIdle(id);
        dieIn(before, StateStep.RESUME_INSTANCE, () -> before.resume(id, WITH_MEMORY));
        harness.world.write(id, "meanwhile;");
        harness.world.mute(id);
        harness.limits = new NodeConfig.Limits(100, 4, NodeHarness.SMALL, Duration.ofMillis(300));
        LocalNode after = harness.start();
        SandboxStatus paused = after.find(id).orElseThrow();
        assertThat(paused.state()).isEqualTo(SandboxState.PAUSED);
        assertThat(paused.pause().orElseThrow().memory()).isEqualTo(MemoryKept.NONE);
        harness.world.mute = false;
        assertThat(after.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(harness.world.written(id)).isEqualTo("files;meanwhile;");
    }

    @ParameterizedTest
    @EnumSource(
            value = StateStep.class,
            names = {
                "ROLLBACK_JOURNAL",
                "ROLLBACK_COPIED",
                "ROLLBACK_STOPPED",
                "ROLLBACK_SWAPPED",
                "RESUME_SLOT",
                "RESUME_INSTANCE",
                "RESUME_AGENT"
            })
    void aRollbackEndsInOneOfTwoTruths(StateStep step) {
        for (boolean paused : new boolean[] {false, true}) {
            LocalNode before = harness.start();
            SandboxId id = harness.running(before);
            SnapshotBuild build = before.capture(id, capture("s" + paused, false));
            harness.world.write(id, "newer;");
            harness.world.instance(id).memory = "newer thoughts";
            if (paused) {
                before.pause(id, true);
                before.awaitIdle(id);
            }
            dieIn(before, step, () -> before.rollback(id, build.template(), build.buildId()));
            LocalNode after = harness.start();
            SandboxState found = harness.state(after, id);
            boolean done = step == StateStep.RESUME_INSTANCE || step == StateStep.RESUME_AGENT;
            boolean early = step == StateStep.ROLLBACK_JOURNAL || step == StateStep.ROLLBACK_COPIED;
            if (done) {
                assertThat(found).isEqualTo(SandboxState.RUNNING);
                assertThat(harness.world.written(id)).isEqualTo("files;");
                assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
            } else if (paused) {
                assertThat(found).isEqualTo(SandboxState.PAUSED);
                assertThat(after.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
                assertThat(harness.world.written(id)).isEqualTo("files;newer;");
                assertThat(harness.world.instance(id).memory).isEqualTo("newer thoughts");
            } else if (early) {
                assertThat(found).isEqualTo(SandboxState.RUNNING);
                assertThat(harness.world.written(id)).isEqualTo("files;newer;");
                assertThat(harness.world.instance(id).memory).isEqualTo("newer thoughts");
            } else {
                assertThat(found).isEqualTo(SandboxState.LOST);
                after.recover(id);
                assertThat(harness.world.written(id)).isEqualTo("files;newer;");
            }
            assertThat(state.resolve("fake-disks/" + id + "/aside.ext4")).doesNotExist();
            after.pause(id, true);
            after.awaitIdle(id);
            assertThat(after.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
            harness.abandon(after);
        }
    }

    @Test
    void afterAHostRestartNothingIsSilentlyGone() {
        LocalNode before = harness.start();
        SandboxId running = harness.running(before);
        SandboxId paused = harness.running(before);
        before.pause(paused, true);
        before.awaitIdle(paused);
        SandboxId warm = before.create(harness.request()).id();
        before.kill(warm, EndReason.KILLED);
        await(() -> !Files.exists(state.resolve("sandboxes/" + warm)));
        harness.abandon(before);
        harness.reboot();
        LocalNode after = harness.start();
        SandboxStatus lost = after.find(running).orElseThrow();
        assertThat(lost.state()).isEqualTo(SandboxState.LOST);
        assertThat(lost.problem()).hasValueSatisfying(why -> assertThat(why).contains("host restarted"));
        assertThat(last(after, running, SandboxEvent.Type.LOST).fields().get("problem"))
                .contains("host restarted");
        harness.clock.jump(NodeHarness.TIMEOUT.multipliedBy(2));
        Resumed recovered = after.recover(running);
        assertThat(recovered.way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(harness.world.checks.get()).as("its disk was checked first").isPositive();
        assertThat(harness.world.written(running)).isEqualTo("files;");
        assertThat(after.resume(paused, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
        assertThat(harness.world.instance(paused).memory).isEqualTo("thoughts");
        assertThat(after.find(warm)).isEmpty();
    }

    @Test
    void aLostOneThatWasToBeKilledAtItsDeadlineIsKeptForADay() {
        harness.lifecycle = Lifecycle.killed(NodeHarness.TIMEOUT);
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        harness.abandon(before);
        harness.reboot();
        LocalNode after = harness.start();
        harness.clock.jump(Duration.ofHours(23));
        assertThat(harness.state(after, id)).isEqualTo(SandboxState.LOST);
        harness.clock.jump(Duration.ofHours(2));
        await(() -> after.find(id).isEmpty());
        await(() -> harness.heard.contains("ended " + id + " TIMEOUT"));
    }

    @Test
    void aPauseThatWasCommittedWhenTheHostStoppedIsPausedAndChecked() {
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        dieIn(before, StateStep.PAUSE_COMMIT_JOURNAL, () -> before.pause(id, true));
        harness.reboot();
        LocalNode after = harness.start();
        assertThat(harness.state(after, id)).isEqualTo(SandboxState.PAUSED);
        Resumed resumed = after.resume(id, WITH_MEMORY);
        assertThat(resumed.way()).isEqualTo(Resumed.Way.RESTORED);
        assertThat(harness.world.checks.get())
                .as("its disk was not unmounted in order")
                .isPositive();
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
    }

    @Test
    void whatStoodStillInMemoryHasOnlyItsFilesAfterAHostRestart() {
        harness.world.keepsMemory = false;
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        before.pause(id, true);
        before.awaitIdle(id);
        harness.abandon(before);
        harness.reboot();
        LocalNode after = harness.start();
        SandboxStatus paused = after.find(id).orElseThrow();
        assertThat(paused.state()).isEqualTo(SandboxState.PAUSED);
        assertThat(paused.pause().orElseThrow().memory()).isEqualTo(MemoryKept.NONE);
        assertThat(last(after, id, SandboxEvent.Type.FELL_BACK).fields().get("problem"))
                .contains("host restarted");
        Resumed resumed = after.resume(id, new ResumeSandbox(NodeHarness.TIMEOUT, true));
        assertThat(resumed.fallback()).hasValueSatisfying(why -> assertThat(why).contains("host restarted"));
        assertThat(harness.world.written(id)).isEqualTo("files;");
        assertThat(harness.world.checks.get()).isPositive();
    }

    @Test
    void aResumeThatTheHostCutShortIsPausedAsItWas() {
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        before.pause(id, true);
        before.awaitIdle(id);
        dieIn(before, StateStep.RESUME_MOUNTED, () -> before.resume(id, WITH_MEMORY));
        harness.reboot();
        LocalNode after = harness.start();
        assertThat(harness.state(after, id)).isEqualTo(SandboxState.PAUSED);
        assertThat(after.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.RESTORED);
    }

    @Test
    void aSandboxWhoseTemplateIsGoneIsLostAndSaysWhatItNeeds() throws IOException {
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        harness.abandon(before);
        harness.world.templateGone = true;
        LocalNode after = harness.start();
        assertThat(harness.state(after, id)).isEqualTo(SandboxState.LOST);
        harness.world.templateGone = false;
        harness.abandon(after);
        LocalNode last = harness.start();
        assertThat(last.recover(id).way()).isEqualTo(Resumed.Way.BOOTED);
        assertThat(harness.world.written(id)).isEqualTo("files;");
    }

    @Test
    void theDeadlineOfOneThatWasTakenOverStillPausesIt() {
        LocalNode before = harness.start();
        SandboxId id = harness.running(before);
        harness.abandon(before);
        harness.clock.jump(NodeHarness.TIMEOUT.multipliedBy(3));
        LocalNode after = harness.start();
        await(() -> harness.state(after, id) == SandboxState.PAUSED);
        after.resume(id, WITH_MEMORY);
        assertThat(harness.world.instance(id).memory).isEqualTo("thoughts");
    }
}
