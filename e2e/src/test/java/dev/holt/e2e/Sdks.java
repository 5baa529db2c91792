package dev.holt.e2e;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** The clients under test: the newest of each SDK, 2.45 as the oldest that Holt promises to serve, and the CLI. */
final class Sdks {
    private static final Duration INSTALL_LIMIT = Duration.ofMinutes(10);
    private static final Duration SUITE_LIMIT = Duration.ofMinutes(25);
    /** Needs a template of its own: {@link #runInterpreter}. */
    private static final String INTERPRETER = "interpreter.test.mjs";

    private final Path home = Repository.e2e().resolve("target/sdks");

    /** Installs what is not there yet. Registries fail now and then: each step is tried three times. */
    static Sdks install() {
        Sdks sdks = new Sdks();
        sdks.javascript();
        sdks.python("newest", "e2b");
        sdks.python("oldest", "e2b==2.45.*");
        return sdks;
    }

    /** The JavaScript ones alone. */
    static Sdks installJavascript() {
        Sdks sdks = new Sdks();
        sdks.javascript();
        return sdks;
    }

    /** The code interpreter's clients, the newest. */
    static Sdks installInterpreters() {
        Sdks sdks = new Sdks();
        sdks.javascript();
        sdks.python("interpreter", "e2b-code-interpreter");
        return sdks;
    }

    private void javascript() {
        Path directory = Repository.e2e().resolve("javascript");
        if (!Stream.of("e2b-oldest", "@e2b/code-interpreter", "@modelcontextprotocol/sdk")
                .allMatch(name -> Files.exists(directory.resolve("node_modules/" + name + "/package.json")))) {
            threeTimes(directory, List.of("npm", "install", "--no-package-lock", "--no-fund", "--no-audit"));
        }
    }

    /** The Model Context Protocol's own Python client, in an environment of its own. */
    void installPythonMcp() {
        python("mcp", "mcp");
    }

    /** Jupyter's clients, in an environment of their own. */
    void installJupyter() {
        python("jupyter", "nbclient", "jupyter_server", "websocket-client");
    }

    private void python(String name, String... requirements) {
        Path environment = home.resolve(name);
        if (Files.exists(environment.resolve("installed"))) {
            return;
        }
        try {
            Files.createDirectories(home);
            threeTimes(home, List.of("python3", "-m", "venv", environment.toString()));
            threeTimes(
                    home,
                    Stream.concat(
                                    Stream.of(
                                            environment.resolve("bin/pip").toString(),
                                            "install",
                                            "--quiet",
                                            "pytest",
                                            "httpx"),
                                    Stream.of(requirements))
                            .toList());
            Files.createFile(environment.resolve("installed"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs every JavaScript suite with the SDK of that package name ({@code e2b} or {@code e2b-oldest}). */
    void runJavascript(Holt holt, String sdk) {
        Path directory = Repository.e2e().resolve("javascript");
        try (Stream<Path> files = Files.list(directory)) {
            Stream<String> suites = files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".test.mjs") && !name.equals(INTERPRETER))
                    .sorted();
            Map<String, String> environment = new HashMap<>(holt.environment());
            environment.put("E2E_SDK", sdk);
            run(
                    directory,
                    environment,
                    Stream.concat(Stream.of("node", "--test", "--test-reporter=spec", "--test-concurrency=1"), suites));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs every Python suite in the environment of that name ({@code newest} or {@code oldest}). */
    void runPython(Holt holt, String environmentName) {
        run(
                Repository.e2e().resolve("python"),
                holt.environment(),
                Stream.of(
                        home.resolve(environmentName).resolve("bin/python").toString(),
                        "-m",
                        "pytest",
                        "-q",
                        "-p",
                        "no:cacheprovider",
                        "--durations=5"));
    }

    /** Runs the code interpreter's suites with both of its SDKs. */
    void runInterpreter(Holt holt) {
        run(
                Repository.e2e().resolve("javascript"),
                holt.environment(),
                Stream.of("node", "--test", "--test-reporter=spec", "--test-concurrency=1", INTERPRETER));
        run(
                Repository.e2e().resolve("python"),
                holt.environment(),
                Stream.of(
                        home.resolve("interpreter/bin/python").toString(),
                        "-m",
                        "pytest",
                        "-q",
                        "-p",
                        "no:cacheprovider",
                        "--durations=5",
                        "test_interpreter.py"));
    }

    /** Runs one JavaScript program and returns what it printed. */
    String script(Holt holt, String file, String... arguments) {
        return run(
                Repository.e2e().resolve("javascript"),
                holt.environment(),
                Stream.concat(Stream.of("node", file), Stream.of(arguments)));
    }

    /**
     * Runs one JavaScript program that has things done: for each line that it prints beginning with @, {@code work} gets the rest of
     * it, and the program reads a line when that is done. Other lines are printed.
     *
     * @param more variables of its environment
     */
    void converse(Holt holt, Map<String, String> more, Consumer<String> work, String file, String... arguments) {
        ProcessBuilder builder = new ProcessBuilder(Stream.concat(Stream.of("node", file), Stream.of(arguments))
                        .toList())
                .directory(Repository.e2e().resolve("javascript").toFile())
                .redirectErrorStream(true);
        builder.environment().putAll(holt.environment());
        builder.environment().putAll(more);
        try {
            Process program = builder.start();
            Thread limit = Thread.ofVirtual().start(() -> endAfter(program, SUITE_LIMIT));
            try (BufferedReader said = program.inputReader();
                    BufferedWriter answers = program.outputWriter()) {
                for (String line = said.readLine(); line != null; line = said.readLine()) {
                    if (line.startsWith("@")) {
                        work.accept(line.substring(1));
                        answers.write("done\n");
                        answers.flush();
                    } else {
                        System.out.println(line);
                    }
                }
                int exitCode = program.waitFor();
                if (exitCode != 0) {
                    throw new AssertionError(file + " ended with exit code " + exitCode + ", see what it printed");
                }
            } finally {
                program.destroyForcibly();
                limit.interrupt();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while running " + file, e);
        }
    }

    private static void endAfter(Process program, Duration limit) {
        try {
            if (!program.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                program.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // it has ended
        }
    }

    /** Runs one Python program in the environment of that name and returns what it printed. */
    String pythonScript(Holt holt, String environmentName, String file, String... arguments) {
        return run(
                Repository.e2e().resolve("python"),
                holt.environment(),
                Stream.concat(
                        Stream.of(home.resolve(environmentName)
                                .resolve("bin/python")
                                .toString()),
                        Stream.concat(Stream.of(file), Stream.of(arguments))));
    }

    /** Runs the E2B command line. */
    String e2bCli(Holt holt, String... arguments) {
        return run(
                Repository.e2e().resolve("javascript"),
                holt.environment(),
                Stream.concat(Stream.of("node_modules/.bin/e2b"), Stream.of(arguments)));
    }

    private static String run(Path directory, Map<String, String> environment, Stream<String> command) {
        Command done = Command.run(directory, environment, SUITE_LIMIT, command.toList());
        System.out.println(done.output());
        return done.succeeded().output();
    }

    private static void threeTimes(Path directory, List<String> command) {
        for (int attempt = 1; ; attempt++) {
            Command done = Command.run(directory, Map.of(), INSTALL_LIMIT, command);
            if (done.exitCode() == 0) {
                return;
            }
            if (attempt == 3) {
                done.succeeded();
            }
        }
    }
}
