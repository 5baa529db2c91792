package dev.holt.app.notebook;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Makes the outputs of cells from a kernel's messages, as Jupyter's own clients do ("Messages on the IOPub channel" and nbformat's
 * "Code cell outputs"): streams are merged, displays can be updated and outputs cleared.
 */
final class CellOutputs {
    private static final JsonMapper JSON = JsonMapper.shared();

    /** Of the whole notebook: a later cell may update what an earlier one has displayed. */
    private final Map<String, List<ObjectNode>> displays = new HashMap<>();

    private ArrayNode outputs = JSON.createArrayNode();
    private boolean clearBeforeNext;

    /** From now on outputs are those of {@code cell}, which has none so far. */
    void begin(ObjectNode cell) {
        outputs = cell.putArray("outputs");
        clearBeforeNext = false;
    }

    /** Takes a message of the iopub channel that is about the cell; others are ignored. */
    void add(String type, JsonNode content) {
        switch (type) {
            case "stream" -> stream(content);
            case "execute_result", "display_data" -> display(type, content);
            case "update_display_data" -> update(content);
            case "error" -> error(content);
            case "clear_output" -> {
                if (content.path("wait").asBoolean(false)) {
                    clearBeforeNext = true;
                } else {
                    clear();
                }
            }
            default -> {
                // the state of the kernel, its echo of the code, comm messages of widgets
            }
        }
    }

    /** Splits text into lines, as files hold it. Once, when the notebook is done. */
    void finish(ObjectNode cell) {
        for (JsonNode output : cell.path("outputs")) {
            if (!(output instanceof ObjectNode object)) {
                continue;
            }
            if (object.path("output_type").asString("").equals("stream")) {
                object.set("text", Notebook.lines(object.path("text").asString("")));
            }
            if (object.get("data") instanceof ObjectNode data) {
                for (String mediaType : List.copyOf(data.propertyNames())) {
                    JsonNode value = data.path(mediaType);
                    if (value.isString() && isText(mediaType)) {
                        data.set(mediaType, Notebook.lines(value.asString()));
                    }
                }
            }
        }
    }

    private static boolean isText(String mediaType) {
        return mediaType.startsWith("text/")
                || mediaType.equals("image/svg+xml")
                || mediaType.equals("application/javascript");
    }

    private void stream(JsonNode content) {
        clearIfAsked();
        String name = content.path("name").asString("stdout");
        String text = content.path("text").asString("");
        if (!outputs.isEmpty()
                && outputs.get(outputs.size() - 1) instanceof ObjectNode last
                && last.path("output_type").asString("").equals("stream")
                && last.path("name").asString("").equals(name)) {
            last.put("text", last.path("text").asString("") + text);
            return;
        }
        outputs.addObject().put("name", name).put("output_type", "stream").put("text", text);
    }

    private void display(String type, JsonNode content) {
        clearIfAsked();
        ObjectNode output = outputs.addObject();
        output.set("data", content.path("data").deepCopy());
        if (type.equals("execute_result")) {
            output.set("execution_count", content.path("execution_count"));
        }
        output.set(
                "metadata", content.path("metadata").isObject() ? content.path("metadata") : JSON.createObjectNode());
        output.put("output_type", type);
        displayId(content)
                .ifPresent(id -> displays.computeIfAbsent(id, unused -> new ArrayList<>())
                        .add(output));
    }

    private void update(JsonNode content) {
        Optional<String> id = displayId(content);
        for (ObjectNode output : id.map(displays::get).orElse(List.of())) {
            output.set("data", content.path("data").deepCopy());
            if (content.path("metadata").isObject()) {
                output.set("metadata", content.path("metadata"));
            }
        }
    }

    private static Optional<String> displayId(JsonNode content) {
        return content.path("transient").path("display_id").asStringOpt();
    }

    private void error(JsonNode content) {
        clearIfAsked();
        ObjectNode output = outputs.addObject();
        output.put("ename", content.path("ename").asString(""));
        output.put("evalue", content.path("evalue").asString(""));
        output.put("output_type", "error");
        output.set(
                "traceback", content.path("traceback").isArray() ? content.path("traceback") : JSON.createArrayNode());
    }

    private void clearIfAsked() {
        if (clearBeforeNext) {
            clear();
        }
    }

    private void clear() {
        clearBeforeNext = false;
        for (JsonNode output : outputs) {
            displays.values().forEach(shown -> shown.removeIf(one -> one == output));
        }
        outputs.removeAll();
    }
}
