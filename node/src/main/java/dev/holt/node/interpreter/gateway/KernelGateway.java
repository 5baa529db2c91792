package dev.holt.node.interpreter.gateway;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.holt.http.HttpFailure;
import dev.holt.http.JsonAnswer;
import dev.holt.http.JsonBody;
import dev.holt.wire.id.SandboxId;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.websocket.server.ServerWebSocketContainer;
import org.jspecify.annotations.Nullable;

/**
 * The REST interface of a Jupyter kernel gateway (the part of "Jupyter Server API" that is about kernels and kernelspecs), below
 * {@link #PREFIX}, and the upgrade to a kernel's channels. One instance for all sandboxes.
 */
public final class KernelGateway {
    /** Before every path. */
    public static final String PREFIX = "/jupyter";

    private static final String API = PREFIX + "/api";
    private static final int BODY_MAXIMUM = 64 * 1024;
    private static final int MESSAGE_MAXIMUM = 8 * 1024 * 1024;
    private static final int CONNECTIONS_MAXIMUM = 50;
    private static final Duration IDLE_MAXIMUM = Duration.ofSeconds(120);

    /** Clients parse the fraction, and insist on it. */
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'").withZone(ZoneOffset.UTC);

    private final KernelActivity activity = new KernelActivity();
    private final ReentrantLock containers = new ReentrantLock();

    /** Whether the path is one of the gateway's. */
    public static boolean isFor(Request request) {
        String path = request.getHttpURI().getPath();
        return path != null && (path.equals(PREFIX) || path.startsWith(PREFIX + "/"));
    }

    /**
     * Whoever asks brings the sandbox's token in one of the ways in which Jupyter's clients can: a header of Holt's own, Jupyter's
     * {@code Authorization: token ...}, a bearer, or the query, for those that can set no headers.
     */
    public static Optional<String> token(Request request) {
        String own = request.getHeaders().get("X-Access-Token");
        if (own != null) {
            return Optional.of(own);
        }
        String authorization = request.getHeaders().get(HttpHeader.AUTHORIZATION);
        if (authorization != null) {
            for (String scheme : List.of("token ", "Bearer ")) {
                if (authorization.regionMatches(true, 0, scheme, 0, scheme.length())) {
                    return Optional.of(authorization.substring(scheme.length()).strip());
                }
            }
        }
        return Optional.ofNullable(Request.extractQueryParameters(request).getValue("token"));
    }

    /**
     * Answers a request whose token was found to be right, and completes {@code callback}.
     *
     * @throws HttpFailure when it is wrong; nothing was answered
     */
    public void handle(SandboxId sandbox, GatewayKernels kernels, Request request, Response response, Callback callback)
            throws Exception {
        String path = request.getHttpURI().getPath();
        String[] steps = path.startsWith(API) ? path.substring(API.length()).split("/", -1) : new String[] {path};
        String name = steps.length > 2 ? steps[2] : "";
        switch (request.getMethod() + " " + route(steps)) {
            case "GET " -> JsonAnswer.send(response, callback, 200, Map.of("version", "1"));
            case "GET /kernelspecs" -> JsonAnswer.send(response, callback, 200, specifications(kernels));
            case "GET /kernelspecs/*" -> JsonAnswer.send(response, callback, 200, specification(kernels, name));
            case "GET /kernels" -> {
                List<Model> running = kernels.running().stream()
                        .map(kernel -> model(sandbox, kernel))
                        .toList();
                JsonAnswer.send(response, callback, 200, running);
            }
            case "POST /kernels" -> {
                Model started = start(sandbox, kernels, request);
                response.getHeaders().put(HttpHeader.LOCATION, API + "/kernels/" + started.id());
                JsonAnswer.send(response, callback, 201, started);
            }
            case "GET /kernels/*" -> JsonAnswer.send(response, callback, 200, model(sandbox, require(kernels, name)));
            case "DELETE /kernels/*" -> {
                require(kernels, name).remove();
                JsonAnswer.empty(response, callback, 204);
            }
            case "POST /kernels/*/interrupt" -> {
                require(kernels, name).interrupt();
                JsonAnswer.empty(response, callback, 204);
            }
            case "POST /kernels/*/restart" -> {
                GatewayKernel kernel = require(kernels, name);
                kernel.restart();
                JsonAnswer.send(response, callback, 200, model(sandbox, kernel));
            }
            case "GET /kernels/*/channels" -> connect(sandbox, require(kernels, name), request, response, callback);
            default -> throw new HttpFailure(404, "the kernel gateway has no " + request.getMethod() + " " + path);
        }
    }

    /** The path below the API with an asterisk for a name or an id in it. */
    private static String route(String[] steps) {
        StringBuilder route = new StringBuilder(steps[0]);
        for (int step = 1; step < steps.length; step++) {
            route.append('/').append(step == 2 ? "*" : steps[step]);
        }
        return route.toString();
    }

    // ---- kernelspecs

    private record Specification(String name, Object spec, Map<String, String> resources) {
        static Specification of(GatewayKernels.Installed installed) {
            return new Specification(installed.name(), installed.specification(), Map.of());
        }
    }

    private record Specifications(@JsonProperty("default") String standard, Map<String, Specification> kernelspecs) {}

    private static Specifications specifications(GatewayKernels kernels) {
        Map<String, Specification> all = new LinkedHashMap<>();
        kernels.installed().forEach(installed -> all.put(installed.name(), Specification.of(installed)));
        return new Specifications(kernels.standard().orElse("python3"), all);
    }

    private static Specification specification(GatewayKernels kernels, String name) {
        return kernels.installed().stream()
                .filter(installed -> installed.name().equals(name))
                .findFirst()
                .map(Specification::of)
                .orElseThrow(() -> new HttpFailure(404, "no kernel called '" + name + "' is installed"));
    }

    // ---- kernels

    private record Model(
            String id,
            String name,
            @JsonProperty("last_activity") String lastActivity,
            @JsonProperty("execution_state") String executionState,
            int connections) {}

    private Model model(SandboxId sandbox, GatewayKernel kernel) {
        Optional<KernelActivity.Seen> seen = activity.of(key(sandbox, kernel));
        Instant last = seen.map(KernelActivity.Seen::last).orElse(kernel.created());
        return new Model(
                kernel.id(),
                kernel.name(),
                TIME.format(last),
                seen.map(KernelActivity.Seen::state).orElse("idle"),
                seen.map(KernelActivity.Seen::connections).orElse(0));
    }

    private static String key(SandboxId sandbox, GatewayKernel kernel) {
        return sandbox.value() + " " + kernel.id();
    }

    private static GatewayKernel require(GatewayKernels kernels, String id) {
        return kernels.find(id).orElseThrow(() -> new HttpFailure(404, "Kernel does not exist: " + id));
    }

    private record NewKernel(
            @Nullable String name,
            @Nullable String path,
            @Nullable Map<String, String> env) {}

    private Model start(SandboxId sandbox, GatewayKernels kernels, Request request)
            throws java.io.IOException, InterruptedException {
        byte[] body = JsonBody.readBytes(request, BODY_MAXIMUM);
        NewKernel asked = body.length == 0 ? new NewKernel(null, null, null) : JsonBody.parse(body, NewKernel.class);
        String name = Optional.ofNullable(asked.name)
                .filter(text -> !text.isBlank())
                .or(kernels::standard)
                .orElseThrow(
                        () -> new HttpFailure(400, "this sandbox has no Jupyter kernel: install one in its template"));
        Optional<String> directory = Optional.ofNullable(asked.path)
                .or(() -> Optional.ofNullable(asked.env).map(env -> env.get("KERNEL_WORKING_DIR")))
                .filter(path -> path.startsWith("/") && path.indexOf('\0') < 0 && path.length() <= 1000);
        return model(sandbox, kernels.start(name, directory));
    }

    // ---- channels

    private void connect(
            SandboxId sandbox, GatewayKernel kernel, Request request, Response response, Callback callback) {
        if (!"websocket".equalsIgnoreCase(request.getHeaders().get(HttpHeader.UPGRADE))) {
            throw new HttpFailure(426, "the channels of a kernel are a WebSocket: send Upgrade: websocket");
        }
        String key = key(sandbox, kernel);
        if (!activity.connect(sandbox.value() + " ", key, CONNECTIONS_MAXIMUM)) {
            throw new HttpFailure(
                    429, CONNECTIONS_MAXIMUM + " clients are connected to kernels of this sandbox, which is the most");
        }
        boolean upgraded = false;
        try {
            upgraded = container(request)
                    .upgrade(
                            (asked, answer, creation) -> {
                                boolean version1 = asked.hasSubProtocol(SocketMessages.VERSION_1);
                                if (version1) {
                                    answer.setAcceptedSubProtocol(SocketMessages.VERSION_1);
                                }
                                return new KernelChannels(kernel, version1, activity, key);
                            },
                            request,
                            response,
                            callback);
        } finally {
            if (!upgraded) {
                activity.disconnect(key);
            }
        }
        if (!upgraded) {
            throw new HttpFailure(400, "the request can't be upgraded to a WebSocket");
        }
    }

    /** The server's WebSockets, set up when they are first needed. */
    private ServerWebSocketContainer container(Request request) {
        Server server = request.getConnectionMetaData().getConnector().getServer();
        containers.lock();
        try {
            ServerWebSocketContainer container = ServerWebSocketContainer.ensure(server);
            container.setMaxTextMessageSize(MESSAGE_MAXIMUM);
            container.setMaxBinaryMessageSize(MESSAGE_MAXIMUM);
            container.setIdleTimeout(IDLE_MAXIMUM);
            return container;
        } finally {
            containers.unlock();
        }
    }
}
