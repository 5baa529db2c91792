package dev.holt.node.interpreter.output;

import dev.holt.http.Json;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import dev.holt.node.interpreter.jupyter.KernelMessage;
import java.io.IOException;
import java.time.Instant;
import java.util.Map;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * Tells a client what a kernel put out, one JSON line for each thing. The names of the formats and what belongs to {@code extra} are
 * those of E2B's server, as are the mime types {@code e2b/data} and {@code e2b/chart}. For one thread at a time.
 */
public final class Outputs {
    private static final Map<String, String> FORMATS = Map.ofEntries(
            Map.entry("text/plain", "text"),
            Map.entry("text/html", "html"),
            Map.entry("text/markdown", "markdown"),
            Map.entry("image/svg+xml", "svg"),
            Map.entry("image/png", "png"),
            Map.entry("image/jpeg", "jpeg"),
            Map.entry("application/pdf", "pdf"),
            Map.entry("text/latex", "latex"),
            Map.entry("application/json", "json"),
            Map.entry("application/javascript", "javascript"),
            Map.entry("e2b/data", "data"),
            Map.entry("e2b/chart", "chart"));
    /** Colours and the like (ECMA-48, control sequences). */
    private static final Pattern CONTROL_SEQUENCE = Pattern.compile("\u001b\\[[0-?]*[ -/]*[@-~]");
    /** The longest error that is taken apart. */
    private static final int ERROR_MAXIMUM = 4 * 1024 * 1024;

    private final LineWriter writer;
    private boolean failed;

    public Outputs(LineWriter writer) {
        this.writer = writer;
    }

    /** Whether an error was told. */
    public boolean failed() {
        return failed;
    }

    /** What was printed: {@code stream}. */
    public void stream(KernelMessage message) throws IOException {
        JsonSlice content = JsonSlice.object(message.content());
        JsonSlice text =
                content.field("text").filter(JsonSlice::isString).orElseThrow(() -> malformed("a stream without text"));
        boolean error =
                content.field("name").filter(name -> name.isText("stderr")).isPresent();
        writer.ascii(error ? "{\"type\":\"stderr\",\"text\":" : "{\"type\":\"stdout\",\"text\":");
        writer.slice(text);
        timestamp(message.date());
    }

    /** Something for the client that no kernel said, as if it had been printed to stderr. */
    public void notice(String text) throws IOException {
        writer.ascii("{\"type\":\"stderr\",\"text\":");
        writer.string(text + "\n");
        timestamp(Instant.now());
    }

    private void timestamp(Instant moment) throws IOException {
        writer.ascii(",\"timestamp\":" + moment.getEpochSecond() + "%09d".formatted(moment.getNano()) + "}\n");
    }

    /** What was shown: {@code display_data}, or {@code execute_result}, which is the main result. */
    public void result(KernelMessage message, boolean main) throws IOException {
        JsonSlice data = JsonSlice.object(message.content())
                .field("data")
                .filter(JsonSlice::isObject)
                .orElseThrow(() -> malformed("a result without data"));
        Parts known = new Parts(true);
        data.fields(known);
        Parts other = new Parts(false);
        data.fields(other);
        writer.ascii("{\"type\":\"result\"");
        known.write();
        if (!other.isEmpty()) {
            writer.ascii(",\"extra\":{");
            other.write();
            writer.ascii("}");
        }
        writer.ascii(main ? ",\"is_main_result\":true}\n" : ",\"is_main_result\":false}\n");
    }

    /** The fields of a result that are known formats, or those that are not. */
    private final class Parts implements JsonSlice.Fields {
        private final boolean known;
        private final java.util.LinkedHashMap<String, JsonSlice> values = new java.util.LinkedHashMap<>();

        Parts(boolean known) {
            this.known = known;
        }

        @Override
        public void field(String name, JsonSlice value) {
            if (FORMATS.containsKey(name) == known && !value.isNull()) {
                values.put(name, value);
            }
        }

        boolean isEmpty() {
            return values.isEmpty();
        }

        void write() throws IOException {
            String separator = known ? "," : "";
            for (Map.Entry<String, JsonSlice> part : values.entrySet()) {
                String format = FORMATS.get(part.getKey());
                JsonSlice value = part.getValue();
                writer.ascii(separator);
                separator = ",";
                if (format == null) {
                    byte[] name = ('"' + part.getKey() + '"').getBytes(java.nio.charset.StandardCharsets.UTF_8);
                    writer.bytes(name, 0, name.length);
                } else {
                    writer.ascii('"' + format + '"');
                }
                writer.ascii(":");
                if ("text".equals(format) && value.isString()) {
                    JsonSlice.Unquoted inside = value.unquoted();
                    writer.ascii("\"");
                    writer.bytes(value.json(), inside.from(), inside.to());
                    writer.ascii("\"");
                } else {
                    writer.slice(value);
                }
            }
        }
    }

    /** The count of the cell that begins: {@code execute_input}. */
    public void executionCount(KernelMessage message) throws IOException {
        JsonSlice count = JsonSlice.object(message.content())
                .field("execution_count")
                .orElseThrow(() -> malformed("an input without its count"));
        writer.ascii("{\"type\":\"number_of_executions\",\"execution_count\":");
        writer.slice(count);
        writer.ascii("}\n");
    }

    /** An exception: {@code error}, or a reply that says the same. Only the first is told. */
    public void error(KernelMessage message) throws IOException {
        if (failed) {
            return;
        }
        int bytes = message.content().length;
        if (bytes > ERROR_MAXIMUM) {
            error(
                    "ErrorTooLarge",
                    "the code failed with an error of " + bytes + " bytes, which is too long to tell",
                    "");
            return;
        }
        JsonNode content;
        try {
            content = Json.MAPPER.readTree(message.content());
        } catch (JacksonException failure) {
            throw malformed("an error that is no JSON");
        }
        StringBuilder traceback = new StringBuilder();
        for (JsonNode part : content.path("traceback")) {
            traceback.append(traceback.isEmpty() ? "" : "\n").append(part.asString(""));
        }
        error(
                content.path("ename").asString(""),
                clean(content.path("evalue").asString("")),
                clean(traceback.toString()));
    }

    private static String clean(String text) {
        return CONTROL_SEQUENCE.matcher(text).replaceAll("");
    }

    /** An error that ends the cell. Only the first is told. */
    public void error(String name, String value, String traceback) throws IOException {
        if (failed) {
            return;
        }
        failed = true;
        writer.ascii("{\"type\":\"error\",\"name\":");
        writer.string(name);
        writer.ascii(",\"value\":");
        writer.string(value);
        writer.ascii(",\"traceback\":");
        writer.string(traceback);
        writer.ascii("}\n");
    }

    /** Nothing happened for a while. */
    public void keepalive() throws IOException {
        writer.ascii("{\"type\":\"keepalive\"}\n");
    }

    /** Nothing will follow. */
    public void end() throws IOException {
        writer.ascii("{\"type\":\"end_of_execution\"}\n");
    }

    private static KernelFailure malformed(String what) {
        return new KernelFailure(KernelFailure.Kind.MALFORMED, "the kernel sent " + what);
    }
}
