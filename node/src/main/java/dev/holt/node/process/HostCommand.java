package dev.holt.node.process;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * One call of a tool of the host: its words, its input, its deadline. Immutable; each {@code with...} method answers a new one,
 * each {@code run...} method starts the tool once and blocks (best on a virtual thread) until it has ended.
 *
 * <p>No shell is involved: words reach the tool as they are. The tool does not inherit Holt's environment, which holds secrets:
 * it gets {@code PATH}, {@code LC_ALL=C.UTF-8}, the proxy variables of Holt's own environment, and what {@link #withVariable}
 * adds. A tool still running at its deadline, or when the calling thread is interrupted, is killed with all its children.
 */
public final class HostCommand {
    private static final Duration DEFAULT_LIMIT = Duration.ofSeconds(30);
    private static final String SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    private static final List<String> PASSED_ON =
            List.of("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "TMPDIR");

    private final List<String> words;
    private final byte[] input;
    private final Duration limit;
    private final Map<String, String> variables;

    private HostCommand(List<String> words, byte[] input, Duration limit, Map<String, String> variables) {
        if (words.isEmpty()) {
            throw new IllegalArgumentException("a command needs at least the name of its program");
        }
        this.words = List.copyOf(words);
        this.input = input;
        this.limit = limit;
        this.variables = Map.copyOf(variables);
    }

    /** {@code program} is looked up in {@code PATH} and the system's usual directories unless it contains a slash. */
    public static HostCommand of(String program, String... arguments) {
        List<String> words = new ArrayList<>(arguments.length + 1);
        words.add(program);
        words.addAll(List.of(arguments));
        return of(words);
    }

    /** As {@link #of(String, String...)}; the first word is the program. */
    public static HostCommand of(List<String> words) {
        return new HostCommand(words, new byte[0], DEFAULT_LIMIT, Map.of());
    }

    /** The tool's whole standard input, as UTF-8; empty unless given. */
    public HostCommand withInput(String text) {
        return new HostCommand(words, text.getBytes(StandardCharsets.UTF_8), limit, variables);
    }

    /** How long the tool may take; 30 s unless given. */
    public HostCommand withLimit(Duration limit) {
        return new HostCommand(words, input, limit, variables);
    }

    /** One more environment variable. */
    public HostCommand withVariable(String name, String value) {
        Map<String, String> more = new TreeMap<>(variables);
        more.put(name, value);
        return new HostCommand(words, input, limit, more);
    }

    /**
     * How a tool ended.
     *
     * @param exitCode its exit status, 128 + n when signal n ended it
     * @param output all it wrote to standard output
     * @param errors all it wrote to standard error
     */
    public record Outcome(int exitCode, String output, String errors) {
        /** Whether the exit status was 0. */
        public boolean succeeded() {
            return exitCode == 0;
        }
    }

    /**
     * Runs the tool and returns however it ended. Returns only when every process that holds its output has ended or closed it:
     * a tool that leaves a daemon behind needs {@link #runSilently}.
     *
     * @throws CommandFailure when it could not be started or exceeded its deadline, or this thread was interrupted
     */
    public Outcome run() {
        Process process = start(new ProcessBuilder(words));
        return supervised(process, () -> {
            FutureTask<String> errors = new FutureTask<>(() -> text(process.getErrorStream()));
            Thread.ofVirtual().name("stderr of " + words.getFirst()).start(errors);
            FutureTask<Void> feeding = feed(process);
            String output = text(process.getInputStream());
            int exitCode = process.waitFor();
            feeding.get();
            return new Outcome(exitCode, output, errors.get());
        });
    }

    /**
     * Runs the tool and returns when it has succeeded.
     *
     * @throws CommandFailure as {@link #run}, and when its exit status is not 0
     */
    public Outcome runOrFail() {
        Outcome outcome = run();
        if (!outcome.succeeded()) {
            throw failure(outcome.exitCode(), outcome.errors().isBlank() ? outcome.output() : outcome.errors());
        }
        return outcome;
    }

    /**
     * Runs the tool to its success and hands each line that it writes, to standard output or error, to {@code onLine} as it
     * comes, in order, on another thread.
     *
     * @throws CommandFailure as {@link #runOrFail}; the message holds the last lines
     */
    public void runWithLines(Consumer<String> onLine) {
        Process process = start(new ProcessBuilder(words).redirectErrorStream(true));
        List<String> last = new ArrayList<>();
        int exitCode = supervised(process, () -> {
            FutureTask<Void> feeding = feed(process);
            try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
                for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                    onLine.accept(line);
                    last.add(line);
                    if (last.size() > 20) {
                        last.removeFirst();
                    }
                }
            }
            feeding.get();
            return process.waitFor();
        });
        if (exitCode != 0) {
            throw failure(exitCode, String.join("\n", last));
        }
    }

    /**
     * Runs the tool with /dev/null as standard input, output and error, which whatever it leaves running inherits, and returns
     * its exit status. The cheapest way: no pipes and no further threads.
     *
     * @throws CommandFailure as {@link #run}
     */
    public int runSilently() {
        Process process = start(new ProcessBuilder(words)
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD));
        try {
            if (!process.waitFor(limit.toNanos(), TimeUnit.NANOSECONDS)) {
                killTree(process);
                throw tooSlow();
            }
            return process.exitValue();
        } catch (InterruptedException e) {
            killTree(process);
            throw interrupted(e);
        }
    }

    /** Where {@code program} is: in {@code PATH}, else in the system's usual directories; empty when in none. */
    public static Optional<Path> locate(String program) {
        if (program.contains("/")) {
            return Optional.of(Path.of(program)).filter(Files::isExecutable);
        }
        for (String directory : searchPath().split(":", -1)) {
            Path candidate = Path.of(directory, program);
            if (!directory.isEmpty() && Files.isRegularFile(candidate) && Files.isExecutable(candidate)) {
                return Optional.of(candidate);
            }
        }
        return Optional.empty();
    }

    private static String searchPath() {
        String own = Objects.requireNonNullElse(System.getenv("PATH"), "");
        Set<String> directories = new LinkedHashSet<>(List.of((own + ":" + SYSTEM_PATH).split(":", -1)));
        directories.remove("");
        return String.join(":", directories);
    }

    private Process start(ProcessBuilder builder) {
        Path program = locate(words.getFirst())
                .orElseThrow(() -> new CommandFailure(
                        "'" + words.getFirst() + "' was not found on this host; looked in " + searchPath()));
        List<String> located = new ArrayList<>(words);
        located.set(0, program.toString());
        Map<String, String> environment = builder.command(located).environment();
        Map<String, String> own = Map.copyOf(environment);
        environment.clear();
        environment.put("PATH", searchPath());
        environment.put("LC_ALL", "C.UTF-8");
        for (String name : PASSED_ON) {
            String value = own.get(name);
            if (value != null) {
                environment.put(name, value);
            }
        }
        environment.putAll(variables);
        try {
            return builder.start();
        } catch (IOException e) {
            throw new CommandFailure("could not run '" + program + "': " + e.getMessage(), e);
        }
    }

    /** The tool's whole input is written by a thread of its own, so that a tool that answers before it has read all can't block. */
    private FutureTask<Void> feed(Process process) {
        FutureTask<Void> feeding = new FutureTask<>(() -> {
            try (OutputStream stdin = process.getOutputStream()) {
                stdin.write(input);
            } catch (IOException e) {
                // A tool may end without reading its input: its exit status tells whether that was a failure.
                return null;
            }
            return null;
        });
        if (input.length <= 4096) {
            feeding.run(); // fits into any pipe
        } else {
            Thread.ofVirtual().name("stdin of " + words.getFirst()).start(feeding);
        }
        return feeding;
    }

    @FunctionalInterface
    private interface Conversation<T> {
        T hold() throws Exception;
    }

    /**
     * Holds the conversation on a thread of its own, because neither a deadline nor an interrupt ends a read of a pipe. One that
     * is given up ends by itself when the killed tool's pipes close.
     */
    private <T> T supervised(Process process, Conversation<T> conversation) {
        FutureTask<T> talking = new FutureTask<>(conversation::hold);
        Thread.ofVirtual().name("run of " + words.getFirst()).start(talking);
        try {
            return talking.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            killTree(process);
            throw interrupted(e);
        } catch (TimeoutException e) {
            killTree(process);
            throw tooSlow();
        } catch (ExecutionException e) {
            killTree(process);
            throw new CommandFailure("talking to '" + describe() + "' failed: " + e.getCause(), e);
        }
    }

    private static void killTree(Process process) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }

    private static String text(InputStream stream) throws IOException {
        return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    }

    private CommandFailure failure(int exitCode, String said) {
        return new CommandFailure("'" + describe() + "' failed with status " + exitCode + ": " + said.strip());
    }

    private CommandFailure tooSlow() {
        return new CommandFailure("'" + describe() + "' did not end within " + limit.toMillis() + " ms and was killed");
    }

    private CommandFailure interrupted(InterruptedException e) {
        Thread.currentThread().interrupt();
        return new CommandFailure("'" + describe() + "' was killed because its caller was interrupted", e);
    }

    private String describe() {
        return String.join(" ", words);
    }

    @Override
    public String toString() {
        return describe();
    }
}
