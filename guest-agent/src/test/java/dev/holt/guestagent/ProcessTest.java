package dev.holt.guestagent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Processes: starting, talking, ending, outliving. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class ProcessTest {
    private static final int ENOENT = 2;
    private static final int ESRCH = 3;
    private static final int E2BIG = 7;
    private static final int EACCES = 13;
    private static final int ENOTDIR = 20;
    private static final int EINVAL = 22;
    private static final int ENOTTY = 25;
    private static final int EPIPE = 32;
    private static final int TERMINAL = 1;
    private static final int INPUT = 2;
    private static final int TAIL = 16 * 1024;

    private Agent agent;

    @BeforeAll
    void startAgent() throws IOException {
        agent = Agent.start();
    }

    @AfterAll
    void stopAgent() throws IOException {
        agent.close();
    }

    private AgentConnection.Outcome run(String script, int flags) throws IOException {
        try (AgentConnection connection = agent.connect()) {
            connection.startShell(script, flags);
            return connection.outcome();
        }
    }

    private Frame call(int type, Payload payload) throws IOException {
        try (AgentConnection connection = agent.connect()) {
            return connection.call(type, payload);
        }
    }

    private static Payload signal(int pid, int signal, boolean group) {
        return new Payload().u32(pid).u32(signal).u8(group ? 1 : 0);
    }

    private static Payload attach(AgentConnection.Started started) {
        return new Payload().u32(started.pid()).u64(started.startId());
    }

    private record Listed(int pid, int state, long startId, String annotation) {}

    private List<Listed> list() throws IOException {
        ByteBuffer buffer = call(Frame.PROCESSES, new Payload()).buffer();
        List<Listed> listed = new ArrayList<>();
        for (int left = buffer.getInt(); left > 0; left--) {
            listed.add(new Listed(buffer.getInt(), buffer.get(), buffer.getLong(), Frame.string(buffer)));
        }
        assertThat(buffer.hasRemaining()).isFalse();
        return listed;
    }

    private Listed find(AgentConnection.Started started) throws IOException {
        return list().stream()
                .filter(listed -> listed.startId() == started.startId())
                .findFirst()
                .orElseThrow();
    }

    private void awaitEnd(AgentConnection.Started started) throws IOException {
        while (find(started).state() == 0) {
            Agent.pause();
        }
    }

    @Test
    void tellsOutputAndExitCode() throws IOException {
        assertThat(run("echo out; echo err >&2; exit 7", 0))
                .isEqualTo(new AgentConnection.Outcome("out\n", "err\n", "", 0, 7, 0));
    }

    @Test
    void tellsTheSignalThatKilled() throws IOException {
        assertThat(run("kill -KILL $$", 0)).isEqualTo(new AgentConnection.Outcome("", "", "", 1, 9, 0));
    }

    @Test
    void startsAsTheUserInAFreshState() throws IOException {
        try (AgentConnection connection = agent.connect()) {
            String script =
                    "id -un; id -gn; umask; pwd; ls -A /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status;"
                            + " echo $HOME $USER $LOGNAME $MINE; test \"$(ps -o sid= -p $$ | tr -d ' ')\" = $$ && echo leads";
            Payload request = AgentConnection.start(
                    "nobody", "/tmp", List.of("sh", "-c", script), List.of("MINE=x", "HOME=/h"), 0);
            connection.send(Frame.START, request).started();
            // ls has its own descriptor of the directory besides 0, 1 and 2.
            assertThat(connection.outcome().out())
                    .isEqualTo("nobody\nnogroup\n0022\n/tmp\n4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
                            + "/h nobody nobody x\nleads\n");
        }
    }

    @Test
    void saysWhyItDidNotStart(@TempDir Path directory) throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        record Case(String user, String cwd, String program, int errno, String message) {}
        for (Case one : List.of(
                new Case("nix", "/", "true", 126, "invalid username: 'nix'"),
                new Case("root", "/nowhere", "true", ENOENT, "cwd '/nowhere' does not exist"),
                new Case("root", file.toString(), "true", ENOTDIR, "cwd '" + file + "' is not a directory"),
                new Case(
                        "root", "/", "no-such-program", ENOENT, "execute 'no-such-program': No such file or directory"),
                new Case("root", "/", file.toString(), EACCES, "execute '" + file + "': Permission denied"))) {
            Frame answer = call(
                    Frame.START, AgentConnection.start(one.user(), one.cwd(), List.of(one.program()), List.of(), 0));
            assertThat(answer.failure()).isEqualTo(new Frame.Failure(one.errno(), one.message()));
        }
        Frame empty = call(Frame.START, AgentConnection.start("root", "/", List.of(), List.of(), 0));
        assertThat(empty.failure().errno()).isEqualTo(EINVAL);
        Payload large = new Payload()
                .str("root")
                .str("/")
                .list(List.of("true"))
                .u32(0)
                .u8(0)
                .u16(0)
                .u16(0);
        assertThat(call(Frame.START, large.bytes(new byte[4097])).failure().errno())
                .isEqualTo(E2BIG);
    }

    @Test
    void carriesInputAndAcknowledgesEachPiece() throws IOException {
        try (AgentConnection connection = agent.connect()) {
            connection.startShell("exec cat", INPUT);
            byte[] piece = "x".repeat(65536).getBytes(StandardCharsets.UTF_8);
            connection.send(Frame.STDIN, "head".getBytes(StandardCharsets.UTF_8));
            connection.send(Frame.STDIN, piece).send(Frame.STDIN, new byte[0]).send(Frame.CLOSE_STDIN);
            AgentConnection.Outcome outcome = connection.outcome();
            assertThat(outcome.out()).hasSize(65540).startsWith("headxxx");
            assertThat(outcome.acknowledged()).isEqualTo(4);
        }
    }

    private static int acknowledgement(AgentConnection connection) throws IOException {
        Frame frame = connection.receive();
        assertThat(frame.type()).isEqualTo(Frame.INPUT_ACK);
        return frame.buffer().getInt();
    }

    @Test
    void saysWhenInputIsNotTaken() throws IOException {
        try (AgentConnection connection = agent.connect()) {
            connection.startShell("read line; exec <&-; echo closed; exec sleep 100", INPUT);
            connection.send(Frame.STDIN, new byte[] {'\n'});
            assertThat(acknowledgement(connection)).isZero();
            connection.readUntil("closed");
            connection.send(Frame.STDIN, new byte[] {1});
            assertThat(acknowledgement(connection)).isEqualTo(EPIPE);
            connection.send(Frame.CLOSE_STDIN).send(Frame.CLOSE_STDIN).send(Frame.STDIN, new byte[] {1});
            assertThat(acknowledgement(connection)).isZero();
            assertThat(acknowledgement(connection)).isZero();
            assertThat(acknowledgement(connection)).isEqualTo(EPIPE);
        }
        try (AgentConnection connection = agent.connect()) {
            connection.startShell("exec sleep 100", 0);
            connection.send(Frame.STDIN, new byte[] {1});
            assertThat(acknowledgement(connection)).isEqualTo(EPIPE);
            connection.send(Frame.PING);
            assertThat(connection.receive().failure().errno()).isEqualTo(71);
        }
    }

    @Test
    void holdsInputBackWithoutHoldingBackSignals() throws IOException {
        try (AgentConnection connection = agent.connect()) {
            AgentConnection.Started started = connection.startShell("exec sleep 100", INPUT);
            connection.send(Frame.STDIN, new byte[65536]).send(Frame.STDIN, new byte[65536]);
            assertThat(acknowledgement(connection)).isZero();
            call(Frame.SIGNAL, signal(started.pid(), 15, false)).ok();
            AgentConnection.Outcome outcome = connection.outcome();
            assertThat(outcome.kind()).isEqualTo(1);
            assertThat(outcome.acknowledged()).isZero();
        }
    }

    @Test
    void holdsOutputBackUntilItIsRead() throws IOException {
        try (AgentConnection connection = agent.connect()) {
            connection.startShell("head -c 50000000 /dev/zero; echo end >&2", 0);
            try (AgentConnection other = agent.connect()) {
                other.send(Frame.PING).receive().ok();
            }
            long bytes = 0;
            Frame frame;
            while ((frame = connection.receive()).type() != Frame.EXIT) {
                bytes += frame.type() == Frame.OUT ? frame.payload().length : 0;
            }
            assertThat(bytes).isEqualTo(50_000_000);
        }
    }

    @Test
    void givesATerminal() throws IOException {
        try (AgentConnection connection = agent.connect()) {
            AgentConnection.Started started =
                    connection.startShell("tty; stty size; read x; stty size; read x", TERMINAL);
            String seen = connection.readUntil("24 80\r\n");
            assertThat(seen).startsWith("/dev/pts/");
            call(Frame.RESIZE, new Payload().u32(started.pid()).u16(132).u16(50))
                    .ok();
            connection.send(Frame.STDIN, new byte[] {'\n'});
            connection.readUntil("50 132\r\n");
            connection.send(Frame.CLOSE_STDIN);
            Frame refused = connection.receive();
            while (refused.type() != Frame.INPUT_ACK || refused.buffer().getInt() == 0) {
                refused = connection.receive();
            }
            assertThat(refused.buffer().getInt()).isEqualTo(EINVAL);
            connection.send(Frame.STDIN, new byte[] {3}); // the terminal makes SIGINT of it: it is the controlling one
            AgentConnection.Outcome outcome = connection.outcome();
            assertThat(List.of(outcome.kind(), outcome.code())).containsExactly(1, 2);
        }
    }

    @Test
    void signalsProcessesAndGroups() throws IOException {
        try (AgentConnection connection = agent.connect()) {
            AgentConnection.Started started = connection.startShell("sleep 1000 & echo $!; wait", 0);
            int child = Integer.parseInt(connection.readUntil("\n").strip());
            assertThat(call(Frame.SIGNAL, signal(started.pid(), 65, false))
                            .failure()
                            .errno())
                    .isEqualTo(EINVAL);
            assertThat(call(Frame.SIGNAL, signal(started.pid(), 0, false))
                            .failure()
                            .errno())
                    .isEqualTo(EINVAL);
            assertThat(call(Frame.SIGNAL, signal(child, 9, false)).failure().errno())
                    .isEqualTo(ESRCH);
            assertThat(call(Frame.SIGNAL, signal(1, 9, false)).failure().errno())
                    .isEqualTo(ESRCH);
            assertThat(call(
                                    Frame.RESIZE,
                                    new Payload().u32(started.pid()).u16(1).u16(1))
                            .failure()
                            .errno())
                    .isEqualTo(ENOTTY);
            call(Frame.SIGNAL, signal(started.pid(), 15, true)).ok();
            assertThat(connection.outcome().kind()).isEqualTo(1);
            while (ProcessHandle.of(child).isPresent()) {
                Agent.pause(); // reaped by the agent, whose orphan it became
            }
            assertThat(call(Frame.SIGNAL, signal(started.pid(), 15, true))
                            .failure()
                            .errno())
                    .isEqualTo(ESRCH);
        }
    }

    @Test
    void outlivesItsConnectionAndKeepsTheTail() throws IOException {
        AgentConnection.Started started;
        try (AgentConnection connection = agent.connect()) {
            started = connection.startShell(
                    "echo ready; read x; head -c 100000 /dev/zero | tr '\\0' a; echo done; read y; exit 5", INPUT);
            connection.readUntil("ready\n");
            connection.send(Frame.STDIN, new byte[] {'\n'});
            assertThat(acknowledgement(connection)).isZero();
        }
        assertThat(find(started)).isEqualTo(new Listed(started.pid(), 0, started.startId(), "n\0x"));
        try (AgentConnection connection = agent.connect()) {
            assertThat(connection.send(Frame.ATTACH, attach(started)).started()).isEqualTo(started);
            String seen = connection.readUntil("done\n");
            assertThat(seen).matches("a+done\n");
            connection.send(Frame.STDIN, new byte[] {'\n'});
            assertThat(connection.outcome().code()).isEqualTo(5);
        }
        assertThat(list()).noneMatch(listed -> listed.startId() == started.startId());
    }

    @Test
    void keepsTheEndForWhoeverAsksLater() throws IOException {
        AgentConnection.Started started;
        try (AgentConnection connection = agent.connect()) {
            started = connection.startShell(
                    "read x; head -c 20000 /dev/zero; echo; echo last; echo error >&2; exit 9", INPUT);
            connection.send(Frame.STDIN, new byte[] {'\n'});
            connection.reset();
        }
        awaitEnd(started);
        try (AgentConnection connection = agent.connect()) {
            assertThat(connection.send(Frame.ATTACH, attach(started)).started()).isEqualTo(started);
            AgentConnection.Outcome outcome = connection.outcome();
            assertThat(outcome.out()).endsWith("last\n");
            assertThat(outcome.out().length()).isGreaterThanOrEqualTo(TAIL);
            assertThat(outcome.err()).isEqualTo("error\n");
            assertThat(outcome.code()).isEqualTo(9);
        }
        assertThat(call(Frame.ATTACH, attach(started)).failure().errno()).isEqualTo(ESRCH);
    }

    @Test
    void handsTheProcessToTheNewestConnection() throws IOException {
        try (AgentConnection first = agent.connect();
                AgentConnection second = agent.connect()) {
            AgentConnection.Started started = first.startShell("read x; echo got $x", INPUT);
            assertThat(second.send(Frame.ATTACH, attach(started)).started()).isEqualTo(started);
            assertThat(first.ended()).isTrue();
            second.send(Frame.STDIN, "it\n".getBytes(StandardCharsets.UTF_8));
            assertThat(second.outcome().out()).isEqualTo("got it\n");
            assertThat(call(Frame.ATTACH, new Payload().u32(started.pid()).u64(started.startId() + 1))
                            .failure()
                            .errno())
                    .isEqualTo(ESRCH);
        }
    }

    @Test
    void doesNotWaitForDescendantsThatKeepTheOutput() throws IOException {
        try (AgentConnection connection = agent.connect()) {
            connection.startShell("sleep 1000 & echo $!; exit 4", 0);
            AgentConnection.Outcome outcome = connection.outcome();
            assertThat(outcome.code()).isEqualTo(4);
            ProcessHandle.of(Long.parseLong(outcome.out().strip())).ifPresent(ProcessHandle::destroyForcibly);
        }
    }

    @Test
    void forgetsTheOldestEndsOnly() throws IOException {
        AgentConnection.Started first = abandon();
        for (int i = 0; i < 256; i++) {
            abandon();
        }
        assertThat(list().stream().filter(listed -> listed.state() == 1).count())
                .isEqualTo(256);
        assertThat(list()).noneMatch(listed -> listed.startId() == first.startId());
    }

    private AgentConnection.Started abandon() throws IOException {
        AgentConnection.Started started;
        try (AgentConnection connection = agent.connect()) {
            started = connection.startShell("read x", INPUT);
            connection.reset();
        }
        call(Frame.SIGNAL, signal(started.pid(), 9, false)).ok();
        awaitEndOrForgotten(started);
        return started;
    }

    private void awaitEndOrForgotten(AgentConnection.Started started) throws IOException {
        while (list().stream().anyMatch(listed -> listed.startId() == started.startId() && listed.state() == 0)) {
            Agent.pause();
        }
    }

    @Test
    void startsManyAtOnceAndLeavesNothingBehind() throws Exception {
        List<String> before = agent.descriptors();
        List<Thread> threads = new ArrayList<>();
        List<Throwable> failures = java.util.Collections.synchronizedList(new ArrayList<>());
        for (int i = 0; i < 50; i++) {
            int code = i;
            threads.add(Thread.ofVirtual()
                    .uncaughtExceptionHandler((t, e) -> failures.add(e))
                    .start(() -> {
                        try {
                            assertThat(run("exit " + code, 0).code()).isEqualTo(code);
                        } catch (IOException e) {
                            throw new java.io.UncheckedIOException(e);
                        }
                    }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(failures).isEmpty();
        while (agent.descriptors().size() > before.size()) {
            Agent.pause();
        }
    }

    @Test
    void isAGoodFirstProcess() throws Exception {
        List<String> launcher = List.of("unshare", "--pid", "--fork", "--mount-proc");
        try (Agent first = Agent.startUnder(launcher);
                AgentConnection connection = first.connect()) {
            assertThat(Files.readString(Path.of("/proc/" + first.pid() + "/status")))
                    .containsPattern("NSpid:\t\\d+\t1\n");
            connection.startShell("(sh -c 'exit 3' & exec sleep 0) & (setsid sleep 0 &) ; echo started", 0);
            assertThat(connection.outcome().out()).isEqualTo("started\n");
            ProcessHandle agentProcess = ProcessHandle.of(first.pid()).orElseThrow();
            while (agentProcess.children().findAny().isPresent()) {
                Agent.pause();
            }
            agentProcess.destroy();
            assertThat(first.process.waitFor()).isZero();
        }
    }

    private static Payload detach(AgentConnection.Started started, int seconds) {
        return attach(started).u32(seconds);
    }

    /** Reads until DETACHED and the end behind it; answers how many bytes of input were taken. */
    private static int detached(AgentConnection connection, StringBuilder output) throws IOException {
        while (true) {
            Frame frame = connection.receive();
            switch (frame.type()) {
                case Frame.OUT, Frame.PTY -> output.append(frame.text());
                case Frame.INPUT_ACK -> assertThat(frame.buffer().getInt()).isZero();
                case Frame.DETACHED -> {
                    assertThat(connection.ended()).isTrue();
                    return frame.buffer().getInt();
                }
                default -> throw new AssertionError("frame 0x%x before DETACHED".formatted(frame.type()));
            }
        }
    }

    @Test
    void losesAndDoublesNothingWhenDetached() throws IOException {
        int last = 3_000_000;
        StringBuilder output = new StringBuilder();
        AgentConnection connection = agent.connect();
        AgentConnection.Started started = connection.startShell("seq 1 " + last, 0);
        for (int round = 0; round < 20; round++) {
            call(Frame.DETACH, detach(started, 30)).ok();
            detached(connection, output);
            connection.close();
            connection = agent.connect();
            connection.send(Frame.ATTACH, attach(started)).started();
            Frame some = connection.receive();
            assertThat(some.type()).isEqualTo(Frame.OUT);
            output.append(some.text());
        }
        output.append(connection.outcome().out());
        connection.close();
        StringBuilder expected = new StringBuilder();
        for (int i = 1; i <= last; i++) {
            expected.append(i).append('\n');
        }
        assertThat(output.toString().equals(expected.toString()))
                .as("every byte once")
                .isTrue();
    }

    @Test
    void saysHowMuchInputWasTakenWhenDetached() throws IOException {
        byte[] input = new byte[60_000];
        for (int i = 0; i < input.length; i++) {
            input[i] = (byte) ('a' + i % 26);
        }
        try (AgentConnection connection = agent.connect();
                AgentConnection next = agent.connect()) {
            AgentConnection.Started started =
                    connection.startShell("read -r line; printf '%s\\n' \"${#line}\"; cat | cksum", INPUT);
            // More than a pipe holds: the second and third stay unanswered, one of them taken in part.
            for (int i = 0; i < 3; i++) {
                connection.send(Frame.STDIN, input);
            }
            assertThat(connection.receive().type()).isEqualTo(Frame.INPUT_ACK);
            call(Frame.DETACH, detach(started, 30)).ok();
            int taken = detached(connection, new StringBuilder());
            assertThat(taken).isBetween(1, input.length - 1);
            next.send(Frame.ATTACH, attach(started)).started();
            next.send(Frame.STDIN, new Payload().raw(java.util.Arrays.copyOfRange(input, taken, input.length)));
            next.send(Frame.STDIN, input);
            next.send(Frame.STDIN, new byte[] {'\n'});
            next.send(Frame.CLOSE_STDIN);
            assertThat(next.outcome().out()).startsWith(3 * input.length + "\n");
        }
    }

    @Test
    void drainsAtOnceWhatNobodyWillTakeUp() throws IOException {
        try (AgentConnection connection = agent.connect()) {
            AgentConnection.Started kept = connection.startShell("seq 1 3000000; echo end", 0);
            call(Frame.DETACH, detach(kept, 1_000_000)).ok();
            detached(connection, new StringBuilder());
            assertThat(find(kept).state()).as("its pipe is full").isZero();
            call(Frame.IDENTITY, new Payload().str("").u64(0).bytes(new byte[0]))
                    .ok();
            awaitEnd(kept);
        }
        try (AgentConnection connection = agent.connect();
                AgentConnection later = agent.connect()) {
            AgentConnection.Started dropped = connection.startShell("seq 1 3000000; echo end", 0);
            call(Frame.DETACH, detach(dropped, 0)).ok();
            detached(connection, new StringBuilder());
            awaitEnd(dropped);
            later.send(Frame.ATTACH, attach(dropped)).started();
            assertThat(later.outcome().out()).hasSize(TAIL).endsWith("3000000\nend\n");
        }
    }

    @Test
    void drainsAfterItsTime() throws IOException {
        try (AgentConnection connection = agent.connect()) {
            AgentConnection.Started kept = connection.startShell("seq 1 3000000", 0);
            call(Frame.DETACH, detach(kept, 1)).ok();
            detached(connection, new StringBuilder());
            awaitEnd(kept);
        }
    }

    @Test
    void detachesNobodyWhoIsNotAttached() throws IOException {
        try (AgentConnection connection = agent.connect()) {
            AgentConnection.Started started = connection.startShell("read -r line", INPUT);
            connection.reset();
            call(Frame.DETACH, detach(started, 30)).ok();
            call(Frame.SIGNAL, signal(started.pid(), 9, true)).ok();
            awaitEnd(started);
        }
        assertThat(call(Frame.DETACH, new Payload().u32(1).u64(1).u32(1))
                        .failure()
                        .errno())
                .isEqualTo(ESRCH);
    }
}
