package dev.holt.node;

import static dev.holt.node.RealNode.await;
import static dev.holt.node.RealNode.get;
import static dev.holt.node.RealNode.shell;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.node.testing.SandboxHost;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.ResumeSandbox;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What becomes of sandboxes' state with real engines, disks and networks. */
@Timeout(300)
final class RealStateTest {
    private static final ResumeSandbox WITH_MEMORY = new ResumeSandbox(RealNode.TIMEOUT, true);

    /** Counts up to a file that stays open, and tells its number to whoever connects. */
    private static final String COUNTER = """
            cat > /root/counter.py <<'EOF'
            import os, socket, threading, time
            log = open('/root/log', 'a')
            secret = os.urandom(16).hex()
            number = 0
            def count():
                global number
                while True:
                    number += 1
                    log.write('%d\\n' % number)
                    log.flush()
                    time.sleep(0.05)
            threading.Thread(target=count, daemon=True).start()
            server = socket.create_server(('', 9000))
            while True:
                client = server.accept()[0]
                client.recv(100)
                client.sendall(b'%d %s' % (number, secret.encode()))
                client.close()
            EOF
            nohup python3 /root/counter.py >/dev/null 2>&1 &
            """;

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

    private record Count(int number, String secret) {
        static Count of(String answer) {
            String[] words = answer.split(" ", -1);
            return new Count(Integer.parseInt(words[0]), words[1]);
        }
    }

    private static Count counting(LocalNode node, SandboxId id) {
        String[] answer = {""};
        await(() -> {
            answer[0] = get(node, id, 9000);
            return !answer[0].isEmpty();
        });
        return Count.of(answer[0]);
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void whatRunsGoesOnAfterAPause(Isolation isolation) throws Exception {
        try (RealNode real = new RealNode(host, isolation)) {
            LocalNode node = real.start();
            SandboxId id = node.create(real.request()).id();
            shell(node, id, COUNTER);
            Count before = counting(node, id);
            String boot = shell(node, id, "cat /proc/sys/kernel/random/boot_id");
            MemoryKept expected = isolation == Isolation.GVISOR ? MemoryKept.DISK : MemoryKept.HOST;
            for (int round = 0; round < 3; round++) {
                SandboxStatus paused = node.pause(id, true);
                assertThat(paused.pause().orElseThrow().memory()).isEqualTo(expected);
                if (isolation == Isolation.GVISOR) {
                    node.awaitIdle(id);
                    assertThat(real.runtime().instances()).as("nothing runs").isEmpty();
                }
                Resumed resumed = node.resume(id, WITH_MEMORY);
                assertThat(resumed.way()).isEqualTo(Resumed.Way.RESTORED);
                assertThat(resumed.fallback()).isEmpty();
                Count after = counting(node, id);
                assertThat(after.secret()).as("the same process").isEqualTo(before.secret());
                assertThat(after.number()).isGreaterThanOrEqualTo(before.number()); // a freeze is shorter than a count
                await(() -> counting(node, id).number() > after.number());
                before = after;
            }
            assertThat(shell(node, id, "cat /proc/sys/kernel/random/boot_id")).isEqualTo(boot);
            assertThat(shell(node, id, "date +%s").strip())
                    .satisfies(seconds -> assertThat(Long.parseLong(seconds))
                            .isCloseTo(System.currentTimeMillis() / 1000, org.assertj.core.data.Offset.offset(5L)));
            assertThat(shell(node, id, "awk 'NR > 1 && $1 != last + 1 {print \"gap\"} {last = $1}' /root/log"))
                    .as("the open file has every number once")
                    .isEmpty();

            assertThat(node.pause(id, false).pause().orElseThrow().memory()).isEqualTo(MemoryKept.NONE);
            assertThat(node.resume(id, WITH_MEMORY).way()).isEqualTo(Resumed.Way.BOOTED);
            assertThat(shell(node, id, "pgrep -c python3"))
                    .as("it was booted afresh")
                    .isEqualTo("0\n");
            assertThat(shell(node, id, "test -s /root/log && echo kept")).isEqualTo("kept\n");
            real.assertNothingLeft();
        }
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void aSnapshotIsMadeWhileItRunsAndStartsOthers(Isolation isolation) throws Exception {
        try (RealNode real = new RealNode(host, isolation)) {
            LocalNode node = real.start();
            SandboxId id = node.create(real.request()).id();
            shell(node, id, COUNTER);
            Count before = counting(node, id);
            SnapshotBuild build = node.capture(id, RealNode.capture("one"));
            boolean memory = isolation == Isolation.GVISOR;
            assertThat(build.memory()).isEqualTo(memory ? MemoryKept.DISK : MemoryKept.NONE);
            assertThat(node.find(id).orElseThrow().state()).isEqualTo(SandboxState.RUNNING);
            assertThat(counting(node, id).secret()).as("the original goes on").isEqualTo(before.secret());

            List<Future<SandboxStatus>> forks = new ArrayList<>();
            try (ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
                for (int i = 0; i < 4; i++) {
                    forks.add(callers.submit(() -> node.create(real.request(build.template(), build.buildId(), true))));
                }
            }
            List<String> entropy = new ArrayList<>();
            for (Future<SandboxStatus> answer : forks) {
                SandboxId fork = answer.get().id();
                if (memory) {
                    assertThat(counting(node, fork).secret()).as("its memory").isEqualTo(before.secret());
                } else {
                    assertThat(shell(node, fork, "pgrep -c python3")).isEqualTo("0\n");
                }
                assertThat(shell(node, fork, "hostname")).isEqualTo(fork + "\n");
                assertThat(shell(node, fork, "getent hosts $(hostname)")).contains("127.0.1.1");
                assertThat(shell(node, fork, "test -s /root/log && echo kept")).isEqualTo("kept\n");
                entropy.add(shell(node, fork, "head -c 16 /dev/urandom | od -An -tx1"));
                shell(node, fork, "echo " + fork + " > /root/own");
            }
            assertThat(entropy).doesNotHaveDuplicates();
            for (Future<SandboxStatus> answer : forks) {
                SandboxId fork = answer.get().id();
                assertThat(shell(node, fork, "cat /root/own")).isEqualTo(fork + "\n");
            }
            real.assertNothingLeft();
        }
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void itIsRolledBackUnderItsOwnId(Isolation isolation) throws Exception {
        try (RealNode real = new RealNode(host, isolation)) {
            LocalNode node = real.start();
            SandboxId id = node.create(real.request()).id();
            shell(node, id, "echo then > /root/time; mkdir /root/dir; echo a > /root/dir/a");
            SnapshotBuild build = node.capture(id, RealNode.capture("then"));
            shell(node, id, "echo now > /root/time; rm -r /root/dir; echo new > /root/new");
            Resumed back = node.rollback(id, build.template(), build.buildId());
            assertThat(back.way()).isEqualTo(isolation == Isolation.GVISOR ? Resumed.Way.RESTORED : Resumed.Way.BOOTED);
            assertThat(shell(node, id, "cat /root/time /root/dir/a; ls /root/new 2>&1 | wc -l; hostname"))
                    .isEqualTo("then\na\n1\n" + id + "\n");
            node.pause(id, true);
            node.awaitIdle(id);
            node.rollback(id, build.template(), build.buildId());
            assertThat(shell(node, id, "cat /root/time")).isEqualTo("then\n");
            real.assertNothingLeft();
        }
    }
}
