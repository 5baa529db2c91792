package dev.holt.node.interpreter.output;

import dev.holt.http.Json;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * A value inside a JSON text, as the bytes it is written with: what a kernel shows can be large, and is passed on as it is written
 * instead of being read into objects. Only texts that {@link #object} has checked are looked at, so that looking is simple.
 *
 * @param start of the value in {@code json}
 * @param end where it has ended
 */
record JsonSlice(byte[] json, int start, int end) {
    /** What is told the fields of an object. */
    interface Fields {
        /** One field; {@code name} is written as in the text, without its quotes. */
        void field(String name, JsonSlice value);
    }

    /**
     * The object that {@code json} is.
     *
     * @throws KernelFailure MALFORMED when it is none, or no JSON
     */
    static JsonSlice object(byte[] json) {
        try (JsonParser parser = Json.MAPPER.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw malformed("no object");
            }
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (parser.streamReadContext().inRoot() && token != JsonToken.END_OBJECT) {
                    throw malformed("more than one value");
                }
            }
        } catch (JacksonException failure) {
            throw malformed("no JSON: " + failure.getOriginalMessage());
        }
        int start = skipSpace(json, 0);
        return new JsonSlice(json, start, skipValue(json, start));
    }

    private static KernelFailure malformed(String what) {
        return new KernelFailure(KernelFailure.Kind.MALFORMED, "the kernel sent a content that is " + what);
    }

    /** The field {@code wanted} of this object; the last, if there are several. */
    Optional<JsonSlice> field(String wanted) {
        JsonSlice[] found = new JsonSlice[1];
        fields((name, value) -> {
            if (name.equals(wanted)) {
                found[0] = value;
            }
        });
        return Optional.ofNullable(found[0]);
    }

    /** Tells every field of this object in its order. Nothing when it is no object. */
    void fields(Fields fields) {
        if (!isObject()) {
            return;
        }
        int at = skipSpace(json, start + 1);
        while (json[at] != '}') {
            int nameEnd = skipValue(json, at);
            String name = new String(json, at + 1, nameEnd - at - 2, java.nio.charset.StandardCharsets.UTF_8);
            int value = skipSpace(json, skipSpace(json, nameEnd) + 1);
            int valueEnd = skipValue(json, value);
            fields.field(name, new JsonSlice(json, value, valueEnd));
            at = skipSpace(json, valueEnd);
            if (json[at] == ',') {
                at = skipSpace(json, at + 1);
            }
        }
    }

    boolean isObject() {
        return json[start] == '{';
    }

    boolean isString() {
        return json[start] == '"';
    }

    boolean isNull() {
        return json[start] == 'n';
    }

    int length() {
        return end - start;
    }

    /** Whether it is the string {@code text}, which needs no escapes. */
    boolean isText(String text) {
        if (!isString() || length() != text.length() + 2) {
            return false;
        }
        for (int i = 0; i < text.length(); i++) {
            if (json[start + 1 + i] != text.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    /**
     * This string without the quotes that are part of it: Python and JavaScript show a string as they would write it. Itself, when it
     * has none around it.
     */
    Unquoted unquoted() {
        int first = start + 1;
        int last = end - 1; // where the closing quote of the JSON string is
        if (last - first >= 2 && json[first] == '\'' && json[last - 1] == '\'') {
            return new Unquoted(first + 1, last - 1);
        }
        boolean opens = last - first >= 4 && json[first] == '\\' && json[first + 1] == '"';
        boolean closes = opens && json[last - 2] == '\\' && json[last - 1] == '"' && isEscape(last - 2);
        return closes ? new Unquoted(first + 2, last - 2) : new Unquoted(first, last);
    }

    /** Where the inside of a string begins and has ended. */
    record Unquoted(int from, int to) {}

    /** Whether the backslash at {@code at} begins an escape, instead of being escaped itself. */
    private boolean isEscape(int at) {
        int backslashes = 0;
        for (int i = at; i > start && json[i] == '\\'; i--) {
            backslashes++;
        }
        return backslashes % 2 == 1;
    }

    private static int skipSpace(byte[] json, int at) {
        int next = at;
        while (json[next] == ' ' || json[next] == '\n' || json[next] == '\r' || json[next] == '\t') {
            next++;
        }
        return next;
    }

    /** Where the value that begins at {@code at} has ended. */
    private static int skipValue(byte[] json, int at) {
        return switch (json[at]) {
            case '"' -> skipString(json, at);
            case '{', '[' -> skipNested(json, at);
            default -> {
                int next = at;
                while (next < json.length && ",}] \n\r\t".indexOf(json[next]) < 0) {
                    next++;
                }
                yield next;
            }
        };
    }

    private static int skipString(byte[] json, int at) {
        int next = at + 1;
        while (json[next] != '"') {
            next += json[next] == '\\' ? 2 : 1;
        }
        return next + 1;
    }

    private static int skipNested(byte[] json, int at) {
        int depth = 0;
        int next = at;
        do {
            switch (json[next]) {
                case '"' -> next = skipString(json, next) - 1;
                case '{', '[' -> depth++;
                case '}', ']' -> depth--;
                default -> {}
            }
            next++;
        } while (depth > 0);
        return next;
    }
}
