package dev.holt.edge;

import dev.holt.http.Json;
import dev.holt.http.JsonAnswer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/**
 * The edge's own answers, with the fields and messages that E2B clients recognise: JSON for programs, a page for someone
 * who navigated there with a browser.
 */
final class EdgeErrors {
    static final String TOKEN_HEADER = "e2b-traffic-access-token";

    /** E2B's words for a sandbox that does not run; clients look for them. */
    static final String NOT_FOUND = "The sandbox was not found";

    private EdgeErrors() {}

    static void notFound(Request request, Response response, Callback callback, String sandbox) {
        answer(request, response, callback, 502, sandbox, OptionalInt.empty(), NOT_FOUND);
    }

    /** It does not run and was not made to. */
    static void refused(
            Request request, Response response, Callback callback, String sandbox, Wakening.Refusal refusal) {
        answer(
                request,
                response,
                callback,
                refusal.status(),
                sandbox,
                OptionalInt.empty(),
                refusal.message(),
                refusal.retryAfter());
    }

    /** Who asks may not wake it. */
    static void wakeForbidden(Request request, Response response, Callback callback, String sandbox) {
        String message = "This sandbox can't be resumed with the credentials provided. Check your access token and try"
                + " again.";
        answer(request, response, callback, 403, sandbox, OptionalInt.empty(), message);
    }

    static void portClosed(Request request, Response response, Callback callback, String sandbox, int port) {
        String message = "The sandbox is running but port is not open";
        answer(request, response, callback, 502, sandbox, OptionalInt.of(port), message);
    }

    /** The server in the sandbox answered badly or not at all. */
    static void badServer(
            Request request, Response response, Callback callback, String sandbox, int port, String problem) {
        answer(request, response, callback, 502, sandbox, OptionalInt.of(port), problem);
    }

    static void tokenMissing(Request request, Response response, Callback callback, String sandbox) {
        String message = "Sandbox is secured with traffic access token. Token header '" + TOKEN_HEADER + "' is missing";
        answer(request, response, callback, 403, sandbox, OptionalInt.empty(), message);
    }

    static void tokenInvalid(Request request, Response response, Callback callback, String sandbox) {
        String message = "Sandbox is secured with traffic access token. Provided token in header '" + TOKEN_HEADER
                + "' is invalid";
        answer(request, response, callback, 403, sandbox, OptionalInt.empty(), message);
    }

    static void tooMany(Request request, Response response, Callback callback, String sandbox, int limit) {
        String message = "The sandbox has too many concurrent incoming connections (limit: " + limit + ")";
        answer(request, response, callback, 429, sandbox, OptionalInt.empty(), message);
    }

    private static void answer(
            Request request,
            Response response,
            Callback callback,
            int status,
            String sandbox,
            OptionalInt port,
            String message) {
        answer(request, response, callback, status, sandbox, port, message, Optional.empty());
    }

    private static void answer(
            Request request,
            Response response,
            Callback callback,
            int status,
            String sandbox,
            OptionalInt port,
            String message,
            Optional<Duration> retryAfter) {
        response.getHeaders().clear();
        retryAfter.ifPresent(delay -> response.getHeaders()
                .put(
                        "Retry-After",
                        Long.toString(Math.max(1, delay.plusMillis(999).toSeconds()))));
        if (wantsPage(request)) {
            byte[] page = page(status, sandbox, port, message).getBytes(StandardCharsets.UTF_8);
            response.setStatus(status);
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, "text/html; charset=utf-8");
            response.getHeaders().put(HttpHeader.CONTENT_LENGTH, page.length);
            response.write(true, java.nio.ByteBuffer.wrap(page), callback);
            return;
        }
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("sandboxId", sandbox);
        body.put("message", message);
        port.ifPresent(number -> body.put("port", number));
        body.put("code", status);
        JsonAnswer.sendBytes(response, callback, status, Json.MAPPER.writeValueAsBytes(body));
    }

    /** Whether someone navigated here: a page's scripts carry the browser's name but want to parse the answer. */
    private static boolean wantsPage(Request request) {
        String accept = request.getHeaders().get(HttpHeader.ACCEPT);
        if (accept == null || !accept.toLowerCase(Locale.ROOT).contains("text/html")) {
            return false;
        }
        String mode = request.getHeaders().get("Sec-Fetch-Mode");
        return mode == null ? request.getHeaders().get("X-Requested-With") == null : mode.equals("navigate");
    }

    private static String page(int status, String sandbox, OptionalInt port, String message) {
        String where = port.isPresent() ? sandbox + ", port " + port.getAsInt() : sandbox;
        return """
                <!doctype html>
                <html lang="en"><head><meta charset="utf-8"><title>%d %s</title>
                <meta name="viewport" content="width=device-width, initial-scale=1">
                <style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:20vh auto;padding:0 1rem}\
                code{font-size:.9em;color:#666}</style></head>
                <body><h1>%s</h1><p><code>%s</code></p></body></html>
                """.formatted(status, escaped(message), escaped(message), where);
    }

    /** Messages may say what a node said. */
    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
