package dev.holt.node.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.ObjectMapper;

/** What an engine wrote to its log, which has a JSON object a line. */
final class EngineLog {
    private static final int MESSAGE_MAXIMUM = 500;
    private static final ObjectMapper JSON = new ObjectMapper();

    private EngineLog() {}

    /** Its errors, in words for a message of ours; of each the first line, as stacks follow. */
    static String said(Path log) {
        List<String> messages = new ArrayList<>();
        try {
            for (String line : Files.exists(log) ? Files.readAllLines(log) : List.<String>of()) {
                String message = JSON.readTree(line)
                        .path("msg")
                        .asString()
                        .strip()
                        .lines()
                        .findFirst()
                        .orElse("");
                String shown =
                        message.length() > MESSAGE_MAXIMUM ? message.substring(0, MESSAGE_MAXIMUM) + "..." : message;
                if (!shown.isBlank() && !messages.contains(shown)) {
                    messages.add(shown);
                }
            }
        } catch (IOException | JacksonException e) {
            messages.add("(its log '" + log + "' can't be read: " + e.getMessage() + ")");
        }
        return messages.isEmpty() ? "it said nothing" : "it said: " + String.join("; ", messages);
    }
}
