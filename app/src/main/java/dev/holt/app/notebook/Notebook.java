package dev.holt.app.notebook;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.core.util.Separators;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.cfg.JsonNodeFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A notebook file (nbformat 4). What this class does not know of stays as it is. */
public final class Notebook {
    private static final JsonMapper JSON = JsonMapper.shared();

    private final ObjectNode root;

    private Notebook(ObjectNode root) {
        this.root = root;
    }

    /** What a file holds is no notebook that can be executed; the message says why. */
    public static final class Malformed extends Exception {
        private static final long serialVersionUID = 1L;

        Malformed(String message) {
            super(message);
        }
    }

    /** Reads a notebook. */
    public static Notebook parse(byte[] json) throws Malformed {
        JsonNode root;
        try {
            root = JSON.readTree(json);
        } catch (JacksonException e) {
            throw new Malformed("it is no JSON: " + e.getOriginalMessage());
        }
        if (!(root instanceof ObjectNode object) || !object.has("nbformat")) {
            throw new Malformed("it is no notebook: nbformat is missing");
        }
        int format = object.path("nbformat").asInt(0);
        if (format != 4) {
            throw new Malformed("its nbformat is " + format
                    + "; only 4 can be executed (jupyter nbconvert --to notebook " + "converts it)");
        }
        if (!object.path("cells").isArray()) {
            throw new Malformed("cells must be a list");
        }
        return new Notebook(object);
    }

    /** A cell of code. */
    public record Cell(int number, ObjectNode json) {
        /** Its text, which a file may hold as a list of lines. */
        public String source() {
            return text(json.path("source"));
        }

        /** Whether an exception in it is what its author wants to show. */
        boolean raisesException() {
            for (JsonNode tag : json.path("metadata").path("tags")) {
                if (tag.asString("").equals("raises-exception")) {
                    return true;
                }
            }
            return false;
        }
    }

    /** The cells of code in their order, numbered from 1 among all cells. */
    public List<Cell> codeCells() {
        List<Cell> cells = new ArrayList<>();
        int number = 0;
        for (JsonNode cell : root.path("cells")) {
            number++;
            if (cell instanceof ObjectNode object
                    && cell.path("cell_type").asString("").equals("code")) {
                cells.add(new Cell(number, object));
            }
        }
        return cells;
    }

    /** The kernel that it was written for, by the name that Jupyter has for it. */
    public Optional<String> kernelName() {
        return root.path("metadata")
                .path("kernelspec")
                .path("name")
                .asStringOpt()
                .filter(name -> !name.isBlank());
    }

    /** The language that it is written in. */
    public Optional<String> language() {
        JsonNode metadata = root.path("metadata");
        return metadata.path("kernelspec")
                .path("language")
                .asStringOpt()
                .or(() -> metadata.path("language_info").path("name").asStringOpt())
                .filter(name -> !name.isBlank());
    }

    /** Notes which kernel it was executed with. */
    void executedWith(String name, JsonNode specification, JsonNode languageInfo) {
        ObjectNode metadata = root.get("metadata") instanceof ObjectNode given ? given : root.putObject("metadata");
        ObjectNode kernelspec = metadata.putObject("kernelspec");
        kernelspec.put("display_name", specification.path("display_name").asString(name));
        kernelspec.put("language", specification.path("language").asString(""));
        kernelspec.put("name", name);
        if (languageInfo.isObject()) {
            metadata.set("language_info", languageInfo);
        }
    }

    /** The file's content, laid out as Jupyter does: keys in order, one blank for each level, so that versions compare well. */
    public byte[] toBytes() {
        var printer = new DefaultPrettyPrinter(Separators.createDefaultInstance()
                        .withObjectNameValueSpacing(Separators.Spacing.AFTER)
                        .withObjectEmptySeparator("")
                        .withArrayEmptySeparator(""))
                .withObjectIndenter(new DefaultIndenter(" ", "\n"))
                .withArrayIndenter(new DefaultIndenter(" ", "\n"));
        String text = JSON.writer()
                        .with(printer)
                        .with(JsonNodeFeature.WRITE_PROPERTIES_SORTED)
                        .without(JsonWriteFeature.WRITE_HEX_UPPER_CASE)
                        .writeValueAsString(root)
                + "\n";
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Writes the file whole or not at all. */
    public void write(Path file) throws IOException {
        Path target = file.toAbsolutePath();
        Path directory = target.getParent();
        Path name = target.getFileName();
        if (directory == null || name == null) {
            throw new IOException(file + " is no file");
        }
        Path unfinished =
                directory.resolve("." + name + "." + ProcessHandle.current().pid() + ".new");
        try {
            Files.write(unfinished, toBytes());
            Files.move(unfinished, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }

    static String text(JsonNode lines) {
        if (!lines.isArray()) {
            return lines.asString("");
        }
        StringBuilder text = new StringBuilder();
        lines.forEach(line -> text.append(line.asString("")));
        return text.toString();
    }

    /** Text as a list of its lines, their ends kept, as files hold it. */
    static ArrayNode lines(String text) {
        ArrayNode lines = JSON.createArrayNode();
        int start = 0;
        while (start < text.length()) {
            int end = text.indexOf('\n', start);
            end = end < 0 ? text.length() : end + 1;
            lines.add(text.substring(start, end));
            start = end;
        }
        return lines;
    }
}
