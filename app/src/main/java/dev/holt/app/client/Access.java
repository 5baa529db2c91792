package dev.holt.app.client;

import java.net.URI;

/**
 * Where a running Holt is and the key to it.
 *
 * @param apiUrl the control API
 * @param apiKey of a team
 * @param sandboxUrl takes the traffic of every sandbox, told apart by headers
 */
public record Access(URI apiUrl, String apiKey, URI sandboxUrl) {
    public Access {
        requireHttp("API", apiUrl);
        requireHttp("sandbox", sandboxUrl);
    }

    private static void requireHttp(String what, URI url) {
        if (url.getHost() == null || !("http".equals(url.getScheme()) || "https".equals(url.getScheme()))) {
            throw new ClientException(
                    ExitCode.USAGE, "The " + what + " URL must be like http://127.0.0.1:3000; got " + url);
        }
    }
}
