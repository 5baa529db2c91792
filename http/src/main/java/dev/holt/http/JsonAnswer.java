package dev.holt.http;

import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.PreEncodedHttpField;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Writes whole answers in one piece and completes their callback. Call nothing on the response afterwards. */
public final class JsonAnswer {
    private static final HttpField JSON = new PreEncodedHttpField(HttpHeader.CONTENT_TYPE, "application/json");

    private JsonAnswer() {}

    /** Answers {@code status} with {@code value} as JSON; headers set on {@code response} before are kept. */
    public static void send(Response response, Callback callback, int status, Object value) {
        sendBytes(response, callback, status, Json.MAPPER.writeValueAsBytes(value));
    }

    /** Answers {@code status} with bytes that are JSON already. */
    public static void sendBytes(Response response, Callback callback, int status, byte[] json) {
        response.setStatus(status);
        HttpFields.Mutable headers = response.getHeaders();
        headers.put(JSON);
        headers.put(HttpHeader.CONTENT_LENGTH, json.length);
        response.write(true, ByteBuffer.wrap(json), callback);
    }

    /** Answers with an error; its code is the status. */
    public static void error(Response response, Callback callback, ErrorBody body) {
        send(response, callback, body.code(), body);
    }

    /** Answers with the error that {@code failure} carries. */
    public static void failure(Response response, Callback callback, HttpFailure failure) {
        error(response, callback, failure.body());
    }

    /** Answers {@code status}, such as 204, without a body. */
    public static void empty(Response response, Callback callback, int status) {
        response.setStatus(status);
        response.write(true, null, callback);
    }
}
