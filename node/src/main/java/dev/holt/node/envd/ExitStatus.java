package dev.holt.node.envd;

import dev.holt.node.guest.ProcessStream;
import dev.holt.wire.process.ProcessEvent;
import java.util.List;

/** Tells how a process ended in the words that clients know: those of Go's {@code os.ProcessState}. */
final class ExitStatus {
    /** Go's names of the signals 1 to 15 on Linux (package syscall); it has none for the others. */
    private static final List<String> SIGNALS = List.of(
            "hangup",
            "interrupt",
            "quit",
            "illegal instruction",
            "trace/breakpoint trap",
            "aborted",
            "bus error",
            "floating point exception",
            "killed",
            "user defined signal 1",
            "segmentation fault",
            "user defined signal 2",
            "broken pipe",
            "alarm clock",
            "terminated");

    private ExitStatus() {}

    static ProcessEvent.EndEvent describe(ProcessStream.Exit exit) {
        ProcessEvent.EndEvent.Builder end = ProcessEvent.EndEvent.newBuilder();
        if (exit.bySignal()) {
            String status = "signal: " + signal(exit.code()) + (exit.coreDumped() ? " (core dumped)" : "");
            return end.setExitCode(-1).setStatus(status).setError(status).build();
        }
        String status = "exit status " + exit.code();
        end.setExitCode(exit.code()).setExited(true).setStatus(status);
        if (exit.code() != 0) {
            end.setError(status);
        }
        return end.build();
    }

    private static String signal(int number) {
        return number >= 1 && number <= SIGNALS.size() ? SIGNALS.get(number - 1) : "signal " + number;
    }
}
