package dev.holt.app.cli;

import com.google.protobuf.ByteString;
import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.app.client.ProcessClient;
import dev.holt.app.client.ProcessStream;
import dev.holt.app.client.RestClient;
import dev.holt.wire.process.PTY;
import dev.holt.wire.process.ProcessConfig;
import dev.holt.wire.process.ProcessEvent;
import dev.holt.wire.process.ProcessInput;
import dev.holt.wire.process.ProcessSelector;
import dev.holt.wire.process.SendInputRequest;
import dev.holt.wire.process.StartRequest;
import dev.holt.wire.process.UpdateRequest;
import java.io.Console;
import java.io.IOException;
import java.util.Optional;
import org.jline.terminal.Attributes;
import org.jline.terminal.Size;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "connect", description = "Open a shell in a sandbox on this terminal; ends with the shell's exit code.")
final class SandboxConnectCommand extends ClientCommand {
    private static final int INPUT_BYTES = 4 * 1024;

    @Parameters(paramLabel = "SANDBOX")
    private String sandbox;

    @Option(
            names = {"-u", "--user"},
            paramLabel = "NAME",
            description = "Be this user.")
    private @Nullable String user;

    SandboxConnectCommand(CommandContext context) {
        super(context);
    }

    @Override
    int run(RestClient client) throws IOException {
        if (Optional.ofNullable(System.console()).filter(Console::isTerminal).isEmpty()) {
            throw new ClientException(
                    ExitCode.USAGE, "connect needs a terminal; without one, use `holt sandbox exec -i`");
        }
        try (ProcessClient processes = SandboxExecCommand.open(client, context(), sandbox, Optional.ofNullable(user));
                Terminal terminal =
                        TerminalBuilder.builder().system(true).dumb(false).build()) {
            StartRequest start = StartRequest.newBuilder()
                    .setProcess(ProcessConfig.newBuilder()
                            .setCmd("/bin/bash")
                            .addArgs("-i")
                            .addArgs("-l")
                            .putEnvs("TERM", context().environment().getOrDefault("TERM", "xterm")))
                    .setPty(sizeOf(terminal))
                    .build();
            try (ProcessStream stream = processes.start(start)) {
                Attributes before = terminal.enterRawMode();
                try {
                    return follow(processes, stream, terminal);
                } finally {
                    terminal.setAttributes(before);
                }
            }
        }
    }

    private static int follow(ProcessClient processes, ProcessStream stream, Terminal terminal) throws IOException {
        for (Optional<ProcessEvent> next = stream.next(); next.isPresent(); next = stream.next()) {
            ProcessEvent event = next.get();
            switch (event.getEventCase()) {
                case START -> {
                    ProcessSelector shell = ProcessSelector.newBuilder()
                            .setPid(event.getStart().getPid())
                            .build();
                    terminal.handle(Terminal.Signal.WINCH, signal -> resize(processes, shell, terminal));
                    // a platform thread: a read of the terminal would pin a carrier for as long as nobody types
                    Thread.ofPlatform()
                            .daemon()
                            .name("connect input")
                            .start(() -> sendInput(processes, shell, terminal));
                }
                case DATA -> {
                    terminal.output().write(event.getData().getPty().toByteArray());
                    terminal.output().flush();
                }
                case END -> {
                    return SandboxExecCommand.exitCode(event.getEnd());
                }
                default -> {
                    // an event of a newer Holt
                }
            }
        }
        throw new ClientException(ExitCode.FAILED, "The sandbox did not say how the shell ended");
    }

    private static void sendInput(ProcessClient processes, ProcessSelector shell, Terminal terminal) {
        byte[] buffer = new byte[INPUT_BYTES];
        try {
            int read;
            while ((read = terminal.input().read(buffer)) >= 0) {
                processes.sendInput(SendInputRequest.newBuilder()
                        .setProcess(shell)
                        .setInput(ProcessInput.newBuilder().setPty(ByteString.copyFrom(buffer, 0, read)))
                        .build());
            }
        } catch (IOException | ClientException e) {
            // the shell ended, or its output's stream tells what broke
        }
    }

    private static void resize(ProcessClient processes, ProcessSelector shell, Terminal terminal) {
        try {
            processes.update(UpdateRequest.newBuilder()
                    .setProcess(shell)
                    .setPty(sizeOf(terminal))
                    .build());
        } catch (ClientException e) {
            // the shell ended meanwhile; a shell with an old size is no reason to lose it
        }
    }

    private static PTY sizeOf(Terminal terminal) {
        Size size = terminal.getSize();
        return PTY.newBuilder()
                .setSize(PTY.Size.newBuilder()
                        .setCols(Math.max(1, size.getColumns()))
                        .setRows(Math.max(1, size.getRows())))
                .build();
    }
}
