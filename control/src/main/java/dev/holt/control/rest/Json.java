package dev.holt.control.rest;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Locale;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;

/** JSON bodies of requests and answers. */
public final class Json {
    /** Absent optionals are left out; times are ISO 8601. */
    public static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .changeDefaultPropertyInclusion(inclusion ->
                    JsonInclude.Value.construct(JsonInclude.Include.NON_ABSENT, JsonInclude.Include.ALWAYS))
            .build();

    private static final int LARGEST_BODY = 1024 * 1024;
    private static final int LARGEST_DRAIN = 16 * LARGEST_BODY;
    private static final int DRAIN_STEP = 8192;

    private Json() {}

    /**
     * The body of a request, or a missing node when it has none.
     *
     * @throws ApiException 400 for malformed JSON, 413 above 1 MiB, 415 for another content type
     * @throws UncheckedIOException when the client went away
     */
    static JsonNode read(Request request) {
        byte[] body = bytes(request);
        if (body.length == 0) {
            return JsonNodeFactory.instance.missingNode();
        }
        String contentType = request.getHeaders().get(HttpHeader.CONTENT_TYPE);
        if (contentType != null
                && !contentType
                        .toLowerCase(Locale.ROOT)
                        .split(";", 2)[0]
                        .strip()
                        .equals("application/json")) {
            throw new ApiException(
                    415, "Content-Type: application/json expected, got '" + Validator.shorten(contentType) + "'");
        }
        try {
            return MAPPER.readTree(body);
        } catch (StreamReadException e) {
            TokenStreamLocation where = e.getLocation();
            String place = where == null ? "" : " at line " + where.getLineNr() + ", column " + where.getColumnNr();
            throw ApiException.invalid(Validator.BODY, "malformed JSON" + place + ": " + firstLine(e));
        } catch (JacksonException e) {
            throw ApiException.invalid(Validator.BODY, "malformed JSON: " + firstLine(e));
        }
    }

    private static byte[] bytes(Request request) {
        try {
            // Not closed: closing before the end would fail the request, and drain() goes on where this stops.
            byte[] body = Content.Source.asInputStream(request).readNBytes(LARGEST_BODY + 1);
            if (body.length > LARGEST_BODY) {
                throw new ApiException(413, "body: larger than " + LARGEST_BODY + " bytes");
            }
            return body;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Reads what is left of a request's body before it is answered, up to 16 MiB. Jetty closes a connection with an unread
     * body after the answer without having said so, which fails the next request that a client sends on it.
     *
     * @return whether nothing is left, so that the connection can go on
     */
    static boolean drain(Request request) {
        try {
            InputStream in = Content.Source.asInputStream(request);
            byte[] scratch = new byte[DRAIN_STEP];
            for (int total = 0; total < LARGEST_DRAIN; ) {
                int read = in.read(scratch);
                if (read < 0) {
                    return true;
                }
                total += read;
            }
            return false;
        } catch (IOException e) {
            return false;
        }
    }

    private static String firstLine(JacksonException e) {
        return Validator.shorten(e.getOriginalMessage().lines().findFirst().orElse(""));
    }
}
