package dev.holt.node.runtime;

import java.nio.file.Path;
import java.util.OptionalLong;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Reads the state files of engines. */
final class EngineState {
    private static final ObjectMapper JSON = new ObjectMapper();

    private EngineState() {}

    /** The number at a path of names; empty when the file can't be read or says something else, as one half written does. */
    static OptionalLong number(Path file, String... names) {
        try {
            JsonNode node = JSON.readTree(file.toFile());
            for (String name : names) {
                node = node.path(name);
            }
            return node.isIntegralNumber() ? OptionalLong.of(node.asLong()) : OptionalLong.empty();
        } catch (JacksonException e) {
            return OptionalLong.empty();
        }
    }
}
