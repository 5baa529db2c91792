package dev.holt.node.guest;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The real agent, running on this machine as an ordinary child of the tests, with a directory to work in. */
public final class TestAgent implements AutoCloseable {
    private static final String RESOURCE = "/dev/holt/guestagent/holt-agent";
    private static final Duration READY = Duration.ofSeconds(20);

    private static final int SIGKILL = 9;

    private final Path home;
    private final Path work;
    private final AgentToken token;
    private final InetSocketAddress address;
    private Process process;

    /** Starts one and waits until it answers. */
    public TestAgent() throws IOException {
        home = Files.createTempDirectory("holt-agent-binary");
        work = Files.createTempDirectory("holt-agent-work");
        Files.setPosixFilePermissions(work, PosixFilePermissions.fromString("rwxrwxrwx"));
        token = AgentToken.random(new SecureRandom());
        address = new InetSocketAddress(InetAddress.getLoopbackAddress(), freePort());
        Path binary = home.resolve("holt-agent");
        try (InputStream resource = TestAgent.class.getResourceAsStream(RESOURCE)) {
            if (resource == null) {
                throw new IOException("the guest agent is not on the class path: build the module guest-agent first");
            }
            Files.copy(resource, binary);
        }
        Files.setPosixFilePermissions(binary, PosixFilePermissions.fromString("rwx------"));
        process = launch(binary);
        try (GuestAgent agent = connect()) {
            agent.awaitReady(READY);
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private Process launch(Path binary) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(List.of(binary.toString()));
        builder.environment().put("HOLT_AGENT_TOKEN", token.hex());
        builder.environment().put("HOLT_AGENT_PEER", "127.0.0.1");
        builder.environment().put("HOLT_AGENT_PORT", Integer.toString(address.getPort()));
        builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
        builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        return builder.start();
    }

    /** A new client of it. */
    public GuestAgent connect() {
        return new GuestAgent(address, token);
    }

    /** A directory that everybody may write to. */
    public Path work() {
        return work;
    }

    /** Where it listens. */
    public InetSocketAddress address() {
        return address;
    }

    /** What it demands of its clients. */
    AgentToken token() {
        return token;
    }

    /** Ends the agent at once, as when a sandbox dies. */
    public void kill() throws InterruptedException {
        process.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
    }

    /** Here the agent is no process 1, whose end would be everybody's. */
    private void endWhatRuns() {
        try (GuestAgent agent = connect()) {
            agent.processes().stream().filter(running -> !running.ended()).forEach(running -> end(agent, running));
        } catch (GuestUnreachable gone) {
            // The agent was killed by its test.
        }
    }

    private static void end(GuestAgent agent, GuestProcess running) {
        try {
            agent.signal(running.pid(), SIGKILL, true);
        } catch (GuestFailure ended) {
            if (ended.errno() != Errno.ESRCH) {
                throw ended;
            }
        }
    }

    @Override
    public void close() throws IOException {
        endWhatRuns();
        process.destroyForcibly();
        for (Path root : List.of(home, work)) {
            try (Stream<Path> all = Files.walk(root)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(path);
                }
            }
        }
    }
}
