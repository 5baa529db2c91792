package dev.holt.node.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holt.node.guest.AgentToken;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.guest.ProcessStream;
import dev.holt.node.guest.StartProcess;
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
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
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
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Suspending, writing and restoring the memory of real sandboxes. Needs what {@link OciRuntimeTest} needs. */
class MemoryImageTest {
    private static final Resources SMALL = new Resources(1, 512, 256);
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final SecureRandom RANDOM = new SecureRandom();

    private static SandboxHost host;

    @BeforeAll
    static void open() throws IOException {
        host = new SandboxHost();
        for (Isolation isolation : Isolation.values()) {
            // The first start of an engine leaves things that stay.
            host.start(host.runtime(host.engine(isolation)), SMALL).close();
        }
    }

    @AfterAll
    static void close() {
        host.close();
    }

    private static SandboxRuntime runtime(Isolation isolation) {
        return host.runtime(host.engine(isolation));
    }

    /** A sandbox that was restored, and its token's agent. */
    private record Restored(
            SandboxId id, Path directory, Slot slot, RootFileSystem root, RuntimeInstance instance, GuestAgent guest)
            implements AutoCloseable {
        TestSandbox.Ended shell(String command) {
            return TestSandbox.shell(guest, "root", command);
        }

        @Override
        public void close() {
            new TestSandbox(id, directory, slot, root, instance, guest).close();
        }
    }

    /** What a capture keeps: the memory image, and the content of the writable layer as it was then. */
    private record Image(Path memory, Path files, AgentToken token) {}

    private static Image capture(TestSandbox sandbox, String name) throws IOException {
        Path directory = Files.createDirectories(host.state().resolve("images").resolve(name));
        Path memory = Files.createDirectories(directory.resolve("memory"));
        sandbox.guest().hold(LIMIT);
        sandbox.instance().suspend(LIMIT);
        sandbox.instance().checkpoint(memory, ImageWitness.NONE, LIMIT);
        Path files = copy(upper(sandbox.directory()), directory.resolve("files"));
        sandbox.instance().proceed(LIMIT);
        sandbox.guest().release();
        return new Image(memory, files, tokenOf(sandbox));
    }

    private static AgentToken tokenOf(TestSandbox sandbox) throws IOException {
        String config = Files.readString(sandbox.directory().resolve("bundle/config.json"));
        int start = config.indexOf("HOLT_AGENT_TOKEN=") + "HOLT_AGENT_TOKEN=".length();
        return new AgentToken(config.substring(start, start + 64));
    }

    private static Path upper(Path directory) {
        String mounts = HostCommand.of(
                        "findmnt",
                        "-n",
                        "-o",
                        "OPTIONS",
                        directory.resolve("rootfs").toString())
                .runOrFail()
                .output();
        for (String option : mounts.strip().split(",", -1)) {
            if (option.startsWith("upperdir=")) {
                return Path.of(option.substring("upperdir=".length()));
            }
        }
        throw new AssertionError("no overlay at " + directory + "/rootfs: " + mounts);
    }

    private static Path copy(Path from, Path to) throws IOException {
        Files.createDirectories(to);
        HostCommand.of("cp", "--archive", from + "/.", to.toString()).runOrFail();
        return to;
    }

    private static Restored restore(SandboxRuntime runtime, Image image, Resources resources) throws IOException {
        SandboxId id = SandboxId.random(RANDOM);
        Path directory =
                Files.createDirectories(host.state().resolve("sandboxes").resolve(id.value()));
        Slot slot = host.slot();
        RootFileSystem root = host.rootFileSystems()
                .mount(id, directory, host.template().image(), resources.diskMegabytes(), upper -> fill(image, upper));
        try {
            RuntimeInstance instance = runtime.restore(
                    host.spec(id, directory, root, slot, resources, image.token()), image.memory(), LIMIT);
            GuestAgent guest =
                    new GuestAgent(new InetSocketAddress(slot.guestAddress(), GuestAgent.PORT), image.token());
            guest.awaitReady(LIMIT);
            return new Restored(id, directory, slot, root, instance, guest);
        } catch (RuntimeException failure) {
            root.close();
            slot.close();
            HostCommand.of("rm", "-r", "--one-file-system", directory.toString())
                    .runOrFail();
            throw failure;
        }
    }

    private static void fill(Image image, Path upper) {
        try {
            copy(image.files(), upper);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String awaited(TestSandbox sandbox, String file) {
        return sandbox.shell("while ! test -s " + file + "; do sleep 0.05; done; cat " + file)
                .output();
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void aSuspendedGuestMakesNoStep(Isolation isolation) throws Exception {
        try (TestSandbox sandbox = host.start(runtime(isolation), SMALL)) {
            sandbox.launch("user", "i=0; while :; do i=$((i+1)); echo $i > /home/user/count; done");
            awaited(sandbox, "/home/user/count");
            Path count = sandbox.root().path().resolve("home/user/count");
            for (int round = 0; round < 5; round++) {
                sandbox.instance().suspend(LIMIT);
                sandbox.instance().suspend(LIMIT);
                String before = Files.readString(count);
                Thread.sleep(100);
                assertThat(Files.readString(count)).isEqualTo(before);
                assertThat(sandbox.instance().alive()).isTrue();
                sandbox.instance().proceed(LIMIT);
                sandbox.instance().proceed(LIMIT);
                assertThat(sandbox.shell("echo goes on").output()).isEqualTo("goes on\n");
            }
            sandbox.instance().suspend(LIMIT); // and is ended as it is
        }
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void aRestartedDaemonLetsASuspendedGuestGoOn(Isolation isolation) throws Exception {
        try (TestSandbox sandbox = host.start(runtime(isolation), SMALL)) {
            sandbox.launch("root", "sleep 1000 & kill -STOP $!"); // stopped for reasons of its own
            RuntimeInstance running = runtime(isolation).find(sandbox.id()).orElseThrow();
            running.proceed(LIMIT);
            assertThat(sandbox.shell("echo never stopped").output()).isEqualTo("never stopped\n");

            sandbox.instance().suspend(LIMIT);
            RuntimeInstance found = runtime(isolation).find(sandbox.id()).orElseThrow();
            found.proceed(LIMIT);
            found.proceed(LIMIT);
            assertThat(sandbox.shell("echo goes on").output()).isEqualTo("goes on\n");

            RuntimeInstance again = runtime(isolation).find(sandbox.id()).orElseThrow();
            again.suspend(LIMIT);
            runtime(isolation).find(sandbox.id()).orElseThrow().suspend(LIMIT);
            runtime(isolation).find(sandbox.id()).orElseThrow().proceed(LIMIT);
            assertThat(sandbox.shell("echo once more").output()).isEqualTo("once more\n");
        }
    }

    @Test
    void aContainerKeepsNoMemoryAndSaysSo() throws Exception {
        try (TestSandbox sandbox = host.start(runtime(Isolation.CONTAINER), SMALL)) {
            Path directory = Files.createDirectories(host.state().resolve("none"));
            sandbox.instance().suspend(LIMIT);
            assertThatThrownBy(() -> sandbox.instance().checkpoint(directory, ImageWitness.NONE, LIMIT))
                    .isInstanceOf(RuntimeFailure.class)
                    .hasMessageContaining("keeps no memory");
            sandbox.instance().proceed(LIMIT);
            assertThat(sandbox.shell("echo goes on").output()).isEqualTo("goes on\n");
            Files.delete(directory);
        }
    }

    @Test
    void whatRanGoesOnInEveryRestoredGuest() throws Exception {
        SandboxRuntime runtime = runtime(Isolation.GVISOR);
        LeakCheck leaks = host.leakCheck();
        try (TestSandbox sandbox = host.start(runtime, SMALL)) {
            sandbox.launch("user", PROGRAM);
            awaited(sandbox, "/home/user/ready");
            String boot = sandbox.shell("cat /proc/sys/kernel/random/boot_id").output();
            Image image = capture(sandbox, "all");
            assertThat(sandbox.shell("echo original goes on").output()).isEqualTo("original goes on\n");
            List<Restored> restored = new ArrayList<>();
            try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
                List<Future<Restored>> restoring = new ArrayList<>();
                for (int i = 0; i < 3; i++) {
                    restoring.add(threads.submit(() -> restore(runtime, image, SMALL)));
                }
                for (Future<Restored> one : restoring) {
                    restored.add(one.get());
                }
                List<String> random = new ArrayList<>();
                for (Restored one : restored) {
                    AgentToken next = AgentToken.random(RANDOM);
                    one.guest().identify(one.id().value(), Instant.EPOCH, RANDOM.generateSeed(32), next);
                    assertThat(one.shell("hostname; cat /proc/sys/kernel/random/boot_id")
                                    .output())
                            .isEqualTo(one.id() + "\n" + boot);
                    one.shell("touch /home/user/go");
                    String report = one.shell(
                                    "while ! test -s /home/user/report; do sleep 0.05; done; cat /home/user/report")
                            .output();
                    assertThat(report)
                            .contains(
                                    "loopback ok",
                                    "unix ok",
                                    "pipe ok",
                                    "inotify ok",
                                    "timer ok",
                                    "shm ok",
                                    "mapped ok",
                                    "memory ok");
                    long clock = Long.parseLong(one.shell("date +%s").output().strip());
                    assertThat(clock)
                            .isBetween(
                                    Instant.now().getEpochSecond() - 30,
                                    Instant.now().getEpochSecond() + 1);
                    random.add(one.shell("od -An -N16 -tx1 /dev/urandom").output());
                    GuestAgent stale = new GuestAgent(one.guest().address(), image.token());
                    assertThatThrownBy(stale::ping).isInstanceOf(GuestFailure.class);
                    stale.close();
                }
                assertThat(random).doesNotHaveDuplicates();
            } finally {
                restored.forEach(Restored::close);
            }
            HostCommand.of("rm", "-r", host.state().resolve("images").toString())
                    .runOrFail();
        }
        leaks.assertNothingLeft();
    }

    /** Holds one of everything, waits for /home/user/go, and reports what is left of it. */
    private static final String PROGRAM = """
            exec python3 -c '
            import ctypes, mmap, os, signal, socket, threading, time
            libc = ctypes.CDLL(None)
            memory = bytearray(os.urandom(4096)) * 1024
            first = bytes(memory[:4096])
            listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen()
            client = socket.create_connection(listener.getsockname()); server, _ = listener.accept()
            one, other = socket.socketpair()
            reader, writer = os.pipe()
            os.makedirs("/home/user/watched")
            inotify = libc.inotify_init1(0o4000); libc.inotify_add_watch(inotify, b"/home/user/watched", 0x100)
            open("/dev/shm/kept", "w").write("shm")
            deleted = open("/dev/shm/deleted", "w+"); deleted.write("gone"); deleted.flush(); os.unlink("/dev/shm/deleted")
            file = open("/home/user/mapped", "w+b"); file.truncate(4096)
            mapped = mmap.mmap(file.fileno(), 4096); mapped[:3] = b"abc"
            fired = []
            threading.Timer(1.5, lambda: fired.append(1)).start()
            open("/home/user/ready", "w").write("ready")
            while not os.path.exists("/home/user/go"): time.sleep(0.02)
            time.sleep(1.6)
            said = []
            client.send(b"x"); said.append("loopback ok" if server.recv(1) == b"x" else "loopback lost")
            one.send(b"y"); said.append("unix ok" if other.recv(1) == b"y" else "unix lost")
            os.write(writer, b"z"); said.append("pipe ok" if os.read(reader, 1) == b"z" else "pipe lost")
            open("/home/user/watched/new", "w").close()
            said.append("inotify ok" if len(os.read(inotify, 4096)) > 0 else "inotify lost")
            said.append("timer ok" if fired else "timer lost")
            deleted.seek(0)
            said.append("shm ok" if open("/dev/shm/kept").read() + deleted.read() == "shmgone" else "shm lost")
            said.append("mapped ok" if mapped[:3] == b"abc" and open("/home/user/mapped", "rb").read(3) == b"abc" else "mapped lost")
            said.append("memory ok" if all(memory[i:i + 4096] == first for i in range(0, len(memory), 4096)) else "memory lost")
            open("/home/user/report.new", "w").write("\\\\n".join(said)); os.rename("/home/user/report.new", "/home/user/report")
            time.sleep(1000)
            '""";

    @Test
    void aCommandsOutputIsWholeOverCaptures() throws Exception {
        try (TestSandbox sandbox = host.start(runtime(Isolation.GVISOR), SMALL);
                ProcessStream stream = sandbox.guest()
                        .start(new StartProcess(
                                "user",
                                "",
                                List.of("seq", "1", "400000"),
                                Map.of(),
                                Optional.empty(),
                                false,
                                new byte[0]))) {
            StringBuilder output = new StringBuilder();
            int captures = 0;
            while (true) {
                ProcessStream.News news = stream.poll(LIMIT);
                if (news instanceof ProcessStream.Exit) {
                    break;
                }
                output.append(new String(((ProcessStream.Output) news).data(), StandardCharsets.UTF_8));
                if (captures < 3 && output.length() > captures * 500_000) {
                    capture(sandbox, "stream" + captures++);
                }
            }
            StringBuilder expected = new StringBuilder();
            for (int i = 1; i <= 400_000; i++) {
                expected.append(i).append('\n');
            }
            assertThat(output.toString().contentEquals(expected))
                    .as("every byte once")
                    .isTrue();
            assertThat(captures).isEqualTo(3);
            HostCommand.of("rm", "-r", host.state().resolve("images").toString())
                    .runOrFail();
        }
    }

    @Test
    void aDeletedFileInUseIsNamedAndTheGuestGoesOn() throws Exception {
        try (TestSandbox sandbox = host.start(runtime(Isolation.GVISOR), SMALL)) {
            sandbox.launch(
                    "user",
                    "exec 3> /home/user/deleted; rm /home/user/deleted; echo x > /home/user/ready; exec sleep 1000");
            awaited(sandbox, "/home/user/ready");
            Path directory = Files.createDirectories(host.state().resolve("refused"));
            sandbox.instance().suspend(LIMIT);
            assertThatThrownBy(() -> sandbox.instance().checkpoint(directory, ImageWitness.NONE, LIMIT))
                    .isInstanceOf(CheckpointRefused.class)
                    .hasMessageContaining("'/home/user/deleted' was deleted");
            sandbox.instance().proceed(LIMIT);
            assertThat(sandbox.shell("echo goes on").output()).isEqualTo("goes on\n");
            HostCommand.of("rm", "-r", directory.toString()).runOrFail();
        }
    }

    @Test
    void aFullDiskFailsTheCheckpointAndNothingElse() throws Exception {
        Path full = Files.createDirectories(host.state().resolve("full"));
        try (TestSandbox sandbox = host.start(runtime(Isolation.GVISOR), SMALL)) {
            HostCommand.of("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", full.toString())
                    .runOrFail();
            try {
                Path directory = Files.createDirectories(full.resolve("memory"));
                sandbox.instance().suspend(LIMIT);
                assertThatThrownBy(() -> sandbox.instance().checkpoint(directory, ImageWitness.NONE, LIMIT))
                        .isInstanceOf(RuntimeFailure.class)
                        .hasMessageContaining("no space left on device");
                Path count = Files.createDirectories(host.state().resolve("enough"));
                sandbox.instance().checkpoint(count, ImageWitness.NONE, LIMIT);
                HostCommand.of("rm", "-r", count.toString()).runOrFail();
            } finally {
                HostCommand.of("umount", full.toString()).runOrFail();
            }
            sandbox.instance().proceed(LIMIT);
            assertThat(sandbox.shell("echo goes on").output()).isEqualTo("goes on\n");
        } finally {
            Files.delete(full);
        }
    }

    @Test
    void aSentryThatEndsAndAStepThatTakesTooLongFailCleanly() throws Exception {
        SandboxRuntime runtime = runtime(Isolation.GVISOR);
        Path directory = Files.createDirectories(host.state().resolve("crash"));
        try (TestSandbox sandbox = host.start(runtime, SMALL)) {
            sandbox.instance().suspend(LIMIT);
            assertThatThrownBy(() -> sandbox.instance().checkpoint(directory, ImageWitness.NONE, Duration.ofMillis(1)))
                    .isInstanceOf(RuntimeFailure.class)
                    .hasMessageContaining("within 1 ms");
            sandbox.instance().proceed(LIMIT);
            assertThat(sandbox.shell("echo goes on").output()).isEqualTo("goes on\n");

            sandbox.instance().suspend(LIMIT);
            long sentry = Long.parseLong(
                    Files.readString(sandbox.directory().resolve("bundle/pid")).strip());
            ProcessIdentity.kill(sentry);
            sandbox.instance().awaitEnd();
            Path other = Files.createDirectories(host.state().resolve("crash2"));
            assertThatThrownBy(() -> sandbox.instance().checkpoint(other, ImageWitness.NONE, LIMIT))
                    .isInstanceOf(RuntimeFailure.class)
                    .hasMessageContaining("its kernel has ended");
            assertThatThrownBy(() -> sandbox.instance().proceed(LIMIT)).isInstanceOf(RuntimeFailure.class);
            HostCommand.of("rm", "-r", directory.toString(), other.toString()).runOrFail();
        }
    }

    @Test
    void aRestoreThatFailsLeavesNothing() throws Exception {
        SandboxRuntime runtime = runtime(Isolation.GVISOR);
        LeakCheck leaks = host.leakCheck();
        try (TestSandbox sandbox = host.start(runtime, SMALL)) {
            sandbox.launch(
                    "user",
                    "exec python3 -c 'import time; x = bytearray(b\"\\x01\") * (250 << 20); open(\"/home/user/ready\", \"w\").write(\"x\"); time.sleep(1000)'");
            awaited(sandbox, "/home/user/ready");
            Image image = capture(sandbox, "large");
            LeakCheck more = host.leakCheck();
            assertThatThrownBy(() -> restore(runtime, image, new Resources(1, 128, 256)))
                    .isInstanceOf(RuntimeFailure.class)
                    .hasMessageContaining("does not fit into the memory limit of 128 MB");
            more.assertNothingLeft();
            assertThatThrownBy(() -> restore(
                            runtime, new Image(host.state().resolve("nowhere"), image.files(), image.token()), SMALL))
                    .isInstanceOf(RuntimeFailure.class)
                    .hasMessageContaining("nowhere");
            HostCommand.of(
                            "truncate",
                            "--size=-1M",
                            image.memory().resolve("pages.img").toString())
                    .runOrFail();
            assertThatThrownBy(() -> restore(runtime, image, SMALL)).isInstanceOf(RuntimeFailure.class);
            more.assertNothingLeft();
            assertThatThrownBy(() -> runtime(Isolation.CONTAINER)
                            .restore(
                                    host.spec(
                                            sandbox.id(),
                                            sandbox.directory(),
                                            sandbox.root(),
                                            sandbox.slot(),
                                            SMALL,
                                            image.token()),
                                    image.memory(),
                                    LIMIT))
                    .isInstanceOf(RuntimeFailure.class)
                    .hasMessageContaining("keeps no memory");
            assertThat(sandbox.shell("echo untouched").output()).isEqualTo("untouched\n");
            HostCommand.of("rm", "-r", host.state().resolve("images").toString())
                    .runOrFail();
        }
        leaks.assertNothingLeft();
    }

    @Test
    void onlyTheGatewaySpeaksToTheAgent() throws Exception {
        try (TestSandbox sandbox = host.start(runtime(Isolation.CONTAINER), SMALL)) {
            String connects = "import socket; s = socket.socket(); s.bind((\"%s\", 0)); s.connect((\"%s\", 49982));"
                    + " s.send(b\"x\"); s.settimeout(20); print(len(s.recv(1)))";
            String own = sandbox.slot().guestAddress().getHostAddress();
            for (String[] pair : new String[][] {{"127.0.0.1", "127.0.0.1"}, {"127.0.0.2", "127.0.0.3"}, {own, own}}) {
                TestSandbox.Ended ended =
                        sandbox.shell("python3 -c '" + connects.formatted(pair[0], pair[1]) + "' 2>&1 | tail -1");
                assertThat(ended.output()).as(String.join(" to ", pair)).matches("0\n|.*Error.*\n");
            }
        }
    }
}
