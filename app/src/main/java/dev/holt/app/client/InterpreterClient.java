package dev.holt.app.client;

import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The code interpreter of one sandbox. Thread-safe. */
public final class InterpreterClient {
    private final HttpClient http;
    private final SandboxAddress sandbox;

    /** @param http stays the caller's */
    public InterpreterClient(HttpClient http, SandboxAddress sandbox) {
        this.http = http;
        this.sandbox = sandbox;
    }

    /**
     * Runs code in the default context of a language and returns the stream of what comes of it. Closing the stream before its end
     * interrupts the code.
     *
     * @param environment variables for this run alone
     * @param patience until the interpreter answers at all
     */
    public ExecutionStream execute(String code, String language, Map<String, String> environment, Duration patience) {
        JsonMapper json = JsonMapper.shared();
        ObjectNode body = json.createObjectNode().put("code", code).put("language", language);
        environment.forEach(body.putObject("env_vars")::put);
        HttpRequest request = sandbox.request(SandboxAddress.INTERPRETER_PORT, "/execute")
                .timeout(patience)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofByteArray(json.writeValueAsBytes(body)))
                .build();
        HttpResponse<InputStream> response =
                RestClient.exchange(http, request, BodyHandlers.ofInputStream(), "The code interpreter");
        if (response.statusCode() == 200) {
            return new ExecutionStream(response.body());
        }
        try (InputStream answer = response.body()) {
            throw ProcessClient.refused(response.statusCode(), answer.readNBytes(64 * 1024));
        } catch (IOException e) {
            throw ProcessClient.refused(response.statusCode(), new byte[0]);
        }
    }
}
