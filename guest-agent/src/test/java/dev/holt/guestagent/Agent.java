package dev.holt.guestagent;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A running agent on a port of its own, for the length of a test. */
final class Agent implements AutoCloseable {
    static final byte[] TOKEN = HexFormat.of().parseHex("0123456789abcdef".repeat(4));
    private static final Path BINARY = Path.of("target/holt-agent").toAbsolutePath();

    final Process process;
    final int port;

    private Agent(Process process, int port) {
        this.process = process;
        this.port = port;
    }

    static Agent start() throws IOException {
        return startUnder(List.of());
    }

    /** Starts the agent by a command that it is appended to, such as unshare(1). */
    static Agent startUnder(List<String> launcher) throws IOException {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        List<String> command = new ArrayList<>(launcher);
        command.add(BINARY.toString());
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("HOLT_AGENT_TOKEN", HexFormat.of().formatHex(TOKEN));
        builder.environment().put("HOLT_AGENT_PEER", "127.0.0.1");
        builder.environment().put("HOLT_AGENT_PORT", Integer.toString(port));
        Agent agent = new Agent(builder.start(), port);
        agent.awaitListening();
        return agent;
    }

    private void awaitListening() throws IOException {
        while (true) {
            try (AgentConnection probe = connectUngreeted("127.0.0.1")) {
                return;
            } catch (IOException e) {
                if (!process.isAlive()) {
                    throw new IOException("the agent ended with " + process.exitValue(), e);
                }
                pause();
            }
        }
    }

    static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(5);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    AgentConnection connectUngreeted(String from) throws IOException {
        return new AgentConnection(port, from);
    }

    static Payload hello() {
        return new Payload().u32(0x484f4c54).u16(1).raw(TOKEN);
    }

    AgentConnection connect() throws IOException {
        AgentConnection connection = connectUngreeted("127.0.0.1");
        Frame welcome = connection.call(Frame.HELLO, hello());
        if (welcome.type() != Frame.WELCOME) {
            throw new IOException("not welcome: " + welcome.failure());
        }
        return connection;
    }

    /** The pid of the agent itself, also below a launcher that forked. */
    long pid() throws IOException {
        long pid = process.pid();
        while (!Files.readString(Path.of("/proc/" + pid + "/comm")).startsWith("holt-agent")) {
            pid = ProcessHandle.of(pid)
                    .orElseThrow()
                    .children()
                    .findFirst()
                    .orElseThrow()
                    .pid();
        }
        return pid;
    }

    /** What the agent has open. */
    List<String> descriptors() throws IOException {
        List<String> names = new ArrayList<>();
        try (var files = Files.newDirectoryStream(Path.of("/proc/" + pid() + "/fd"))) {
            for (Path file : files) {
                names.add(file.getFileName().toString());
            }
        }
        Collections.sort(names);
        return names;
    }

    /** The files among them. */
    List<String> openFiles() throws IOException {
        List<String> targets = new ArrayList<>();
        for (String descriptor : descriptors()) {
            Path link = Path.of("/proc/" + pid() + "/fd/" + descriptor);
            if (Files.isSymbolicLink(link)) { // still there
                targets.add(Files.readSymbolicLink(link).toString());
            }
        }
        return targets;
    }

    @Override
    public void close() throws IOException {
        if (process.isAlive()) {
            ProcessHandle.of(pid()).ifPresent(ProcessHandle::destroy);
        }
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }
}
