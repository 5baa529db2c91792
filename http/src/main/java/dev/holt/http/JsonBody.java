package dev.holt.http;

import java.io.IOException;
import java.io.InputStream;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.DatabindException;

/** Reads JSON request bodies, blocking, with a limit. */
public final class JsonBody {
    private JsonBody() {}

    /**
     * The body as {@code type}.
     *
     * @param maximumBytes longest body, at least 1
     * @throws HttpFailure 400 when the body is empty, no JSON or not of this type, naming where; 413 when it is too long
     * @throws IOException when the client went away
     */
    public static <T> T read(Request request, int maximumBytes, Class<T> type) throws IOException {
        byte[] body = readBytes(request, maximumBytes);
        if (body.length == 0) {
            throw new HttpFailure(400, "the request needs a JSON body; got none");
        }
        return parse(body, type);
    }

    /**
     * {@code body} as {@code type}.
     *
     * @throws HttpFailure 400 when it is no JSON or not of this type, naming where
     */
    public static <T> T parse(byte[] body, Class<T> type) {
        T value;
        try {
            value = Json.MAPPER.readValue(body, type);
        } catch (DatabindException failure) {
            throw new HttpFailure(400, "the JSON body is not as expected: " + where(failure));
        } catch (JacksonException failure) {
            throw new HttpFailure(400, "the body is not valid JSON: " + where(failure));
        }
        if (value == null) {
            throw new HttpFailure(400, "the JSON body must not be null");
        }
        return value;
    }

    /**
     * The whole body, empty when there is none.
     *
     * @throws HttpFailure 413 when it is longer than {@code maximumBytes}
     * @throws IOException when the client went away
     */
    public static byte[] readBytes(Request request, int maximumBytes) throws IOException {
        if (request.getLength() > maximumBytes) {
            throw tooLong(maximumBytes);
        }
        try (InputStream in = Content.Source.asInputStream(request)) {
            byte[] body = in.readNBytes(maximumBytes + 1);
            if (body.length > maximumBytes) {
                throw tooLong(maximumBytes);
            }
            return body;
        }
    }

    private static HttpFailure tooLong(int maximumBytes) {
        return new HttpFailure(413, "the body is longer than " + maximumBytes + " bytes");
    }

    private static String where(JacksonException failure) {
        TokenStreamLocation location = failure.getLocation();
        String path = failure instanceof DatabindException databind ? databind.getPathReference() : "";
        String place =
                location == null ? "" : " (line " + location.getLineNr() + ", column " + location.getColumnNr() + ")";
        return failure.getOriginalMessage() + (path.isEmpty() ? "" : " at " + field(path)) + place;
    }

    /** Turns {@code dev.holt.X["a"]->java.util.List[0]} into {@code a[0]}: class names mean nothing to a client. */
    private static String field(String path) {
        StringBuilder field = new StringBuilder();
        for (String step : path.split("->", -1)) {
            String key = step.substring(step.lastIndexOf('[') + 1, step.length() - 1);
            if (key.startsWith("\"")) {
                field.append(field.isEmpty() ? "" : ".").append(key, 1, key.length() - 1);
            } else {
                field.append('[').append(key).append(']');
            }
        }
        return field.toString();
    }
}
