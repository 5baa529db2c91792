package dev.holt.app.mcp;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes the JSON schema of a tool's arguments, in the order in which they should be read. Unknown arguments are refused. */
final class Schema {
    private final Map<String, Object> properties = new LinkedHashMap<>();
    private final List<String> required = new ArrayList<>();

    /** An argument that must be given. */
    Schema needs(String name, Map<String, Object> type) {
        properties.put(name, type);
        required.add(name);
        return this;
    }

    /** An argument that may be left out. */
    Schema takes(String name, Map<String, Object> type) {
        properties.put(name, type);
        return this;
    }

    /** The id of a sandbox, which most tools need. */
    Schema needsSandbox() {
        Map<String, Object> id = text("The sandbox's id, as create_sandbox or list_sandboxes told it.", 1, 64);
        id.put("pattern", "^[A-Za-z0-9]+$");
        return needs(Arguments.SANDBOX, id);
    }

    Map<String, Object> asMap() {
        Map<String, Object> schema = new LinkedHashMap<>();
        schema.put("type", "object");
        schema.put("properties", properties);
        schema.put("required", required);
        schema.put("additionalProperties", false);
        return schema;
    }

    /** A string of so many characters. */
    static Map<String, Object> text(String description, int least, int most) {
        Map<String, Object> type = type("string", description);
        type.put("minLength", least);
        type.put("maxLength", most);
        return type;
    }

    /** One of some words, the first of which is the default. */
    static Map<String, Object> oneOf(String description, String... words) {
        Map<String, Object> type = type("string", description);
        type.put("enum", List.of(words));
        type.put("default", words[0]);
        return type;
    }

    /** A whole number; the schema tells the default. */
    static Map<String, Object> number(String description, long least, long most, long usual) {
        Map<String, Object> type = number(description, least, most);
        type.put("default", usual);
        return type;
    }

    /** A whole number without a default. */
    static Map<String, Object> number(String description, long least, long most) {
        Map<String, Object> type = type("integer", description);
        type.put("minimum", least);
        type.put("maximum", most);
        return type;
    }

    static Map<String, Object> truth(String description, boolean usual) {
        Map<String, Object> type = type("boolean", description);
        type.put("default", usual);
        return type;
    }

    /** An object whose values are strings. */
    static Map<String, Object> strings(String description) {
        Map<String, Object> type = type("object", description);
        type.put("additionalProperties", Map.of("type", "string", "maxLength", 131_072));
        type.put("maxProperties", 1000);
        return type;
    }

    /** Some of these words. */
    static Map<String, Object> someOf(String description, String... words) {
        Map<String, Object> type = type("array", description);
        type.put("items", Map.of("type", "string", "enum", List.of(words)));
        type.put("uniqueItems", true);
        return type;
    }

    private static Map<String, Object> type(String type, String description) {
        Map<String, Object> schema = new LinkedHashMap<>();
        schema.put("type", type);
        schema.put("description", description);
        return schema;
    }
}
