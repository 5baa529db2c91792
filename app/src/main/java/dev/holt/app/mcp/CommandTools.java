package dev.holt.app.mcp;

import dev.holt.app.client.ClientException;
import dev.holt.app.client.ProcessClient;
import dev.holt.app.client.ProcessStream;
import dev.holt.wire.process.ProcessConfig;
import dev.holt.wire.process.ProcessEvent;
import dev.holt.wire.process.ProcessSelector;
import dev.holt.wire.process.SendSignalRequest;
import dev.holt.wire.process.Signal;
import dev.holt.wire.process.StartRequest;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Runs commands. */
final class CommandTools {
    static final int OUTPUT_LIMIT = 64 * 1024;
    private static final int USUAL_SECONDS = 60;
    private static final int MOST_SECONDS = 3600;
    /** How much later than Holt the client gives up: only when Holt did not answer. */
    private static final Duration GRACE = Duration.ofSeconds(15);

    private CommandTools() {}

    static List<Tool> all() {
        return List.of(run());
    }

    private static Tool run() {
        return new Tool(
                "run_command",
                "Run a command",
                "Runs a line of bash in a sandbox, waits for its end and answers exit code, standard output and standard "
                        + "error. Of each output at most " + OUTPUT_LIMIT / 1024
                        + " KiB are answered: the beginning and the end, with a line that says how much is missing in between. Its "
                        + "input is empty. A command that is still running after timeout_seconds is killed; what it "
                        + "printed is answered as an error. With background it goes on running after the answer, which "
                        + "is its process id: for servers. Send its output into a file to be able to read it.",
                new Schema()
                        .needsSandbox()
                        .needs("command", Schema.text("For bash -l -c, such as: cd app && npm test", 1, 131_072))
                        .takes("cwd", Schema.text("The directory to run in. Default: the user's home.", 1, 4096))
                        .takes(
                                "user",
                                Schema.text("Whom to run as, such as root. Default: the template's user.", 1, 64))
                        .takes("env", Schema.strings("More environment variables."))
                        .takes(
                                "timeout_seconds",
                                Schema.number(
                                        "Seconds that it may take; with background it may take as long as it likes.",
                                        1,
                                        MOST_SECONDS,
                                        USUAL_SECONDS))
                        .takes("background", Schema.truth("Whether not to wait for its end.", false)),
                Tool.Effect.RUNS,
                CommandTools::run);
    }

    private static CallToolResult run(Caller caller, Arguments arguments, RunningCall call) {
        boolean background = arguments.truth("background", false);
        ProcessConfig.Builder process = ProcessConfig.newBuilder()
                .setCmd("/bin/bash")
                .addArgs("-l")
                .addArgs("-c")
                .addArgs(arguments.text("command"))
                .putAllEnvs(arguments.strings("env"));
        arguments.optionalText("cwd").ifPresent(process::setCwd);
        StartRequest start =
                StartRequest.newBuilder().setProcess(process).setStdin(false).build();
        Duration life = Duration.ofSeconds(arguments.number("timeout_seconds", USUAL_SECONDS));
        try (ProcessClient processes = caller.sandbox(arguments.sandbox()).processes(arguments.optionalText("user"));
                ProcessStream stream = processes.start(start, background ? Optional.empty() : Optional.of(life))) {
            if (background) {
                return started(stream);
            }
            call.onStop(stream::close);
            call.endAfter(life.plus(GRACE));
            return new Foreground(processes, life, call).follow(stream);
        }
    }

    private static CallToolResult started(ProcessStream stream) {
        for (Optional<ProcessEvent> next = stream.next(); next.isPresent(); next = stream.next()) {
            if (next.get().hasStart()) {
                return Answers.text("started in the background; process id: "
                        + next.get().getStart().getPid());
            }
        }
        return Answers.error("The sandbox did not say whether the command was started.");
    }

    /** One command that is waited for. */
    private static final class Foreground {
        private final ProcessClient processes;
        private final Duration life;
        private final RunningCall call;
        private final BoundedOutput stdout = new BoundedOutput(OUTPUT_LIMIT);
        private final BoundedOutput stderr = new BoundedOutput(OUTPUT_LIMIT);

        Foreground(ProcessClient processes, Duration life, RunningCall call) {
            this.processes = processes;
            this.life = life;
            this.call = call;
        }

        CallToolResult follow(ProcessStream stream) {
            try {
                for (Optional<ProcessEvent> next = stream.next(); next.isPresent(); next = stream.next()) {
                    ProcessEvent event = next.get();
                    switch (event.getEventCase()) {
                        case START -> killWhenStopped(event.getStart().getPid());
                        case DATA -> {
                            stdout.add(event.getData().getStdout().toByteArray());
                            stderr.add(event.getData().getStderr().toByteArray());
                        }
                        case END -> {
                            return ended(event.getEnd());
                        }
                        default -> {
                            // an event of a newer Holt
                        }
                    }
                }
                return Answers.error(withOutput("The sandbox did not say how the command ended."));
            } catch (ClientException e) {
                if (call.isCanceled()) {
                    return Answers.error(withOutput("The command was killed: the call was canceled."));
                }
                if (e.isTimeout() || call.isLate()) {
                    return Answers.error(withOutput("The command was killed: it was still running after "
                            + life.toSeconds() + " seconds (timeout_seconds)."));
                }
                return Answers.error(withOutput(String.valueOf(e.getMessage())));
            }
        }

        private void killWhenStopped(int pid) {
            call.onStop(() -> processes.sendSignal(SendSignalRequest.newBuilder()
                    .setProcess(ProcessSelector.newBuilder().setPid(pid))
                    .setSignal(Signal.SIGNAL_SIGKILL)
                    .build()));
        }

        private CallToolResult ended(ProcessEvent.EndEvent end) {
            if (call.isCanceled()) {
                return Answers.error(withOutput("The command was killed: the call was canceled."));
            }
            return Answers.text(
                    withOutput(end.getExited() ? "exit code: " + end.getExitCode() : "ended by " + end.getStatus()));
        }

        private String withOutput(String first) {
            StringBuilder text = new StringBuilder(first);
            part(text, "stdout", stdout);
            part(text, "stderr", stderr);
            return text.toString();
        }

        private static void part(StringBuilder text, String name, BoundedOutput output) {
            if (!output.isEmpty()) {
                text.append("\n--- ").append(name).append(" ---\n").append(output.text());
            }
        }
    }
}
