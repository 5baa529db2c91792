package dev.holt.node.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;

class HostCommandTest {
    @Test
    void bothStreamsAndTheStatusAreReturned() {
        HostCommand.Outcome outcome =
                HostCommand.of("sh", "-c", "echo out; echo err >&2; exit 3").run();
        assertThat(outcome).isEqualTo(new HostCommand.Outcome(3, "out\n", "err\n"));
    }

    @Test
    void inputLargerThanAPipeComesBackWhole() {
        String text = "0123456789".repeat(100_000);
        assertThat(HostCommand.of("cat").withInput(text).runOrFail().output()).isEqualTo(text);
    }

    @Test
    void aToolMayIgnoreItsInput() {
        assertThat(HostCommand.of("true").withInput("x".repeat(1_000_000)).run().exitCode())
                .isZero();
    }

    @Test
    void aFailureSaysWhatTheToolSaid() {
        assertThatThrownBy(() -> HostCommand.of("sh", "-c", "echo no such thing >&2; exit 7")
                        .runOrFail())
                .isInstanceOf(CommandFailure.class)
                .hasMessageContaining("status 7")
                .hasMessageEndingWith("no such thing");
    }

    @Test
    void anUnknownToolIsNamed() {
        assertThatThrownBy(() -> HostCommand.of("holt-has-no-such-tool").runSilently())
                .isInstanceOf(CommandFailure.class)
                .hasMessageContaining("'holt-has-no-such-tool' was not found");
    }

    @Test
    void theEnvironmentIsNotInherited() {
        String output =
                HostCommand.of("env").withVariable("ADDED", "yes").runOrFail().output();
        assertThat(output.lines()).contains("ADDED=yes", "LC_ALL=C.UTF-8");
        assertThat(System.getenv()).containsKey("HOME");
        assertThat(output.lines()).noneMatch(line -> line.startsWith("HOME="));
    }

    @Test
    void linesArriveInOrderAndOfBothStreams() {
        List<String> lines = new CopyOnWriteArrayList<>();
        HostCommand.of("sh", "-c", "echo one; echo two >&2; echo three").runWithLines(lines::add);
        assertThat(lines).containsExactly("one", "two", "three");
    }

    @Test
    void aToolThatHangsIsKilledWithItsChildren() {
        List<String> lines = new CopyOnWriteArrayList<>();
        assertThatThrownBy(() -> HostCommand.of("sh", "-c", "sleep 1000 & echo $!; wait")
                        .withLimit(Duration.ofMillis(500))
                        .runWithLines(lines::add))
                .isInstanceOf(CommandFailure.class)
                .hasMessageContaining("did not end within 500 ms");
        assertEnds(Long.parseLong(lines.getFirst()));
    }

    @Test
    void anInterruptKillsTheTool() throws Exception {
        List<String> lines = new CopyOnWriteArrayList<>();
        FutureTask<Boolean> run = new FutureTask<>(() -> {
            assertThatThrownBy(() -> HostCommand.of("sh", "-c", "echo $$; exec sleep 1000")
                            .runWithLines(lines::add))
                    .hasMessageContaining("interrupted");
            return Thread.interrupted();
        });
        Thread caller = Thread.ofVirtual().start(run);
        while (lines.isEmpty()) {
            Thread.onSpinWait();
        }
        caller.interrupt();
        assertThat(run.get()).as("the interrupt is kept").isTrue();
        assertEnds(Long.parseLong(lines.getFirst()));
    }

    @Test
    void whatADaemonInheritsIsNotWaitedFor() {
        assertThat(HostCommand.of("sh", "-c", "sleep 1 & exit 5").runSilently()).isEqualTo(5);
    }

    private static void assertEnds(long pid) {
        ProcessHandle.of(pid).ifPresent(process -> process.onExit().join());
        assertThat(ProcessHandle.of(pid).filter(ProcessHandle::isAlive)).isEmpty();
    }
}
