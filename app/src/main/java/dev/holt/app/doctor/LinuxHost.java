package dev.holt.app.doctor;

import dev.holt.app.server.RuntimeTrial;
import dev.holt.app.settings.Settings;
import dev.holt.node.process.CommandFailure;
import dev.holt.node.process.HostCommand;
import dev.holt.nodeapi.Isolation;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** The machine that this process runs on. */
public final class LinuxHost implements Host {
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final Settings settings;

    /** @param settings that name the runtimes to try */
    public LinuxHost(Settings settings) {
        this.settings = settings;
    }

    @Override
    public Optional<String> read(String path) {
        try {
            return Optional.of(Files.readString(Path.of(path)));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    @Override
    public boolean exists(String path) {
        return Files.exists(Path.of(path));
    }

    @Override
    public boolean opens(String path) {
        try (FileChannel channel = FileChannel.open(Path.of(path), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return channel.isOpen();
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public Optional<Path> locate(String program) {
        return HostCommand.locate(program);
    }

    @Override
    public Answer run(List<String> command) {
        try {
            HostCommand.Outcome outcome =
                    HostCommand.of(command).withLimit(LIMIT).run();
            return new Answer(outcome.exitCode(), outcome.output() + outcome.errors());
        } catch (CommandFailure e) {
            return new Answer(-1, String.valueOf(e.getMessage()));
        }
    }

    @Override
    public RuntimeTrial tryRuntime(Isolation isolation) {
        return RuntimeTrial.of(settings, isolation);
    }

    @Override
    public long freeBytes(Path path) {
        for (Path there = path; there != null; there = there.getParent()) {
            try {
                return Files.getFileStore(there).getUsableSpace();
            } catch (IOException e) {
                // not there yet: its parent says where it would be
            }
        }
        return 0;
    }

    @Override
    public boolean canListen(InetSocketAddress address) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(address);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public Runtime.Version javaVersion() {
        return Runtime.version();
    }
}
