package dev.holt.app.client;

import java.net.URI;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Optional;

/**
 * How the ports of one sandbox are reached: at one URL, told apart by headers.
 *
 * @param url takes the traffic of every sandbox
 * @param id of the sandbox
 * @param accessToken of a secure sandbox, as control's answer for it gives it
 */
public record SandboxAddress(URI url, String id, Optional<String> accessToken) {
    /** Where processes and files are served. */
    public static final int ENVD_PORT = 49_983;
    /** Where the code interpreter is served. */
    public static final int INTERPRETER_PORT = 49_999;

    public static SandboxAddress of(Access access, String id, Optional<String> accessToken) {
        return new SandboxAddress(access.sandboxUrl(), id, accessToken);
    }

    /**
     * A request to a port of the sandbox, still without method and body.
     *
     * @param path starts with a slash and may have a query
     */
    public HttpRequest.Builder request(int port, String path) {
        HttpRequest.Builder request = HttpRequest.newBuilder(
                        URI.create(url.toString().replaceAll("/+$", "") + path))
                .header("E2b-Sandbox-Id", id)
                .header("E2b-Sandbox-Port", Integer.toString(port));
        accessToken.ifPresent(token -> request.header("X-Access-Token", token));
        return request;
    }

    /** The value of {@code Authorization} that names the user of a request to the port of processes and files. */
    static String userHeader(String user) {
        return "Basic " + Base64.getEncoder().encodeToString((user + ":").getBytes(StandardCharsets.UTF_8));
    }
}
