package dev.holt.http;

import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;

/** Lets pages of any origin talk to a sandbox (the Fetch standard, CORS protocol). Access is by token, never by cookie. */
public final class Cors {
    private static final String EXPOSED =
            "Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin, Location, Cache-Control, "
                    + "X-Content-Type-Options, ETag, Content-Range, Content-Disposition";
    private static final int MAXIMUM_AGE_SECONDS = 2 * 60 * 60;

    private Cors() {}

    /** Whether a browser asks if it may ask. */
    public static boolean isPreflight(Request request) {
        return request.getMethod().equals("OPTIONS")
                && request.getHeaders().contains(HttpHeader.ORIGIN)
                && request.getHeaders().contains(HttpHeader.ACCESS_CONTROL_REQUEST_METHOD);
    }

    /** Headers of the answer to {@link #isPreflight}. */
    public static void allowPreflight(Request request, Response response) {
        HttpFields.Mutable headers = response.getHeaders();
        headers.put(HttpHeader.VARY, "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
        headers.put(HttpHeader.ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        headers.put(HttpHeader.ACCESS_CONTROL_ALLOW_METHODS, "HEAD, GET, POST, PUT, PATCH, DELETE");
        String asked = request.getHeaders().get(HttpHeader.ACCESS_CONTROL_REQUEST_HEADERS);
        if (asked != null) {
            headers.put(HttpHeader.ACCESS_CONTROL_ALLOW_HEADERS, asked);
        }
        headers.put(HttpHeader.ACCESS_CONTROL_MAX_AGE, MAXIMUM_AGE_SECONDS);
    }

    /** Headers of every other answer to a browser. */
    public static void allow(Request request, Response response) {
        if (request.getHeaders().contains(HttpHeader.ORIGIN)) {
            response.getHeaders().put(HttpHeader.ACCESS_CONTROL_ALLOW_ORIGIN, "*");
            response.getHeaders().put(HttpHeader.ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}
