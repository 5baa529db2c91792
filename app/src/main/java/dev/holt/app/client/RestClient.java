package dev.holt.app.client;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The control API over HTTP: JSON in, JSON out, every failure a {@link ClientException}. Thread-safe. */
public final class RestClient implements AutoCloseable {
    /** Longer than a create, or a pause of much memory, takes; a server that is silent for so long is as good as gone. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    private final Access access;
    private final JsonMapper json = JsonMapper.shared();
    private final HttpClient http;
    private final boolean ownsHttp;

    public RestClient(Access access) {
        this(access, httpClient(), true);
    }

    /**
     * As above, over connections that the caller owns.
     *
     * @param http stays open when this client is closed
     */
    public RestClient(Access access, HttpClient http) {
        this(access, http, false);
    }

    private RestClient(Access access, HttpClient http, boolean ownsHttp) {
        this.access = access;
        this.http = http;
        this.ownsHttp = ownsHttp;
    }

    /** Connections of the kind that these clients use, for several of them to share; whoever asks for it closes it. */
    public static HttpClient httpClient() {
        return HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(Duration.ofSeconds(10))
                .build();
    }

    /** The answer to a GET of {@code path}, which starts with a slash and may have a query. */
    public JsonNode get(String path) {
        return send("GET", path, null).body();
    }

    /** The answer to a POST of {@code body}. */
    public JsonNode post(String path, JsonNode body) {
        return send("POST", path, body).body();
    }

    /** Deletes what is at {@code path}. */
    public void delete(String path) {
        send("DELETE", path, null);
    }

    /** Every element of a list that comes in pages, as an array. {@code path} has a query already. */
    public JsonNode getPages(String path) {
        var all = json.createArrayNode();
        String next = "";
        do {
            Answer answer = send("GET", next.isEmpty() ? path : path + "&nextToken=" + encode(next), null);
            answer.body().forEach(all::add);
            next = answer.nextToken();
        } while (!next.isEmpty());
        return all;
    }

    /** {@code text} as one segment of a path or one value of a query. */
    public static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private record Answer(JsonNode body, String nextToken) {}

    private Answer send(String method, String path, @org.jspecify.annotations.Nullable JsonNode body) {
        URI uri = URI.create(access.apiUrl().toString().replaceAll("/+$", "") + path);
        HttpRequest.Builder request = HttpRequest.newBuilder(uri)
                .timeout(PATIENCE)
                .header("X-API-Key", access.apiKey())
                .header("Accept", "application/json")
                .method(
                        method,
                        body == null
                                ? BodyPublishers.noBody()
                                : BodyPublishers.ofByteArray(json.writeValueAsBytes(body)));
        if (body != null) {
            request.header("Content-Type", "application/json");
        }
        HttpResponse<byte[]> response = exchange(http, request.build(), BodyHandlers.ofByteArray(), "Holt");
        JsonNode answer = parse(response);
        if (response.statusCode() / 100 != 2) {
            String message = answer.path("message").asString("");
            throw ClientException.ofStatus(
                    response.statusCode(),
                    message.isEmpty() ? "Holt answered HTTP status " + response.statusCode() : message);
        }
        return new Answer(answer, response.headers().firstValue("X-Next-Token").orElse(""));
    }

    private JsonNode parse(HttpResponse<byte[]> response) {
        if (response.body().length == 0) {
            return json.createObjectNode();
        }
        try {
            return json.readTree(response.body());
        } catch (JacksonException e) {
            if (response.statusCode() / 100 != 2) {
                return json.createObjectNode();
            }
            throw new ClientException(
                    ExitCode.UNREACHABLE, "What answers at " + response.uri() + " is not Holt: it sends no JSON");
        }
    }

    /**
     * The answer to a request.
     *
     * @param whom is asked, for messages
     * @throws ClientException when no answer came
     */
    public static <T> HttpResponse<T> exchange(
            HttpClient http, HttpRequest request, HttpResponse.BodyHandler<T> handler, String whom) {
        try {
            return http.send(request, handler);
        } catch (ConnectException | HttpConnectTimeoutException e) {
            throw new ClientException(
                    ExitCode.UNREACHABLE,
                    whom + " does not answer at " + request.uri().getScheme() + "://"
                            + request.uri().getAuthority() + ": is it running? (holt up, holt doctor)");
        } catch (HttpTimeoutException e) {
            throw ClientException.timeout(whom + " did not answer in time");
        } catch (IOException e) {
            throw new ClientException(
                    ExitCode.UNREACHABLE,
                    "The connection to " + whom + " at " + request.uri().getAuthority() + " failed: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ClientException(ExitCode.FAILED, "Interrupted");
        }
    }

    @Override
    public void close() {
        if (ownsHttp) {
            http.shutdownNow();
        }
    }
}
