package dev.holt.guestagent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Requests about the guest as a whole, in namespaces of their own where they change something. */
final class MachineTest {
    private static final int EACCES = 13;
    private static final int EINVAL = 22;
    private static final int EPROTO = 71;

    @Test
    void measures() throws IOException {
        try (Agent agent = Agent.start();
                AgentConnection connection = agent.connect()) {
            Frame frame = connection.call(Frame.METRICS, new Payload().str("/"));
            assertThat(frame.type()).isEqualTo(Frame.METRICS_INFO);
            ByteBuffer metrics = frame.buffer();
            assertThat(metrics.getLong()).isPositive();
            assertThat(metrics.getInt()).isEqualTo(Runtime.getRuntime().availableProcessors());
            long busy = metrics.getLong();
            assertThat(metrics.getLong()).isGreaterThan(busy);
            long memory = metrics.getLong();
            assertThat(metrics.getLong()).isBetween(1L, memory);
            assertThat(metrics.getLong()).isBetween(0L, memory);
            long disk = metrics.getLong();
            assertThat(disk).isEqualTo(Files.getFileStore(Path.of("/")).getTotalSpace());
            assertThat(metrics.getLong()).isBetween(1L, disk);
            long inodes = metrics.getLong();
            assertThat(metrics.getLong()).isBetween(0L, inodes);
            assertThat(metrics.getInt()).isPositive();
            assertThat(metrics.hasRemaining()).isFalse();
            assertThat(connection
                            .call(Frame.METRICS, new Payload().str("/nowhere"))
                            .failure()
                            .errno())
                    .isEqualTo(2);
        }
    }

    @Test
    void takesANewIdentity(@TempDir Path directory) throws IOException {
        Path hosts = Files.writeString(directory.resolve("hosts"), "127.0.0.1 localhost\n127.0.1.1 old\n127.0.1.10 x");
        List<String> launcher = List.of(
                "unshare", "--uts", "--mount", "sh", "-c", "mount --bind " + hosts + " /etc/hosts && exec \"$0\"");
        try (Agent agent = Agent.startUnder(launcher);
                AgentConnection connection = agent.connect()) {
            connection
                    .call(Frame.IDENTITY, new Payload().str("sandbox-7").u64(0).bytes(new byte[64]))
                    .ok();
            assertThat(hosts).hasContent("127.0.0.1 localhost\n127.0.1.1\tsandbox-7\n127.0.1.10 x\n");
            connection.startShell("uname -n", 0);
            assertThat(connection.outcome().out()).isEqualTo("sandbox-7\n");
        }
        try (Agent agent = Agent.startUnder(launcher);
                AgentConnection connection = agent.connect()) {
            Payload bad = new Payload().str("two\nlines").u64(-5).bytes(new byte[0]);
            Frame.Failure failure = connection.call(Frame.IDENTITY, bad).failure();
            assertThat(failure)
                    .isEqualTo(new Frame.Failure(
                            EINVAL, "set the hostname: Invalid argument; set the clock: Invalid argument"));
            assertThat(hosts).hasContent("127.0.0.1 localhost\n127.0.1.1\tsandbox-7\n127.0.1.10 x\n");
        }
    }

    @Test
    void demandsTheNewTokenFromItsAnswerOn() throws IOException {
        List<String> launcher =
                List.of("unshare", "--uts", "--mount", "sh", "-c", "mount -t tmpfs none /etc && exec \"$0\"");
        byte[] next = new byte[32];
        next[0] = 7;
        Payload greeting = new Payload().u32(0x484f4c54).u16(1).raw(next);
        try (Agent agent = Agent.startUnder(launcher);
                AgentConnection before = agent.connect()) {
            Payload rotation = new Payload().str("").u64(0).bytes(new byte[32]).raw(next);
            before.call(Frame.IDENTITY, rotation).ok();
            before.send(Frame.PING).receive().ok();
            try (AgentConnection old = agent.connectUngreeted("127.0.0.1");
                    AgentConnection fresh = agent.connectUngreeted("127.0.0.1")) {
                assertThat(old.call(Frame.HELLO, Agent.hello()).failure().errno())
                        .isEqualTo(EACCES);
                assertThat(fresh.call(Frame.HELLO, greeting).type()).isEqualTo(Frame.WELCOME);
            }
            // A guest that spoils the rest does not keep its token by it.
            Payload back =
                    new Payload().str("not a name").u64(0).bytes(new byte[0]).raw(Agent.TOKEN);
            assertThat(before.call(Frame.IDENTITY, back).failure().errno()).isEqualTo(EINVAL);
            agent.connect().close();
            assertThat(before.call(
                                    Frame.IDENTITY,
                                    new Payload()
                                            .str("")
                                            .u64(0)
                                            .bytes(new byte[0])
                                            .raw(new byte[31]))
                            .failure()
                            .errno())
                    .isEqualTo(EPROTO);
        }
    }

    @Test
    void raisesLoopbackInAFreshNetwork() throws IOException {
        try (Agent agent = Agent.start()) {
            String script = "HOLT_AGENT_TOKEN=" + "0".repeat(64)
                    + " HOLT_AGENT_PEER=127.0.0.1 unshare --net --pid --fork --kill-child sh -c '"
                    + Path.of("target/holt-agent").toAbsolutePath()
                    + " & for i in 1 2 3 4 5 6 7 8 9 10; do ip -o link show lo | grep -q ,UP && break; sleep 0.1; done; ip -o link show lo'";
            try (AgentConnection connection = agent.connect()) {
                connection.startShell(script, 0);
                assertThat(connection.outcome().out()).contains(",UP");
            }
        }
    }
}
