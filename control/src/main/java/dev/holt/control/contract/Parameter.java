package dev.holt.control.contract;

import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;

/** One parameter of a query string or one request header: text that becomes a checked JSON value. */
public record Parameter(String name, boolean header, boolean required, Type type, Validator validator) {
    /** What the text is read as. */
    public enum Type {
        STRING,
        INTEGER,
        LIST
    }

    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    /**
     * The value of the parameter as given, once or repeated.
     *
     * @throws ApiException 400 when it is not what the contract says
     */
    public JsonNode read(List<String> given) {
        if (type != Type.LIST && given.size() > 1) {
            throw ApiException.invalid(name, "given " + given.size() + " times; once is enough");
        }
        JsonNode value = switch (type) {
            case STRING -> JSON.stringNode(given.getFirst());
            case INTEGER -> integer(given.getFirst());
            case LIST -> list(given);
        };
        validator.check(value, name);
        return value;
    }

    private JsonNode integer(String text) {
        try {
            return JSON.numberNode(Long.parseLong(text));
        } catch (NumberFormatException e) {
            throw ApiException.invalid(name, "a whole number expected, got '" + Validator.shorten(text) + "'");
        }
    }

    private static JsonNode list(List<String> given) {
        ArrayNode values = JSON.arrayNode();
        for (String text : given) {
            for (String element : text.split(",", -1)) {
                values.add(element);
            }
        }
        return values;
    }
}
