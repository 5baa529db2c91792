package dev.holt.control.contract;

import com.networknt.schema.Error;
import com.networknt.schema.Schema;
import com.networknt.schema.path.NodePath;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** Checks JSON against one schema of the contract and words what is wrong for the one who sent it. */
public final class Validator {
    /** The body of a request as a whole. */
    public static final String BODY = "body";

    private static final int LONGEST_QUOTE = 80;

    private final Schema schema;

    Validator(Schema schema) {
        this.schema = schema;
    }

    /**
     * @param subject what to call the value as a whole: {@link #BODY}, whose fields need no prefix, or a parameter's name
     * @throws ApiException 400 that names the first wrong field, what it must be and what was found
     */
    public void check(JsonNode value, String subject) {
        List<Error> errors;
        try {
            errors = schema.validate(value);
        } catch (JacksonException e) {
            // The library reads numbers as longs before it compares them with a limit.
            throw ApiException.invalid(
                    beyondLong(value, "").filter(path -> !path.isEmpty()).orElse(subject),
                    "the number is out of range");
        }
        if (!errors.isEmpty()) {
            Error first = errors.getFirst();
            String path = path(first);
            throw ApiException.invalid(
                    path.isEmpty() ? subject : subject.equals(BODY) ? path : subject + path, problem(first));
        }
    }

    /** At most 80 characters of what a client sent, fit for a message: no control characters. */
    public static String shorten(String text) {
        String clean = text.codePoints()
                .limit(LONGEST_QUOTE)
                .map(c -> Character.isISOControl(c) ? '?' : c)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
        return text.codePointCount(0, text.length()) > LONGEST_QUOTE ? clean + "..." : clean;
    }

    /** The path of the first number that no long can hold. */
    private static Optional<String> beyondLong(JsonNode value, String path) {
        if (value.isNumber() && !value.canConvertToLong()) {
            return Optional.of(path);
        }
        for (Map.Entry<String, JsonNode> field : value.properties()) {
            String name = (path.isEmpty() ? "" : path + ".") + shorten(field.getKey());
            Optional<String> found = beyondLong(field.getValue(), name);
            if (found.isPresent()) {
                return found;
            }
        }
        for (int i = 0; value.isArray() && i < value.size(); i++) {
            Optional<String> found = beyondLong(value.path(i), path + "[" + i + "]");
            if (found.isPresent()) {
                return found;
            }
        }
        return Optional.empty();
    }

    private static String path(Error error) {
        StringBuilder name = new StringBuilder();
        NodePath path = error.getInstanceLocation();
        for (int i = 0; i < path.getNameCount(); i++) {
            Object element = path.getElement(i);
            if (element instanceof Integer index) {
                name.append('[').append(index).append(']');
            } else {
                name.append(name.isEmpty() ? "" : ".").append(shorten(String.valueOf(element)));
            }
        }
        if (error.getProperty() instanceof String missing && error.getKeyword().equals("required")) {
            name.append(name.isEmpty() ? "" : ".").append(missing);
        }
        return name.toString();
    }

    private static String problem(Error error) {
        JsonNode found = error.getInstanceNode();
        JsonNode limit = error.getSchemaNode();
        return switch (error.getKeyword()) {
            case "required" -> "missing";
            case "type" -> limit(limit) + " expected, got " + quote(found);
            case "enum" -> "must be one of " + limit(limit) + "; got " + quote(found);
            case "minimum" -> "must be at least " + limit(limit) + "; got " + quote(found);
            case "maximum" -> "must be at most " + limit(limit) + "; got " + quote(found);
            case "minLength" -> "must have at least " + limit(limit) + " characters";
            case "maxLength" -> "must have at most " + limit(limit) + " characters";
            case "minItems" -> "must have at least " + limit(limit) + " entries";
            case "maxItems" -> "must have at most " + limit(limit) + " entries";
            case "maxProperties" -> "must have at most " + limit(limit) + " entries";
            case "uniqueItems" -> "must not repeat an entry";
            case "pattern" -> "must match " + limit(limit) + "; got " + quote(found);
            case "format" -> "must be a " + limit(limit) + "; got " + quote(found);
            default -> error.getMessage();
        };
    }

    private static String limit(JsonNode limit) {
        if (limit.isArray()) {
            return String.join(
                    " or ", limit.valueStream().map(JsonNode::asString).toList());
        }
        return limit.asString();
    }

    private static String quote(JsonNode found) {
        return found.isContainer() ? (found.isArray() ? "an array" : "an object") : shorten(found.toString());
    }
}
