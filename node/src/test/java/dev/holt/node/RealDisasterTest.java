package dev.holt.node;

import static dev.holt.node.RealNode.await;
import static dev.holt.node.RealNode.shell;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.node.process.HostCommand;
import dev.holt.node.testing.SandboxHost;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.ResumeSandbox;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Killed daemons, restarted hosts, damaged files and full disks, with real engines. */
@Timeout(600)
final class RealDisasterTest {
    private static final ResumeSandbox WITH_MEMORY = new ResumeSandbox(RealNode.TIMEOUT, true);

    private static SandboxHost host;

    @BeforeAll
    static void openHost() throws IOException {
        host = new SandboxHost();
        host.disks().create(RealNode.USUAL.diskMegabytes()).close(); // its empty image stays, and is no leak
    }

    @AfterAll
    static void closeHost() {
        host.close();
    }

    private static void dieIn(RealNode real, LocalNode node, StateStep step, Runnable flow) {
        CountDownLatch dead = new CountDownLatch(1);
        real.steps = (taken, sandbox) -> {
            if (taken == step) {
                real.steps = (other, any) -> {};
                dead.countDown();
                forever();
            }
        };
        Thread.ofVirtual().start(flow);
        NodeHarness.await(dead);
        real.abandon(node);
    }

    private static void forever() {
        try {
            new CountDownLatch(1).await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void aDaemonKilledAtAnyStepLosesNothing(Isolation isolation) throws Exception {
        try (RealNode real = new RealNode(host, isolation)) {
            LocalNode node = real.start();
            SandboxId id = node.create(real.request()).id();
            shell(node, id, "echo kept > /root/file; nohup sleep 10000 >/dev/null 2>&1 &");
            String boot = shell(node, id, "cat /proc/sys/kernel/random/boot_id");
            for (StateStep step : List.of(
                    StateStep.PAUSE_CUT,
                    StateStep.PAUSE_STANDS,
                    StateStep.PAUSE_MEMORY,
                    StateStep.PAUSE_SUMMED,
                    StateStep.PAUSE_COMMITTED)) {
                LocalNode killed = node;
                dieIn(real, killed, step, () -> killed.pause(id, true));
                node = real.start();
                SandboxState expected = step == StateStep.PAUSE_COMMITTED ? SandboxState.PAUSED : SandboxState.RUNNING;
                assertThat(node.find(id).orElseThrow().state())
                        .as("after " + step)
                        .isEqualTo(expected);
                node.resume(id, WITH_MEMORY);
                assertThat(shell(node, id, "cat /root/file; pgrep -c sleep"))
                        .as("after " + step)
                        .isEqualTo("kept\n1\n");
            }
            if (isolation == Isolation.GVISOR) {
                for (StateStep step : List.of(
                        StateStep.RESUME_MOUNTED,
                        StateStep.RESUME_SLOT,
                        StateStep.RESUME_INSTANCE,
                        StateStep.RESUME_AGENT)) {
                    node.pause(id, true);
                    node.awaitIdle(id);
                    LocalNode killed = node;
                    dieIn(real, killed, step, () -> killed.resume(id, WITH_MEMORY));
                    node = real.start();
                    assertThat(node.resume(id, WITH_MEMORY).way())
                            .as("after " + step)
                            .isIn(Resumed.Way.RESTORED, Resumed.Way.RAN);
                    assertThat(shell(node, id, "cat /root/file; pgrep -c sleep"))
                            .as("after " + step)
                            .isEqualTo("kept\n1\n");
                }
            }
            assertThat(shell(node, id, "cat /proc/sys/kernel/random/boot_id")).isEqualTo(boot);
            for (StateStep step :
                    List.of(StateStep.CAPTURE_STANDS, StateStep.CAPTURE_MEMORY, StateStep.CAPTURE_GOES_ON)) {
                LocalNode killed = node;
                dieIn(real, killed, step, () -> killed.capture(id, RealNode.capture("x")));
                node = real.start();
                assertThat(node.find(id).orElseThrow().state())
                        .as("after " + step)
                        .isEqualTo(SandboxState.RUNNING);
                assertThat(shell(node, id, "pgrep -c sleep"))
                        .as("after " + step)
                        .isEqualTo("1\n");
                assertThat(node.snapshots()).isEmpty();
            }
            SnapshotBuild build = node.capture(id, RealNode.capture("y"));
            for (StateStep step :
                    List.of(StateStep.ROLLBACK_COPIED, StateStep.ROLLBACK_SWAPPED, StateStep.RESUME_INSTANCE)) {
                shell(node, id, "echo newer > /root/newer");
                LocalNode killed = node;
                dieIn(real, killed, step, () -> killed.rollback(id, build.template(), build.buildId()));
                node = real.start();
                if (node.find(id).orElseThrow().state() == SandboxState.LOST) {
                    node.recover(id);
                }
                assertThat(shell(node, id, "cat /root/file; ls /root/newer 2>/dev/null"))
                        .as("after " + step)
                        .isEqualTo(step == StateStep.RESUME_INSTANCE ? "kept\n" : "kept\n/root/newer\n");
            }
            real.assertNothingLeft();
        }
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void aHostThatRestartsLosesNothingThatWasPausedOrWritten(Isolation isolation) throws Exception {
        try (RealNode real = new RealNode(host, isolation)) {
            LocalNode before = real.start();
            SandboxId paused = before.create(real.request()).id();
            SandboxId running = before.create(real.request()).id();
            shell(before, paused, "echo paused > /root/file; nohup sleep 10000 >/dev/null 2>&1 &");
            shell(before, running, "echo running > /root/file; sync");
            before.pause(paused, true);
            before.awaitIdle(paused);
            real.abandon(before);
            // What a restart of the host leaves: nothing runs or is mounted, and the journal is of another boot.
            real.runtime().instances().forEach(real.runtime()::sweep);
            host.unmountEverything(real.state());
            for (SandboxId id : List.of(paused, running)) {
                Path journal = real.state().resolve("sandboxes/" + id + "/sandbox.json");
                Files.writeString(journal, Files.readString(journal).replace(Journal.bootId(), "another boot"));
            }
            LocalNode after = real.start();
            assertThat(after.find(paused).orElseThrow().state()).isEqualTo(SandboxState.PAUSED);
            assertThat(after.find(running).orElseThrow().state()).isEqualTo(SandboxState.LOST);
            Resumed resumed = after.resume(paused, WITH_MEMORY);
            boolean memory = isolation == Isolation.GVISOR;
            assertThat(resumed.way()).isEqualTo(memory ? Resumed.Way.RESTORED : Resumed.Way.BOOTED);
            assertThat(resumed.fallback().isPresent()).as("a loss is told").isEqualTo(!memory);
            assertThat(shell(after, paused, "cat /root/file; pgrep -c sleep"))
                    .isEqualTo(memory ? "paused\n1\n" : "paused\n0\n");
            assertThat(after.recover(running).way()).isEqualTo(Resumed.Way.BOOTED);
            assertThat(shell(after, running, "cat /root/file")).isEqualTo("running\n");
            real.assertNothingLeft();
        }
    }

    @Test
    void damageIsFoundBeforeUseAndToldByName() throws Exception {
        try (RealNode real = new RealNode(host, Isolation.GVISOR)) {
            LocalNode node = real.start();
            SandboxId id = node.create(real.request()).id();
            shell(node, id, "echo kept > /root/file");
            node.pause(id, true);
            node.awaitIdle(id);
            Path memory = real.state().resolve("sandboxes/" + id + "/pause/1/memory");
            Path image;
            try (Stream<Path> files = Files.list(memory)) {
                image = files.sorted().toList().getFirst();
            }
            byte[] bytes = Files.readAllBytes(image);
            bytes[bytes.length / 2] ^= 0x10;
            Files.write(image, bytes, StandardOpenOption.WRITE);
            Resumed resumed = node.resume(id, WITH_MEMORY);
            assertThat(resumed.way()).isEqualTo(Resumed.Way.BOOTED);
            assertThat(resumed.fallback())
                    .hasValueSatisfying(why -> assertThat(why).contains(image.toString()));
            assertThat(shell(node, id, "cat /root/file")).isEqualTo("kept\n");
            real.assertNothingLeft();
        }
    }

    @Test
    void aFullDiskFailsWhatNeedsRoomAndNothingElse() throws Exception {
        Path small = Files.createTempDirectory(host.state().resolveSibling(""), "full");
        HostCommand.of("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", small.toString())
                .runOrFail();
        try (RealNode real = new RealNode(host, Isolation.GVISOR, Files.createDirectory(small.resolve("node")))) {
            LocalNode node = real.start();
            SandboxId id = node.create(real.request()).id();
            shell(
                    node,
                    id,
                    "nohup python3 -c 'import os, time; x = os.urandom(40000000); time.sleep(10000)'"
                            + " >/dev/null 2>&1 &");
            await(() -> shell(node, id, "awk '/VmRSS/ {print $2}' /proc/$(pgrep python3)/status")
                            .length()
                    > 5);
            NodeException failure = NodeHarness.failure(() -> node.pause(id, true));
            assertThat(failure.kind()).isEqualTo(NodeException.Kind.UNAVAILABLE);
            assertThat(failure).hasMessageContaining("runs on");
            assertThat(shell(node, id, "pgrep -c python3")).isEqualTo("1\n");
            failure = NodeHarness.failure(() -> node.capture(id, RealNode.capture("full")));
            assertThat(failure.kind()).isEqualTo(NodeException.Kind.UNAVAILABLE);
            assertThat(shell(node, id, "pgrep -c python3")).isEqualTo("1\n");
            assertThat(node.find(id).orElseThrow().state()).isEqualTo(SandboxState.RUNNING);
            assertThat(node.pause(id, false).pause().orElseThrow().memory())
                    .as("what needs no room goes on")
                    .isEqualTo(MemoryKept.NONE);
            node.resume(id, WITH_MEMORY);
            real.assertNothingLeft();
        } finally {
            HostCommand.of("umount", small.toString()).run();
            Files.deleteIfExists(small);
        }
    }
}
