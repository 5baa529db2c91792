package dev.holt.app.client;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.holt.wire.process.CloseStdinRequest;
import dev.holt.wire.process.SendInputRequest;
import dev.holt.wire.process.SendSignalRequest;
import dev.holt.wire.process.StartRequest;
import dev.holt.wire.process.UpdateRequest;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The Process service of one sandbox, over the Connect protocol with JSON. Thread-safe: input may be sent while the output
 * is read.
 */
public final class ProcessClient implements AutoCloseable {
    private final SandboxAddress sandbox;
    private final Optional<String> user;
    private final HttpClient http;
    private final boolean ownsHttp;

    /**
     * @param accessToken of a secure sandbox, as control's answer for the sandbox gives it
     * @param user that processes run as; the template's own when empty
     */
    public ProcessClient(Access access, String sandboxId, Optional<String> accessToken, Optional<String> user) {
        this(RestClient.httpClient(), true, SandboxAddress.of(access, sandboxId, accessToken), user);
    }

    /**
     * As above, over connections that the caller owns.
     *
     * @param http stays open when this client is closed
     */
    public ProcessClient(HttpClient http, SandboxAddress sandbox, Optional<String> user) {
        this(http, false, sandbox, user);
    }

    private ProcessClient(HttpClient http, boolean ownsHttp, SandboxAddress sandbox, Optional<String> user) {
        this.http = http;
        this.ownsHttp = ownsHttp;
        this.sandbox = sandbox;
        this.user = user;
    }

    /** Starts a process and returns the stream of what happens to it. */
    public ProcessStream start(StartRequest start) {
        return start(start, Optional.empty());
    }

    /**
     * Starts a process that may run for {@code life}, after which Holt kills it and the stream ends with a timeout.
     *
     * @param life at least a millisecond; as long as it likes when empty
     */
    public ProcessStream start(StartRequest start, Optional<Duration> life) {
        byte[] message = json(start);
        byte[] envelope = ByteBuffer.allocate(5 + message.length)
                .put((byte) 0)
                .putInt(message.length)
                .put(message)
                .array();
        HttpRequest.Builder builder = request("Start", "application/connect+json")
                .header("Connect-Protocol-Version", "1")
                .header("Keepalive-Ping-Interval", "50")
                .POST(BodyPublishers.ofByteArray(envelope));
        life.ifPresent(time -> builder.header("Connect-Timeout-Ms", Long.toString(time.toMillis())));
        HttpRequest request = builder.build();
        HttpResponse<InputStream> response =
                RestClient.exchange(http, request, BodyHandlers.ofInputStream(), "The sandbox");
        if (response.statusCode() != 200) {
            try (InputStream body = response.body()) {
                throw refused(response.statusCode(), body.readAllBytes());
            } catch (java.io.IOException e) {
                throw refused(response.statusCode(), new byte[0]);
            }
        }
        return new ProcessStream(response.body());
    }

    /** Types into a process. */
    public void sendInput(SendInputRequest input) {
        unary("SendInput", input);
    }

    /** Ends a process's input. */
    public void closeInput(CloseStdinRequest close) {
        unary("CloseStdin", close);
    }

    /** Sends a signal to a process. */
    public void sendSignal(SendSignalRequest signal) {
        unary("SendSignal", signal);
    }

    /** Changes the size of a process's terminal. */
    public void update(UpdateRequest update) {
        unary("Update", update);
    }

    private void unary(String method, Message message) {
        HttpRequest request = request(method, "application/json")
                .timeout(Duration.ofSeconds(30))
                .POST(BodyPublishers.ofByteArray(json(message)))
                .build();
        HttpResponse<byte[]> response = RestClient.exchange(http, request, BodyHandlers.ofByteArray(), "The sandbox");
        if (response.statusCode() != 200) {
            throw refused(response.statusCode(), response.body());
        }
    }

    private HttpRequest.Builder request(String method, String contentType) {
        HttpRequest.Builder request = sandbox.request(SandboxAddress.ENVD_PORT, "/process.Process/" + method)
                .header("Content-Type", contentType);
        user.ifPresent(name -> request.header("Authorization", SandboxAddress.userHeader(name)));
        return request;
    }

    private static byte[] json(Message message) {
        try {
            return JsonFormat.printer()
                    .omittingInsignificantWhitespace()
                    .print(message)
                    .getBytes(StandardCharsets.UTF_8);
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalArgumentException(e);
        }
    }

    static ClientException refused(int status, byte[] body) {
        String message = "";
        try {
            JsonNode answer = JsonMapper.shared().readTree(body);
            message = answer.path("message").asString("");
        } catch (JacksonException e) {
            // plain text, as the code interpreter says it; a page says nothing to a person at a terminal
            String text = new String(body, StandardCharsets.UTF_8).strip();
            message = text.startsWith("<") || text.length() > 10_000 ? "" : text;
        }
        int meaning = status == 502 ? 404 : status;
        return ClientException.ofStatus(
                meaning, message.isEmpty() ? "The sandbox answered HTTP status " + status : message);
    }

    @Override
    public void close() {
        if (ownsHttp) {
            http.shutdownNow();
        }
    }
}
