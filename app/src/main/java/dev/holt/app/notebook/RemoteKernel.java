package dev.holt.app.notebook;

import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.app.client.RestClient;
import dev.holt.app.client.SandboxAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** A kernel in a sandbox, through the sandbox's kernel gateway. Closing it ends the kernel. For one thread at a time. */
final class RemoteKernel implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final Duration START_PATIENCE = Duration.ofSeconds(90);
    private static final int LONGEST_MESSAGE = 64 << 20;

    private final HttpClient http;
    private final SandboxAddress sandbox;
    private final String id;
    private final String session = UUID.randomUUID().toString();
    private final BlockingQueue<Arrived> messages = new LinkedBlockingQueue<>();
    private final WebSocket socket;

    /** Something that came: a message, or the end. */
    private sealed interface Arrived {
        record Message(JsonNode json) implements Arrived {}

        record End(String reason) implements Arrived {}
    }

    private RemoteKernel(HttpClient http, SandboxAddress sandbox, String id) {
        this.http = http;
        this.sandbox = sandbox;
        this.id = id;
        this.socket = connect();
    }

    /** The kernels that are installed in the sandbox: {@code default} and {@code kernelspecs}, by their names. */
    static JsonNode installed(HttpClient http, SandboxAddress sandbox) {
        return answer(http, request(sandbox, "/api/kernelspecs").GET().build());
    }

    /** Starts a kernel of that name and connects to it. */
    static RemoteKernel start(HttpClient http, SandboxAddress sandbox, String name) {
        JsonNode started = answer(
                http,
                request(sandbox, "/api/kernels")
                        .header("Content-Type", "application/json")
                        .POST(BodyPublishers.ofByteArray(JSON.writeValueAsBytes(Map.of("name", name))))
                        .build());
        String id = started.path("id").asString("");
        try {
            return new RemoteKernel(http, sandbox, id);
        } catch (ClientException e) {
            remove(http, sandbox, id);
            throw e;
        }
    }

    private static HttpRequest.Builder request(SandboxAddress sandbox, String path) {
        return sandbox.request(SandboxAddress.INTERPRETER_PORT, "/jupyter" + path)
                .timeout(START_PATIENCE);
    }

    private static JsonNode answer(HttpClient http, HttpRequest request) {
        HttpResponse<byte[]> response =
                RestClient.exchange(http, request, BodyHandlers.ofByteArray(), "The sandbox's kernel gateway");
        JsonNode body;
        try {
            body = response.body().length == 0 ? JSON.createObjectNode() : JSON.readTree(response.body());
        } catch (JacksonException e) {
            body = JSON.createObjectNode();
        }
        if (response.statusCode() / 100 != 2) {
            String message = body.path("message")
                    .asString("The sandbox's kernel gateway answered HTTP status " + response.statusCode());
            throw ClientException.ofStatus(
                    response.statusCode() == 502 ? 404 : response.statusCode(),
                    message.contains("port is not open")
                            ? "a server of the sandbox's own has the port of the kernel gateway, and is closed"
                            : message);
        }
        return body;
    }

    private WebSocket connect() {
        String path = "/jupyter/api/kernels/" + id + "/channels?session_id=" + session;
        HttpRequest template =
                sandbox.request(SandboxAddress.INTERPRETER_PORT, path).build();
        URI url = URI.create(template.uri().toString().replaceFirst("^http", "ws"));
        WebSocket.Builder builder = http.newWebSocketBuilder().connectTimeout(START_PATIENCE);
        template.headers().map().forEach((name, values) -> values.forEach(value -> builder.header(name, value)));
        try {
            return builder.buildAsync(url, new Listener()).join();
        } catch (CompletionException e) {
            throw new ClientException(
                    ExitCode.UNREACHABLE,
                    "Can't connect to the kernel: "
                            + Optional.ofNullable(e.getCause()).orElse(e));
        }
    }

    /** Puts whole messages into the queue. The next is asked for when one is taken, so that few wait. */
    private final class Listener implements WebSocket.Listener {
        private final StringBuilder text = new StringBuilder();

        @Override
        public @Nullable CompletionStage<?> onText(WebSocket webSocket, CharSequence data, boolean last) {
            text.append(data);
            if (text.length() > LONGEST_MESSAGE) {
                messages.add(new Arrived.End("the kernel sent a message of more than " + LONGEST_MESSAGE + " bytes"));
                webSocket.abort();
                return null;
            }
            if (!last) {
                webSocket.request(1);
                return null;
            }
            String message = text.toString();
            text.setLength(0);
            take(message);
            return null;
        }

        private byte[] binary = new byte[0];

        /** A message with buffers, which no output of a cell has: only its JSON counts. */
        @Override
        public @Nullable CompletionStage<?> onBinary(WebSocket webSocket, ByteBuffer data, boolean last) {
            byte[] more = java.util.Arrays.copyOf(binary, binary.length + data.remaining());
            data.get(more, binary.length, data.remaining());
            binary = more;
            if (binary.length > LONGEST_MESSAGE) {
                messages.add(new Arrived.End("the kernel sent a message of more than " + LONGEST_MESSAGE + " bytes"));
                webSocket.abort();
                return null;
            }
            if (!last) {
                webSocket.request(1);
                return null;
            }
            ByteBuffer whole = ByteBuffer.wrap(binary);
            binary = new byte[0];
            int start = whole.limit() < 8 ? -1 : whole.getInt(4);
            int end = start > 0 && whole.getInt(0) > 1 && whole.limit() >= 12 ? whole.getInt(8) : whole.limit();
            if (start > 0 && end >= start && end <= whole.limit()) {
                take(new String(whole.array(), start, end - start, StandardCharsets.UTF_8));
            } else {
                webSocket.request(1);
            }
            return null;
        }

        private void take(String message) {
            try {
                messages.add(new Arrived.Message(JSON.readTree(message)));
            } catch (JacksonException e) {
                messages.add(new Arrived.End("the kernel gateway sent a message that is no JSON"));
            }
        }

        @Override
        public @Nullable CompletionStage<?> onClose(WebSocket webSocket, int statusCode, String reason) {
            messages.add(new Arrived.End(
                    reason.isEmpty() ? "the connection to the kernel was closed (" + statusCode + ")" : reason));
            return null;
        }

        @Override
        public void onError(WebSocket webSocket, Throwable error) {
            messages.add(new Arrived.End("the connection to the kernel broke: did the sandbox end?"));
        }
    }

    /**
     * Sends a request.
     *
     * @return its id
     */
    String send(String type, Map<String, ?> content) {
        String messageId = UUID.randomUUID().toString();
        ObjectNode message = JSON.createObjectNode().put("channel", "shell");
        message.putObject("header")
                .put("msg_id", messageId)
                .put("msg_type", type)
                .put("session", session)
                .put("username", "holt")
                .put("date", Instant.now().toString())
                .put("version", "5.3");
        message.putObject("parent_header");
        message.putObject("metadata");
        message.set("content", JSON.valueToTree(content));
        message.putArray("buffers");
        try {
            socket.sendText(JSON.writeValueAsString(message), true).join();
        } catch (CompletionException e) {
            throw new ClientException(ExitCode.UNREACHABLE, "The connection to the kernel broke: did the sandbox end?");
        }
        return messageId;
    }

    /**
     * The next message, or empty when none comes in time.
     *
     * @throws ClientException when there will be none any more
     */
    Optional<JsonNode> next(Duration patience) throws InterruptedException {
        Arrived arrived = messages.poll(Math.max(0, patience.toNanos()), TimeUnit.NANOSECONDS);
        return switch (arrived) {
            case null -> Optional.empty();
            case Arrived.Message message -> {
                socket.request(1);
                yield Optional.of(message.json);
            }
            case Arrived.End end -> {
                messages.add(end);
                throw new ClientException(ExitCode.FAILED, end.reason);
            }
        };
    }

    void interrupt() {
        JsonNode unused = answer(
                http,
                request(sandbox, "/api/kernels/" + id + "/interrupt")
                        .POST(BodyPublishers.noBody())
                        .build());
    }

    private static void remove(HttpClient http, SandboxAddress sandbox, String id) {
        try {
            JsonNode unused =
                    answer(http, request(sandbox, "/api/kernels/" + id).DELETE().build());
        } catch (ClientException e) {
            // it is gone, or its sandbox is
        }
    }

    @Override
    public void close() {
        socket.abort();
        remove(http, sandbox, id);
    }

    /** For {@code execute_request}. */
    static Map<String, Object> code(String code, boolean stopOnError) {
        return Map.of(
                "code",
                code,
                "silent",
                false,
                "store_history",
                true,
                "user_expressions",
                Map.of(),
                "allow_stdin",
                false,
                "stop_on_error",
                stopOnError);
    }

    /** Names of installed kernels, for a message to a person. */
    static String names(JsonNode installed) {
        List<String> names = List.copyOf(installed.path("kernelspecs").propertyNames());
        return names.isEmpty() ? "none" : String.join(", ", names);
    }
}
