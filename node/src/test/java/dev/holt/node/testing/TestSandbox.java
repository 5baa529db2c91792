package dev.holt.node.testing;

import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.ProcessStream;
import dev.holt.node.guest.StartProcess;
import dev.holt.node.image.RootFileSystem;
import dev.holt.node.network.Slot;
import dev.holt.node.process.HostCommand;
import dev.holt.node.runtime.RuntimeInstance;
import dev.holt.wire.id.SandboxId;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A running sandbox of a test. Closing it ends it and frees all of it. */
public record TestSandbox(
        SandboxId id, Path directory, Slot slot, RootFileSystem root, RuntimeInstance instance, GuestAgent guest)
        implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /**
     * How a command ended.
     *
     * @param code its exit status, 128 + n when signal n ended it
     * @param output of both kinds
     */
    public record Ended(int code, String output) {}

    /** Runs a shell command inside as {@code user} to its end. */
    public Ended shell(String command) {
        return shell("user", command);
    }

    /** Runs a shell command inside to its end. */
    public Ended shell(String user, String command) {
        return shell(guest, user, command);
    }

    /** Starts a shell command inside and leaves it to itself. */
    public void launch(String user, String command) {
        guest.start(shellStart(user, command)).close();
    }

    private static StartProcess shellStart(String user, String command) {
        return new StartProcess(
                user, "", List.of("/bin/bash", "-c", command), Map.of(), Optional.empty(), false, new byte[0]);
    }

    /** Runs a shell command inside the sandbox of that agent to its end. */
    public static Ended shell(GuestAgent guest, String user, String command) {
        StartProcess start = shellStart(user, command);
        StringBuilder output = new StringBuilder();
        try (ProcessStream stream = guest.start(start)) {
            while (true) {
                switch (stream.poll(PATIENCE)) {
                    case ProcessStream.Output some -> output.append(new String(some.data(), StandardCharsets.UTF_8));
                    case ProcessStream.Exit exit -> {
                        return new Ended(exit.bySignal() ? 128 + exit.code() : exit.code(), output.toString());
                    }
                    case ProcessStream.Quiet ignored ->
                        throw new AssertionError("'" + command + "' said nothing for " + PATIENCE + ": " + output);
                    case ProcessStream.InputTaken ignored -> throw new AssertionError("no input was sent");
                }
            }
        }
    }

    @Override
    public void close() {
        guest.close();
        instance.close();
        root.close();
        slot.close();
        HostCommand.of("rm", "--recursive", "--one-file-system", directory.toString())
                .runOrFail();
    }
}
