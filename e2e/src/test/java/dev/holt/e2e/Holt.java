package dev.holt.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A real {@code holt serve} with a state directory and ports of its own. Templates are shared between runs, as they take a
 * minute to make. Closing it kills every sandbox, stops the daemon and asserts that nothing is left.
 */
final class Holt implements AutoCloseable {
    private final Map<String, String> settings = new HashMap<>();
    private final Path state;
    private final Path run;
    private final Path environmentFile;
    private final Path log;
    private final Leaks leaks;
    private @Nullable Process process;

    private Holt(String runtime, Map<String, String> more) {
        try {
            state = Files.createDirectories(Path.of("/var/lib/holt-e2e"));
            run = Files.createDirectories(Path.of("/run/holt-e2e"));
            Path files = Files.createDirectories(Repository.e2e().resolve("target/holt"));
            environmentFile = state.resolve("client.env");
            log = files.resolve("holt-" + runtime + "-" + Instant.now().toEpochMilli() + ".log");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        leaks = Leaks.watch(state, run);
        settings.put("HOLT_STATE_DIRECTORY", state.toString());
        settings.put("HOLT_RUN_DIRECTORY", run.toString());
        settings.put("HOLT_CONTROL_LISTEN", "127.0.0.1:" + freePort());
        settings.put("HOLT_TRAFFIC_LISTEN", "127.0.0.1:" + freePort());
        settings.put("HOLT_NODE_RUNTIME", runtime);
        // another name and block of addresses than a Holt that this host may run
        settings.put("HOLT_NETWORK_NAME", "holte2e");
        settings.put("HOLT_NETWORK_ADDRESSES", "10.92.0.0/20");
        settings.putAll(more);
    }

    /** Starts Holt on {@code gvisor} or {@code container} and returns when it is ready. */
    static Holt start(String runtime, Map<String, String> settings) {
        Holt holt = new Holt(runtime, settings);
        try {
            holt.launch();
            return holt;
        } catch (RuntimeException | Error e) {
            holt.stop();
            throw e;
        }
    }

    private void launch() {
        try {
            Process started = begin();
            Instant limit = Instant.now().plus(Duration.ofMinutes(5)); // the first start makes the template
            while (!Files.exists(environmentFile)) {
                if (!started.isAlive() || Instant.now().isAfter(limit)) {
                    throw new AssertionError("holt did not become ready:\n" + Files.readString(log));
                }
                Thread.sleep(20);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }

    private Process begin() throws IOException {
        Files.deleteIfExists(environmentFile);
        ProcessBuilder builder = new ProcessBuilder(Repository.holt().toString(), "serve")
                .redirectErrorStream(true)
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
        builder.environment().putAll(settings);
        Process started = builder.start();
        process = started;
        return started;
    }

    /** What clients export, plus what the suites ask for. */
    Map<String, String> environment() {
        try (Stream<String> lines = Files.lines(environmentFile)) {
            Map<String, String> environment = new HashMap<>();
            lines.filter(line -> line.contains("=")).forEach(line -> {
                int equals = line.indexOf('=');
                environment.put(line.substring(0, equals), line.substring(equals + 1));
            });
            environment.put("E2E_RUNTIME", settings.getOrDefault("HOLT_NODE_RUNTIME", "auto"));
            return environment;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Ends the daemon as a crash would, and nothing else. */
    void crash() {
        Process running = running();
        running.destroyForcibly(); // SIGKILL
        await(running, Duration.ofSeconds(10));
    }

    /** Starts the daemon again on the same state. */
    void restart() {
        launch();
    }

    /** Starts the daemon again and ends it as a crash would, that long afterwards, wherever it has got to. */
    void crashWhileStarting(Duration after) {
        try {
            begin();
            Thread.sleep(after);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
        crash();
    }

    boolean isAlive() {
        return running().isAlive();
    }

    /** What the daemon and its sandboxes take of the host now. */
    Footprint footprint() {
        return Footprint.of(running().pid(), state, leaks);
    }

    /** Runs the command line against this Holt. */
    Command cli(String... arguments) {
        return cli(Duration.ofMinutes(1), arguments);
    }

    /** As {@link #cli}, for what may take minutes. */
    Command slowCli(String... arguments) {
        return cli(Duration.ofMinutes(10), arguments);
    }

    /** Builds a built-in template, unless an earlier run did. */
    void buildTemplate(String template) {
        cli(Duration.ofMinutes(30), "template", "build", template).succeeded();
    }

    private Command cli(Duration limit, String... arguments) {
        return Command.run(
                Repository.root(),
                environmentWithSettings(),
                limit,
                Stream.concat(Stream.of(Repository.holt().toString()), Stream.of(arguments))
                        .toList());
    }

    /**
     * Starts the command line against this Holt and leaves it running.
     *
     * @param log gets all that it prints
     */
    Process startCli(Path log, String... arguments) {
        ProcessBuilder builder = new ProcessBuilder(
                        Stream.concat(Stream.of(Repository.holt().toString()), Stream.of(arguments))
                                .toList())
                .redirectErrorStream(true)
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectOutput(log.toFile());
        builder.environment().putAll(environmentWithSettings());
        try {
            return builder.start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Map<String, String> environmentWithSettings() {
        Map<String, String> all = new HashMap<>(settings);
        all.putAll(environment());
        return all;
    }

    @Override
    public void close() {
        try {
            if (process != null && process.isAlive()) {
                cli("sandbox", "kill", "--all").succeeded();
            }
        } finally {
            stop();
        }
        leaks.assertNone();
    }

    private void stop() {
        Process running = process;
        if (running != null && running.isAlive()) {
            running.destroy(); // SIGTERM: warm sandboxes and unused slots go, too
            await(running, Duration.ofSeconds(60));
        }
    }

    private Process running() {
        Process running = process;
        if (running == null) {
            throw new IllegalStateException("holt was not started");
        }
        return running;
    }

    private static void await(Process process, Duration limit) {
        try {
            if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new AssertionError("holt (pid " + process.pid() + ") did not end within " + limit);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
