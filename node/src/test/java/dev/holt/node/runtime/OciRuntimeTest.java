package dev.holt.node.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holt.node.guest.AgentToken;
import dev.holt.node.image.RootFileSystem;
import dev.holt.node.linux.ProcessIdentity;
import dev.holt.node.network.Slot;
import dev.holt.node.process.HostCommand;
import dev.holt.node.testing.LeakCheck;
import dev.holt.node.testing.SandboxHost;
import dev.holt.node.testing.TestSandbox;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Real sandboxes by real engines. Needs root, runc, runsc and what a sandbox host needs. */
class OciRuntimeTest {
    private static final Resources SMALL = new Resources(1, 256, 64);

    private static final Set<Isolation> warmed = EnumSet.noneOf(Isolation.class);
    private static SandboxHost host;

    @BeforeAll
    static void open() throws IOException {
        host = new SandboxHost();
    }

    @AfterAll
    static void close() {
        host.close();
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void aSandboxRunsCommandsAndLeavesNothing(Isolation isolation) throws Exception {
        SandboxRuntime runtime = warm(isolation);
        LeakCheck leaks = host.leakCheck();
        TestSandbox sandbox = host.start(runtime, SMALL);
        assertThat(sandbox.instance().alive()).isTrue();
        assertThat(sandbox.shell("id -un; pwd; hostname").output())
                .isEqualTo("user\n/home/user\n" + sandbox.id() + "\n");
        TestSandbox.Ended sudo = sandbox.shell("sudo -n id -un");
        if (!host.engine(isolation).capabilities().honoursSetuid()) {
            assertThat(sudo.code()).as("as the probe says of this build").isEqualTo(1);
        } else {
            assertThat(sudo).isEqualTo(new TestSandbox.Ended(0, "root\n"));
        }
        assertThat(runtime.instances()).containsExactly(sandbox.id());
        ResourceUsage usage = sandbox.instance().usage();
        assertThat(usage.cpuNanoseconds()).isPositive();
        assertThat(usage.memoryBytes()).isBetween(1L, 256L << 20);

        sandbox.close();
        assertThat(sandbox.instance().alive()).isFalse();
        sandbox.instance().awaitEnd();
        sandbox.instance().close();
        assertThat(runtime.instances()).isEmpty();
        leaks.assertNothingLeft();
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void theGuestSeesNeitherTokenNorHost(Isolation isolation) throws Exception {
        try (TestSandbox sandbox = host.start(warm(isolation), SMALL)) {
            assertThat(sandbox.shell("root", "tr '\\0' '\\n' </proc/1/environ").output())
                    .doesNotContainPattern("[0-9a-f]{64}");
            Path config = sandbox.directory().resolve("bundle/config.json");
            assertThat(Files.getPosixFilePermissions(config)).isEqualTo(PosixFilePermissions.fromString("rw-------"));
            assertThat(sandbox.shell("root", "echo x > /.holt/agent").code()).isNotZero();
            assertThat(sandbox.shell("root", "ls /sys/fs/cgroup").output()).isEmpty();
            assertThat(sandbox.shell("ls -A /dev").output().lines()).doesNotContain("loop-control", "kmsg", "mem");
        }
    }

    @Test
    void aContainerIsConfined() throws Exception {
        try (TestSandbox sandbox = host.start(warm(Isolation.CONTAINER), SMALL)) {
            assertThat(sandbox.shell("grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status")
                            .output())
                    .isEqualTo("NoNewPrivs:\t0\nSeccomp:\t2\n");
            for (String forbidden : List.of(
                    "mount -t tmpfs none /mnt",
                    "unshare --user true",
                    "unshare --mount true",
                    "dmesg",
                    "mknod /tmp/disk b 7 0 && head -c1 /tmp/disk",
                    "echo 1 > /proc/sys/kernel/panic",
                    "head -c1 /proc/kcore | grep -q .",
                    "hostname other",
                    "python3 -c 'import socket; socket.socket(38, 5)'")) {
                assertThat(sandbox.shell("root", forbidden).code())
                        .as(forbidden)
                        .isNotZero();
            }
            for (String allowed : List.of(
                    "python3 -c 'import threading, subprocess; t = threading.Thread(target=subprocess.run, args=([\"true\"],));"
                            + " t.start(); t.join()'",
                    "git init -q /tmp/repository",
                    "ping -c1 -W5 127.0.0.1",
                    "mv /usr/share/perl5 /usr/share/renamed 2>&1 || mv /usr/share/python3 /usr/share/renamed",
                    "chown user /tmp && chmod 1777 /tmp")) {
                TestSandbox.Ended ended = sandbox.shell("root", allowed);
                assertThat(ended.code()).as(allowed + ": " + ended.output()).isZero();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void anInstanceIsAdoptedAfterARestart(Isolation isolation) throws Exception {
        warm(isolation);
        LeakCheck leaks = host.leakCheck();
        OciEngine engine = host.engine(isolation);
        try (TestSandbox sandbox = host.start(host.runtime(engine), SMALL)) {
            SandboxRuntime restarted = host.runtime(engine);
            assertThat(restarted.instances()).containsExactly(sandbox.id());
            RuntimeInstance found = restarted.find(sandbox.id()).orElseThrow();
            assertThat(found.alive()).isTrue();
            assertThat(restarted.find(SandboxId.random(new SecureRandom()))).isEmpty();

            found.close();
            assertThat(found.alive()).isFalse();
            sandbox.instance().awaitEnd();
            assertThat(restarted.find(sandbox.id())).isEmpty();
            assertThat(restarted.instances()).isEmpty();
        }
        leaks.assertNothingLeft();
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void theEndOfTheFirstProcessIsNoticed(Isolation isolation) throws Exception {
        SandboxRuntime runtime = warm(isolation);
        try (TestSandbox sandbox = host.start(runtime, SMALL)) {
            Thread waiting = Thread.ofVirtual().start(() -> {
                try {
                    sandbox.instance().awaitEnd();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            assertThat(waiting.isAlive()).isTrue();
            assertThatThrownBy(() -> sandbox.shell("root", "kill -TERM 1; sleep 60"))
                    .isInstanceOf(RuntimeException.class); // its connection breaks
            waiting.join();
            assertThat(sandbox.instance().alive()).isFalse();
            assertThat(runtime.find(sandbox.id())).isEmpty();
            assertThat(runtime.instances()).as("dead, and not yet swept").containsExactly(sandbox.id());
            runtime.sweep(sandbox.id());
            assertThat(runtime.instances()).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void severalThreadsMayEndTheSameSandbox(Isolation isolation) throws Exception {
        SandboxRuntime runtime = warm(isolation);
        LeakCheck leaks = host.leakCheck();
        try (TestSandbox sandbox = host.start(runtime, SMALL);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Callable<Boolean>> closers = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                closers.add(() -> {
                    sandbox.instance().close();
                    return sandbox.instance().alive();
                });
            }
            for (Future<Boolean> closer : threads.invokeAll(closers)) {
                assertThat(closer.get()).isFalse();
            }
        }
        leaks.assertNothingLeft();
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void theMemoryLimitEndsTheOffenderOnly(Isolation isolation) throws Exception {
        try (TestSandbox sandbox = host.start(warm(isolation), SMALL)) {
            for (int round = 0; round < 3; round++) {
                TestSandbox.Ended hog =
                        sandbox.shell("python3 -c 'x = []\nwhile True: x.append(bytearray(b\"\\x01\") * (8 << 20))'");
                assertThat(hog.code()).as("status of the hog: " + hog.output()).isIn(1, 137);
                assertThat(sandbox.shell("echo still here").output()).isEqualTo("still here\n");
            }
            assertThat(sandbox.instance().alive()).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void aFrozenInstanceUsesNoTimeAndGoesOnWhereItWas(Isolation isolation) throws Exception {
        try (TestSandbox sandbox = host.start(warm(isolation), SMALL)) {
            sandbox.shell("(while :; do date +%s%N > /tmp/beat; done) > /dev/null 2>&1 &");
            sandbox.instance().freeze();
            long before = sandbox.instance().usage().cpuNanoseconds();
            Thread.sleep(300);
            assertThat(sandbox.instance().usage().cpuNanoseconds()).isEqualTo(before);
            assertThat(sandbox.instance().alive()).isTrue();
            sandbox.instance().thaw();
            sandbox.instance().thaw();
            assertThat(sandbox.shell(
                                    "first=$(cat /tmp/beat); while [ \"$first\" = \"$(cat /tmp/beat)\" ]; do :; done; echo beats")
                            .output())
                    .isEqualTo("beats\n");
            sandbox.instance().freeze(); // and is ended as it is
        }
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void theProcessorLimitHolds(Isolation isolation) throws Exception {
        try (TestSandbox sandbox = host.start(warm(isolation), SMALL)) {
            long before = sandbox.instance().usage().cpuNanoseconds();
            long start = System.nanoTime();
            sandbox.shell("for i in 1 2 3 4; do timeout 3 bash -c 'while :; do :; done' & done; wait");
            long elapsed = System.nanoTime() - start;
            long used = sandbox.instance().usage().cpuNanoseconds() - before;
            // Four busy processes with one CPU's quota: never more than that CPU, whatever the host gave.
            assertThat(used).isPositive().isLessThan(elapsed + elapsed / 4);
        }
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void aFullDiskIsAnErrorInsideAndCanBeEmptied(Isolation isolation) throws Exception {
        try (TestSandbox sandbox = host.start(warm(isolation), SMALL)) {
            TestSandbox.Ended full = sandbox.shell("dd if=/dev/zero of=/tmp/big bs=1M count=100");
            assertThat(full.code()).isEqualTo(1);
            assertThat(full.output()).contains("No space left on device");
            assertThat(sandbox.shell("rm /tmp/big && echo fits > /tmp/small && cat /tmp/small")
                            .output())
                    .isEqualTo("fits\n");
        }
    }

    @Test
    void aForkBombIsContained() throws Exception {
        SandboxRuntime runtime = warm(Isolation.CONTAINER);
        LeakCheck leaks = host.leakCheck();
        try (TestSandbox bombed = host.start(runtime, SMALL)) {
            // Its end is not waited for: the agent inside gets its turn among two thousand others.
            bombed.launch("root", "f() { f | f & }; f 2>/dev/null");
            long raging = bombed.instance().usage().cpuNanoseconds() + 1_000_000_000;
            for (int i = 0; i < 600 && bombed.instance().usage().cpuNanoseconds() < raging; i++) {
                Thread.sleep(50);
            }
            assertThat(bombed.instance().usage().cpuNanoseconds()).isGreaterThan(raging);
            try (TestSandbox other = host.start(runtime, SMALL)) {
                assertThat(other.shell("echo undisturbed").output()).isEqualTo("undisturbed\n");
            }
            assertThat(bombed.instance().alive()).isTrue();
        }
        leaks.assertNothingLeft();
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void aStartThatFailsLeavesNothing(Isolation isolation) throws Exception {
        SandboxRuntime runtime = warm(isolation);
        LeakCheck leaks = host.leakCheck();
        SandboxId id = SandboxId.random(new SecureRandom());
        Path directory =
                Files.createDirectories(host.state().resolve("sandboxes").resolve(id.value()));
        try (Slot slot = host.slot();
                RootFileSystem root = host.rootFileSystems()
                        .mount(id, directory, host.template().image(), 64, upper -> {})) {
            InstanceSpec good = host.spec(id, directory, root, slot, SMALL, AgentToken.random(new SecureRandom()));
            for (InstanceSpec bad : List.of(
                    with(good, Path.of("/nonexistent"), good.networkNamespace(), good.agent()),
                    with(good, good.rootFileSystem(), Path.of("/run/netns/no-such"), good.agent()),
                    with(good, good.rootFileSystem(), good.networkNamespace(), Path.of("/nonexistent/agent")),
                    with(good, good.rootFileSystem(), good.networkNamespace(), Path.of("/etc/hostname")))) {
                assertThatThrownBy(() -> runtime.start(bad))
                        .as(bad.toString())
                        .isInstanceOf(RuntimeFailure.class)
                        .hasMessageContaining(id.value());
                assertThat(runtime.instances()).isEmpty();
            }
        } finally {
            delete(directory);
        }
        leaks.assertNothingLeft();
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void aSecondSandboxOfTheSameIdIsRefusedAndTheFirstLives(Isolation isolation) throws Exception {
        SandboxRuntime runtime = warm(isolation);
        try (TestSandbox sandbox = host.start(runtime, SMALL)) {
            InstanceSpec again = host.spec(
                    sandbox.id(),
                    sandbox.directory(),
                    sandbox.root(),
                    sandbox.slot(),
                    SMALL,
                    AgentToken.random(new SecureRandom()));
            assertThatThrownBy(() -> runtime.start(again))
                    .isInstanceOf(RuntimeFailure.class)
                    .hasMessageContaining("already");
            assertThat(sandbox.shell("echo alive").output()).isEqualTo("alive\n");
        }
    }

    @Test
    void aMissingEngineIsNamed() throws Exception {
        OciEngine missing = new Runc(Path.of("/nonexistent/runc"));
        SandboxId id = SandboxId.random(new SecureRandom());
        Path bundle = Files.createDirectories(host.state().resolve("missing"));
        InstanceSpec spec = new InstanceSpec(
                id, bundle, bundle, Path.of("/run/netns/none"), "x", SMALL, host.agent(), Map.of(), List.of());
        assertThatThrownBy(() -> host.runtime(missing).start(spec))
                .isInstanceOf(RuntimeFailure.class)
                .hasMessageContaining("'/nonexistent/runc' was not found");
        delete(bundle);
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void sweepEndsAnEngineThatIsStillStarting(Isolation isolation) throws Exception {
        SandboxRuntime runtime = warm(isolation);
        LeakCheck leaks = host.leakCheck();
        SandboxId id = SandboxId.random(new SecureRandom());
        Path directory =
                Files.createDirectories(host.state().resolve("sandboxes").resolve(id.value()));
        try (Slot slot = host.slot();
                RootFileSystem root = host.rootFileSystems()
                        .mount(id, directory, host.template().image(), 64, upper -> {})) {
            InstanceSpec spec = host.spec(id, directory, root, slot, SMALL, AgentToken.random(new SecureRandom()));
            Thread starting = Thread.ofVirtual().start(() -> {
                try {
                    runtime.start(spec).close();
                } catch (RuntimeFailure e) {
                    assertThat(e).hasMessageContaining(id.value());
                }
            });
            while (starting.isAlive()) { // whenever it comes, before, in or after the start
                runtime.sweep(id);
            }
            starting.join();
            runtime.sweep(id);
            assertThat(runtime.instances()).isEmpty();
        } finally {
            delete(directory);
        }
        leaks.assertNothingLeft();
    }

    @Test
    void aProcessIsKnownByItsStartTimeToo() {
        ProcessIdentity self = ProcessIdentity.of(ProcessHandle.current().pid()).orElseThrow();
        assertThat(self.alive()).isTrue();
        assertThat(new ProcessIdentity(self.pid(), self.startTicks() - 1).alive())
                .isFalse();
    }

    /** A runtime that has started something before: the first start of runsc makes a mount in its state that stays. */
    private static SandboxRuntime warm(Isolation isolation) throws IOException {
        SandboxRuntime runtime = host.runtime(host.engine(isolation));
        if (warmed.add(isolation)) {
            host.start(runtime, SMALL).close();
        }
        return runtime;
    }

    private static InstanceSpec with(InstanceSpec spec, Path root, Path namespace, Path agent) {
        return new InstanceSpec(
                spec.id(),
                spec.bundle(),
                root,
                namespace,
                spec.hostname(),
                spec.resources(),
                agent,
                spec.agentEnvironment(),
                spec.bindFiles());
    }

    private static void delete(Path directory) {
        HostCommand.of("rm", "-rf", "--one-file-system", directory.toString()).runOrFail();
    }
}
