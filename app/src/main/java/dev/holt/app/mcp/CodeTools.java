package dev.holt.app.mcp;

import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExecutionStream;
import dev.holt.app.client.ExitCode;
import io.modelcontextprotocol.spec.McpSchema;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/** Runs code in the kernels of the code interpreter. */
final class CodeTools {
    private static final int USUAL_SECONDS = 60;
    private static final int MOST_SECONDS = 3600;
    private static final int OUTPUT_LIMIT = 64 * 1024;
    private static final int RESULT_LIMIT = 64 * 1024;
    private static final int MOST_RESULTS = 50;
    /** Of the base64 form of all pictures of one answer; models take some megabytes at most. */
    private static final int PICTURES_LIMIT = 4 << 20;

    private static final List<String> OTHER_FORMATS =
            List.of("html", "markdown", "svg", "latex", "json", "javascript", "data", "chart");

    /** Colours and the like, which IPython puts into tracebacks (ECMA-48, control sequences). */
    private static final Pattern CONTROL_SEQUENCES = Pattern.compile("\u001b\\[[0-?]*[ -/]*[@-~]");

    private CodeTools() {}

    static List<Tool> all() {
        return List.of(run());
    }

    private static Tool run() {
        return new Tool(
                "run_code",
                "Run code",
                "Runs code in the sandbox's kernel for its language, as a notebook runs a cell: variables, imports and functions "
                        + "stay for the next call, the value of the last expression is a result, and charts come as pictures. "
                        + "Needs a sandbox with kernels, such as one of the template code-interpreter-v1. Answers "
                        + "standard output and error (of each at most " + OUTPUT_LIMIT / 1024
                        + " KiB: the beginning and the end), results as text and pictures, and an exception as an error "
                        + "with its traceback. Code that still runs after timeout_seconds is interrupted; the kernel "
                        + "keeps its state. Calls for one language run one after the other.",
                new Schema()
                        .needsSandbox()
                        .needs("code", Schema.text("The code of one cell.", 1, 4 << 20))
                        .takes(
                                "language",
                                Schema.text(
                                        "python, javascript, typescript, r, java or bash, as far as the template has a kernel for "
                                                + "it. Default: python.",
                                        1,
                                        64))
                        .takes(
                                "timeout_seconds",
                                Schema.number("Seconds that it may take.", 1, MOST_SECONDS, USUAL_SECONDS))
                        .takes("env", Schema.strings("Environment variables for this run alone."))
                        .takes(
                                "formats",
                                Schema.someOf(
                                        "Other forms of the results that are wanted besides text and pictures; without them the "
                                                + "answer only says which there are.",
                                        OTHER_FORMATS.toArray(String[]::new))),
                Tool.Effect.RUNS,
                CodeTools::run);
    }

    private static CallToolResult run(Caller caller, Arguments arguments, RunningCall call) {
        Duration time = Duration.ofSeconds(arguments.number("timeout_seconds", USUAL_SECONDS));
        Run run = new Run(arguments.words("formats"));
        String language = arguments.text("language", "python");
        Caller.Sandbox sandbox = caller.sandbox(arguments.sandbox());
        call.endAfter(time);
        try (ExecutionStream stream =
                sandbox.interpreter().execute(arguments.text("code"), language, arguments.strings("env"), time)) {
            call.onStop(stream::close);
            for (Optional<JsonNode> next = stream.next(); next.isPresent(); next = stream.next()) {
                run.add(next.get());
            }
            return run.answer(Optional.empty());
        } catch (ClientException e) {
            return run.answer(Optional.of(reason(e, call, time)));
        }
    }

    private static String reason(ClientException e, RunningCall call, Duration time) {
        if (call.isCanceled()) {
            return "The code was interrupted: the call was canceled.";
        }
        if (e.isTimeout() || call.isLate()) {
            return "The code was interrupted: it was still running after " + time.toSeconds()
                    + " seconds (timeout_seconds).";
        }
        if (e.exitCode() == ExitCode.NOT_FOUND && String.valueOf(e.getMessage()).contains("port is not open")) {
            return "This sandbox has no code interpreter: create one from the template code-interpreter-v1, or use "
                    + "run_command.";
        }
        return String.valueOf(e.getMessage());
    }

    /** What came of one run so far. */
    private static final class Run {
        private final List<String> formats;
        private final BoundedOutput stdout = new BoundedOutput(OUTPUT_LIMIT);
        private final BoundedOutput stderr = new BoundedOutput(OUTPUT_LIMIT);
        private final List<McpSchema.Content> results = new ArrayList<>();
        private final List<String> errors = new ArrayList<>();
        private int resultsLeftOut;
        private int pictureBytes;

        Run(List<String> formats) {
            this.formats = formats;
        }

        void add(JsonNode event) {
            switch (event.path("type").asString("")) {
                case "stdout" -> stdout.add(event.path("text").asString(""));
                case "stderr" -> stderr.add(event.path("text").asString(""));
                case "result" -> addResult(event);
                case "error" -> errors.add(error(event));
                case ExecutionStream.TOO_LONG ->
                    text("[a result of " + event.path("bytes").asLong(0) + " bytes is left out: too long]");
                default -> {
                    // the number of executions, or an event of a newer interpreter
                }
            }
        }

        private void addResult(JsonNode result) {
            if (results.size() >= MOST_RESULTS) {
                resultsLeftOut++;
                return;
            }
            boolean picture = addPicture(result, "png", "image/png") | addPicture(result, "jpeg", "image/jpeg");
            String text = result.path("text").asString("");
            if (!text.isEmpty() && !(picture && !result.path("is_main_result").asBoolean(false))) {
                text(bounded(text));
            }
            List<String> others = new ArrayList<>();
            for (String format : OTHER_FORMATS) {
                JsonNode value = result.path(format);
                if (value.isMissingNode() || value.isNull()) {
                    continue;
                }
                String shown = value.isString() ? value.asString() : value.toString();
                if (formats.contains(format)) {
                    text(format + ":\n" + bounded(shown));
                } else {
                    others.add(format);
                }
            }
            if (result.path("pdf").isString()) {
                others.add("pdf (write it to a file instead)");
            }
            if (!others.isEmpty()) {
                text("[this result also has: " + String.join(", ", others) + "]");
            }
        }

        private boolean addPicture(JsonNode result, String format, String mediaType) {
            String data = result.path(format).asString("").replaceAll("\\s", "");
            if (data.isEmpty()) {
                return false;
            }
            if (pictureBytes + data.length() > PICTURES_LIMIT) {
                text("[a picture of " + data.length() / 4 * 3
                        + " bytes is left out: the pictures of one answer may have " + PICTURES_LIMIT / 4 * 3
                        + " bytes together. Save it to a file instead]");
                return true;
            }
            pictureBytes += data.length();
            results.add(McpSchema.ImageContent.builder(data, mediaType).build());
            return true;
        }

        private static String bounded(String text) {
            BoundedOutput output = new BoundedOutput(RESULT_LIMIT);
            output.add(text);
            return output.text();
        }

        private static String error(JsonNode event) {
            String traceback = CONTROL_SEQUENCES
                    .matcher(event.path("traceback").asString(""))
                    .replaceAll("");
            String name = event.path("name").asString("Error") + ": "
                    + event.path("value").asString("");
            return bounded(
                    traceback.contains(event.path("name").asString("Error")) ? traceback : name + "\n" + traceback);
        }

        private void text(String text) {
            results.add(McpSchema.TextContent.builder(text).build());
        }

        /** @param failure why the run did not get to its end */
        CallToolResult answer(Optional<String> failure) {
            List<McpSchema.Content> content = new ArrayList<>();
            failure.ifPresent(
                    text -> content.add(McpSchema.TextContent.builder(text).build()));
            part(content, "stdout", stdout);
            part(content, "stderr", stderr);
            content.addAll(results);
            if (resultsLeftOut > 0) {
                content.add(McpSchema.TextContent.builder("[" + resultsLeftOut + " more results are left out]")
                        .build());
            }
            errors.forEach(
                    text -> content.add(McpSchema.TextContent.builder(text).build()));
            if (content.isEmpty()) {
                content.add(McpSchema.TextContent.builder("(no output)").build());
            }
            return CallToolResult.builder()
                    .content(content)
                    .isError(failure.isPresent() || !errors.isEmpty())
                    .build();
        }

        private static void part(List<McpSchema.Content> content, String name, BoundedOutput output) {
            if (!output.isEmpty()) {
                content.add(McpSchema.TextContent.builder("--- " + name + " ---\n" + output.text())
                        .build());
            }
        }
    }
}
