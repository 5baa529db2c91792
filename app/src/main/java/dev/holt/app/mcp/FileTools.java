package dev.holt.app.mcp;

import dev.holt.app.client.FilesClient;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/** Reads, writes and lists files. */
final class FileTools {
    private static final int MOST_READ = 1 << 20;
    private static final int USUAL_READ = 64 * 1024;
    private static final int MOST_WRITTEN = 8 << 20;
    private static final int MOST_ENTRIES = 1000;

    private FileTools() {}

    static List<Tool> all() {
        return List.of(read(), write(), list());
    }

    private static Map<String, Object> path(String what) {
        return Schema.text(what + " Relative paths start in the user's home.", 1, 4096);
    }

    private static Map<String, Object> user() {
        return Schema.text("As whom. Default: the template's user.", 1, 64);
    }

    private static Tool read() {
        return new Tool(
                "read_file",
                "Read a file",
                "Answers what is in a file, or a part of it. When there is more, the last line says where to go on. A file "
                        + "that is no UTF-8 text is an error that says so, unless encoding is base64.",
                new Schema()
                        .needsSandbox()
                        .needs("path", path("The file."))
                        .takes("offset", Schema.number("The first byte to read.", 0, Long.MAX_VALUE >> 10, 0))
                        .takes(
                                "max_bytes",
                                Schema.number("How many bytes to answer at most.", 1, MOST_READ, USUAL_READ))
                        .takes("encoding", Schema.oneOf("How to answer the bytes.", "text", "base64"))
                        .takes("user", user()),
                Tool.Effect.READS,
                FileTools::read);
    }

    private static CallToolResult read(Caller caller, Arguments arguments, RunningCall call) {
        String path = arguments.text("path");
        long offset = arguments.number("offset", 0);
        int most = (int) arguments.number("max_bytes", USUAL_READ);
        FilesClient files = caller.sandbox(arguments.sandbox()).files(arguments.optionalText("user"));
        // one more than is answered tells whether there is more, also where the size is not known beforehand
        FilesClient.Part part = files.read(path, offset, most + 1);
        boolean more = part.bytes().length > most;
        byte[] bytes = more ? Arrays.copyOf(part.bytes(), most) : part.bytes();
        String text;
        if (arguments.text("encoding", "text").equals("base64")) {
            text = Base64.getEncoder().encodeToString(bytes);
        } else {
            if (more) {
                bytes = Arrays.copyOf(bytes, BoundedOutput.wholeCharacters(bytes));
            }
            Optional<String> decoded = decode(bytes);
            if (decoded.isEmpty()) {
                return Answers.error(path + " is no UTF-8 text" + (offset > 0 ? " from byte " + offset + " on" : "")
                        + " (" + part.size() + " bytes). Read it with encoding base64, or look at it with run_command "
                        + "(file, xxd).");
            }
            text = decoded.get();
        }
        CallToolResult.Builder answer = CallToolResult.builder().isError(false).addTextContent(text);
        if (more) {
            long next = offset + bytes.length;
            answer.addTextContent(
                    "[bytes " + offset + " to " + next + (part.size() > next + 1 ? " of " + part.size() : "")
                            + "; for more read from offset " + next + "]");
        }
        return answer.build();
    }

    private static Optional<String> decode(byte[] bytes) {
        for (byte next : bytes) {
            if (next == 0) {
                return Optional.empty();
            }
        }
        try {
            return Optional.of(StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString());
        } catch (CharacterCodingException e) {
            return Optional.empty();
        }
    }

    private static Tool write() {
        return new Tool(
                "write_file",
                "Write a file",
                "Writes a file, in place of one that is there already, and makes the directories that are missing above it. At most "
                        + MOST_WRITTEN / (1 << 20) + " MiB.",
                new Schema()
                        .needsSandbox()
                        .needs("path", path("The file."))
                        .needs("content", Schema.text("All of its content.", 0, MOST_WRITTEN * 4 / 3 + 4))
                        .takes("encoding", Schema.oneOf("What content is.", "text", "base64"))
                        .takes("user", user()),
                Tool.Effect.OVERWRITES,
                FileTools::write);
    }

    private static CallToolResult write(Caller caller, Arguments arguments, RunningCall call) {
        String content = arguments.text("content");
        byte[] bytes;
        if (arguments.text("encoding", "text").equals("base64")) {
            try {
                bytes = Base64.getMimeDecoder().decode(content);
            } catch (IllegalArgumentException e) {
                return Answers.error("content is no base64: " + e.getMessage() + ". Nothing was written.");
            }
        } else {
            bytes = content.getBytes(StandardCharsets.UTF_8);
        }
        if (bytes.length > MOST_WRITTEN) {
            return Answers.error("content is " + bytes.length + " bytes; at most " + MOST_WRITTEN
                    + " can be written at once. Nothing was written.");
        }
        String path = arguments.text("path");
        caller.sandbox(arguments.sandbox())
                .files(arguments.optionalText("user"))
                .write(path, bytes);
        return Answers.text("wrote " + bytes.length + " bytes to " + path);
    }

    private static Tool list() {
        return new Tool(
                "list_files",
                "List files",
                "Lists what is in a directory: path, type (file, directory, symlink), size in bytes, permissions, owner and time of the "
                        + "last change. At most " + MOST_ENTRIES + " entries; total tells how many there are.",
                new Schema()
                        .needsSandbox()
                        .needs("path", path("The directory."))
                        .takes("depth", Schema.number("How many levels to list.", 1, 20, 1))
                        .takes("user", user()),
                Tool.Effect.READS,
                FileTools::list);
    }

    private static CallToolResult list(Caller caller, Arguments arguments, RunningCall call) {
        JsonNode found = caller.sandbox(arguments.sandbox())
                .files(arguments.optionalText("user"))
                .list(arguments.text("path"), (int) arguments.number("depth", 1));
        List<Map<String, Object>> entries = new ArrayList<>();
        for (JsonNode entry : found) {
            if (entries.size() == MOST_ENTRIES) {
                break;
            }
            Map<String, Object> shown = new LinkedHashMap<>();
            shown.put("path", entry.path("path").asString(""));
            shown.put(
                    "type",
                    entry.path("type").asString("").replace("FILE_TYPE_", "").toLowerCase(Locale.ROOT));
            shown.put("size", entry.path("size").asLong(0)); // protobuf's JSON writes it as a string
            shown.put("permissions", entry.path("permissions").asString(""));
            shown.put("owner", entry.path("owner").asString(""));
            shown.put("changed_at", entry.path("modifiedTime").asString(""));
            entry.path("symlinkTarget").asStringOpt().ifPresent(target -> shown.put("target", target));
            entries.add(shown);
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("total", found.size());
        answer.put("entries", entries);
        return Answers.data(answer);
    }
}
