package dev.holt.app.notebook;

import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.app.client.SandboxAddress;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Executes a notebook's cells in a kernel of a sandbox, one after the other, and puts their outputs into it. */
public final class NotebookRun {
    private static final Duration INFO_PATIENCE = Duration.ofSeconds(60);
    private static final Duration INTERRUPT_PATIENCE = Duration.ofSeconds(10);
    /** As good as never, and not too long to be counted in nanoseconds. */
    private static final Duration NEVER = Duration.ofDays(365);

    private final HttpClient http;
    private final SandboxAddress sandbox;
    private final Options options;
    private final Consumer<String> progress;

    /**
     * @param kernel to use instead of the notebook's own
     * @param cellTimeout after which a cell is interrupted, and has failed
     * @param allowErrors whether to go on after a cell that failed
     */
    public record Options(Optional<String> kernel, Optional<Duration> cellTimeout, boolean allowErrors) {}

    /** @param progress told in a line what happens, for a person */
    public NotebookRun(HttpClient http, SandboxAddress sandbox, Options options, Consumer<String> progress) {
        this.http = http;
        this.sandbox = sandbox;
        this.options = options;
        this.progress = progress;
    }

    /**
     * Executes all of it, or up to the first cell that fails. Outputs are in the notebook either way, also when this throws.
     *
     * @return what failed first, for a person; empty when nothing did
     * @throws ClientException when there is no such kernel, or it can't be reached any more
     */
    public Optional<String> execute(Notebook notebook) throws InterruptedException {
        JsonNode installed = RemoteKernel.installed(http, sandbox);
        String name = kernel(notebook, installed);
        List<Notebook.Cell> cells = notebook.codeCells();
        CellOutputs outputs = new CellOutputs();
        for (Notebook.Cell cell : cells) {
            cell.json().putArray("outputs");
            cell.json().putNull("execution_count");
        }
        Optional<String> failed = Optional.empty();
        try (RemoteKernel kernel = RemoteKernel.start(http, sandbox, name)) {
            notebook.executedWith(name, installed.path("kernelspecs").path(name).path("spec"), languageInfo(kernel));
            for (Notebook.Cell cell : cells) {
                if (cell.source().isBlank()) {
                    continue;
                }
                progress.accept("cell " + cell.number());
                Optional<String> problem = execute(kernel, cell, outputs);
                if (problem.isPresent() && failed.isEmpty() && !cell.raisesException()) {
                    failed = Optional.of("cell " + cell.number() + ": " + problem.get());
                    if (!options.allowErrors) {
                        break;
                    }
                }
            }
        } finally {
            cells.forEach(cell -> outputs.finish(cell.json()));
        }
        return failed;
    }

    /** The kernel to use: the one that was asked for, the notebook's own, or one for its language. */
    private String kernel(Notebook notebook, JsonNode installed) {
        JsonNode specs = installed.path("kernelspecs");
        Optional<String> wanted = options.kernel.or(notebook::kernelName);
        if (wanted.isPresent() && specs.has(wanted.get())) {
            return wanted.get();
        }
        if (options.kernel.isEmpty()) {
            for (String name : specs.propertyNames()) {
                String language = specs.path(name).path("spec").path("language").asString("");
                if (notebook.language().filter(language::equalsIgnoreCase).isPresent()) {
                    return name;
                }
            }
            if (wanted.isEmpty() && specs.has(installed.path("default").asString(""))) {
                return installed.path("default").asString("");
            }
        }
        throw new ClientException(
                ExitCode.FAILED,
                "The sandbox has no kernel "
                        + wanted.map(text -> "'" + text + "'").orElse("at all") + "; installed are: "
                        + RemoteKernel.names(installed)
                        + ". The template code-interpreter-v1 has kernels; --kernel takes another one");
    }

    private static JsonNode languageInfo(RemoteKernel kernel) throws InterruptedException {
        String request = kernel.send("kernel_info_request", Map.of());
        long deadline = System.nanoTime() + INFO_PATIENCE.toNanos();
        while (true) {
            Optional<JsonNode> message = kernel.next(Duration.ofNanos(deadline - System.nanoTime()));
            if (message.isEmpty()) {
                throw new ClientException(
                        ExitCode.FAILED, "The kernel did not answer within " + INFO_PATIENCE.toSeconds() + " seconds");
            }
            if (isAbout(message.get(), request) && type(message.get()).equals("kernel_info_reply")) {
                return message.get().path("content").path("language_info");
            }
        }
    }

    private Optional<String> execute(RemoteKernel kernel, Notebook.Cell cell, CellOutputs outputs)
            throws InterruptedException {
        ObjectNode json = cell.json();
        outputs.begin(json);
        boolean goesOn = options.allowErrors || cell.raisesException();
        String request = kernel.send("execute_request", RemoteKernel.code(cell.source(), !goesOn));
        Duration limit = options.cellTimeout.orElse(NEVER);
        long deadline = System.nanoTime() + limit.toNanos();
        boolean interrupted = false;
        Optional<String> problem = Optional.empty();
        boolean replied = false;
        boolean idle = false;
        while (!replied || !idle) {
            Optional<JsonNode> next = kernel.next(Duration.ofNanos(deadline - System.nanoTime()));
            if (next.isEmpty()) {
                if (interrupted) {
                    throw new ClientException(
                            ExitCode.FAILED,
                            "cell " + cell.number() + " still runs although it was interrupted after "
                                    + limit.toSeconds() + " seconds");
                }
                kernel.interrupt();
                interrupted = true;
                deadline = System.nanoTime() + INTERRUPT_PATIENCE.toNanos();
                continue;
            }
            JsonNode message = next.get();
            if (!isAbout(message, request)) {
                continue;
            }
            JsonNode content = message.path("content");
            switch (type(message)) {
                case "execute_reply" -> {
                    replied = true;
                    if (content.path("execution_count").asInt(0) > 0) {
                        json.set("execution_count", content.path("execution_count"));
                    }
                    if (!content.path("status").asString("").equals("ok")) {
                        problem = Optional.of(describe(content));
                    }
                }
                case "execute_input" -> json.set("execution_count", content.path("execution_count"));
                case "status" ->
                    idle |= content.path("execution_state").asString("").equals("idle");
                default -> {
                    if (message.path("channel").asString("").equals("iopub")) {
                        outputs.add(type(message), content);
                    }
                }
            }
        }
        return interrupted
                ? Optional.of(
                        "it was interrupted, since it still ran after " + limit.toSeconds() + " seconds (--timeout)")
                : problem;
    }

    private static String describe(JsonNode reply) {
        String name = reply.path("ename").asString("");
        return name.isEmpty()
                ? "the kernel answered " + reply.path("status").asString("nothing")
                : name + ": " + reply.path("evalue").asString("");
    }

    private static boolean isAbout(JsonNode message, String request) {
        return message.path("parent_header").path("msg_id").asString("").equals(request);
    }

    private static String type(JsonNode message) {
        return message.path("header").path("msg_type").asString("");
    }
}
