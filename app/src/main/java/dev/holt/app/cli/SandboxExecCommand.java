package dev.holt.app.cli;

import com.google.protobuf.ByteString;
import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.app.client.ProcessClient;
import dev.holt.app.client.ProcessStream;
import dev.holt.app.client.RestClient;
import dev.holt.app.client.SandboxAddress;
import dev.holt.wire.process.CloseStdinRequest;
import dev.holt.wire.process.ProcessConfig;
import dev.holt.wire.process.ProcessEvent;
import dev.holt.wire.process.ProcessInput;
import dev.holt.wire.process.ProcessSelector;
import dev.holt.wire.process.SendInputRequest;
import dev.holt.wire.process.StartRequest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "exec",
        description = "Run a command in a sandbox, with its output here, and end with its exit code.",
        footer = {"", "holt sandbox exec SANDBOX -- ls -l /", "Options of holt stand before the sandbox's id."})
final class SandboxExecCommand extends ClientCommand {
    private static final int INPUT_BYTES = 32 * 1024;

    @Parameters(index = "0", paramLabel = "SANDBOX")
    private String sandbox;

    @Parameters(index = "1..*", arity = "1..*", paramLabel = "COMMAND", description = "The program and its arguments.")
    private List<String> command = new ArrayList<>();

    @Option(
            names = {"-i", "--interactive"},
            description = "Send what is typed or piped in to the command.")
    private boolean interactive;

    @Option(
            names = {"-u", "--user"},
            paramLabel = "NAME",
            description = "Run as this user.")
    private @Nullable String user;

    @Option(
            names = {"-w", "--cwd"},
            paramLabel = "DIRECTORY",
            description = "Run in this directory.")
    private @Nullable String directory;

    @Option(
            names = {"-e", "--env"},
            paramLabel = "NAME=VALUE",
            description = "Set a variable; repeatable.")
    private Map<String, String> environment = new LinkedHashMap<>();

    SandboxExecCommand(CommandContext context) {
        super(context);
    }

    @Override
    int run(RestClient client) throws IOException {
        ProcessConfig.Builder process = ProcessConfig.newBuilder()
                .setCmd(command.getFirst())
                .addAllArgs(command.subList(1, command.size()))
                .putAllEnvs(environment);
        if (directory != null) {
            process.setCwd(directory);
        }
        StartRequest start = StartRequest.newBuilder()
                .setProcess(process)
                .setStdin(interactive)
                .build();
        try (ProcessClient processes = open(client, context(), sandbox, Optional.ofNullable(user));
                ProcessStream stream = processes.start(start)) {
            return follow(processes, stream);
        } catch (ClientException e) {
            context().err().println("holt: " + e.getMessage());
            return ExitCode.NOT_RUN;
        }
    }

    private int follow(ProcessClient processes, ProcessStream stream) {
        for (Optional<ProcessEvent> next = stream.next(); next.isPresent(); next = stream.next()) {
            ProcessEvent event = next.get();
            switch (event.getEventCase()) {
                case START -> {
                    if (interactive) {
                        int process = event.getStart().getPid();
                        Thread.ofVirtual().name("exec input").start(() -> sendInput(processes, process));
                    }
                }
                case DATA -> print(event.getData());
                case END -> {
                    return exitCode(event.getEnd());
                }
                default -> {
                    // an event of a newer Holt
                }
            }
        }
        throw new ClientException(ExitCode.FAILED, "The sandbox did not say how the command ended");
    }

    private void print(ProcessEvent.DataEvent data) {
        switch (data.getOutputCase()) {
            case STDOUT -> {
                context().out().writeBytes(data.getStdout().toByteArray());
                context().out().flush();
            }
            case STDERR -> {
                context().err().writeBytes(data.getStderr().toByteArray());
                context().err().flush();
            }
            default -> {
                // no terminal was asked for
            }
        }
    }

    private void sendInput(ProcessClient processes, int process) {
        ProcessSelector selector = ProcessSelector.newBuilder().setPid(process).build();
        byte[] buffer = new byte[INPUT_BYTES];
        try {
            int read;
            while ((read = context().in().read(buffer)) >= 0) {
                processes.sendInput(SendInputRequest.newBuilder()
                        .setProcess(selector)
                        .setInput(ProcessInput.newBuilder().setStdin(ByteString.copyFrom(buffer, 0, read)))
                        .build());
            }
            processes.closeInput(
                    CloseStdinRequest.newBuilder().setProcess(selector).build());
        } catch (IOException | ClientException e) {
            // the command ended, or its output's stream tells what broke
        }
    }

    /** What a shell would say: the command's own code, or 128 and the number of the signal that ended it. */
    static int exitCode(ProcessEvent.EndEvent end) {
        if (end.getExited()) {
            return end.getExitCode();
        }
        return end.getExitCode() > 0 ? end.getExitCode() : 128 + Signals.numberIn(end.getStatus());
    }

    /** How the ports of a sandbox that control knows are reached. */
    static SandboxAddress address(RestClient client, CommandContext context, String sandbox) {
        var found = client.get("/sandboxes/" + RestClient.encode(sandbox));
        return SandboxAddress.of(
                context.access(), sandbox, found.path("envdAccessToken").asStringOpt());
    }

    /** A client for the processes of a sandbox that control knows. */
    static ProcessClient open(RestClient client, CommandContext context, String sandbox, Optional<String> user) {
        var found = client.get("/sandboxes/" + RestClient.encode(sandbox));
        return new ProcessClient(
                context.access(), sandbox, found.path("envdAccessToken").asStringOpt(), user);
    }
}
