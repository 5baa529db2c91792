package dev.holt.edge;

import dev.holt.edge.relay.Destination;
import dev.holt.edge.relay.Relay;
import dev.holt.edge.relay.RelayFailure;
import dev.holt.http.ErrorBody;
import dev.holt.http.HttpListener;
import dev.holt.http.JsonAnswer;
import dev.holt.http.SandboxService;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Map;
import java.util.Optional;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/**
 * Answers a request that is for a sandbox and leaves every other to the next handler: finds the target, the sandbox, checks
 * the traffic token, then hands over to the service at that port or to the relay.
 */
final class EdgeHandler extends Handler.Abstract {
    private static final int ENVD_PORT = 49_983;

    private final EdgeConfig config;
    private final TargetParser parser;
    private final Node node;
    private final NewestSandbox newest;
    private final Map<Integer, SandboxService> services;
    private final GuestServers guests;
    private final Relay relay;

    EdgeHandler(
            EdgeConfig config,
            Node node,
            NewestSandbox newest,
            Map<Integer, SandboxService> services,
            GuestServers guests,
            Relay relay) {
        this.config = config;
        this.parser = new TargetParser(config.domains());
        this.node = node;
        this.newest = newest;
        this.services = Map.copyOf(services);
        this.guests = guests;
        this.relay = relay;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        String host = host(request);
        Target target = parser.parse(
                host,
                request.getHeaders().get("E2b-Sandbox-Id"),
                request.getHeaders().get("E2b-Sandbox-Port"));
        if (target instanceof Target.None) {
            Integer listenerPort = config.trafficListeners().get(HttpListener.nameOf(request));
            if (listenerPort == null) {
                return false;
            }
            if (SignedFiles.isSigned(request)) {
                Optional<SandboxId> signer = SignedFiles.signer(request, node);
                if (signer.isEmpty()) {
                    JsonAnswer.error(response, callback, new ErrorBody(401, "invalid signature"));
                    return true;
                }
                target = new Target.Sandbox(signer.get().value(), ENVD_PORT);
            } else {
                target = config.debug()
                        ? newestSandbox(host, listenerPort)
                        : new Target.Invalid(
                                "the host '" + shown(host) + "' names no sandbox; expected <port>-<id>.<domain>");
            }
        }
        switch (target) {
            case Target.Sandbox sandbox -> serve(sandbox, host, request, response, callback);
            case Target.Invalid invalid -> JsonAnswer.error(response, callback, new ErrorBody(400, invalid.message()));
            case Target.None none -> throw new IllegalStateException("unreachable");
        }
        return true;
    }

    private void serve(Target.Sandbox target, String host, Request request, Response response, Callback callback)
            throws Exception {
        Optional<SandboxStatus> found = target.id().flatMap(node::find);
        if (found.isEmpty()) {
            EdgeErrors.notFound(request, response, callback, target.name());
            return;
        }
        SandboxStatus sandbox = found.get();
        SandboxId id = sandbox.id();
        int port = target.port();
        if (port == ENVD_PORT && isHealthCheck(request)) {
            JsonAnswer.empty(response, callback, 204);
            return;
        }
        if (port != ENVD_PORT && !admitted(sandbox, request, response, callback)) {
            return;
        }
        SandboxService service = services.get(port);
        if (service != null && !(service.yieldsToGuest() && guests.listens(id, port))) {
            service.handle(id, request, response, callback);
            return;
        }
        Optional<String> mask = sandbox.network().maskRequestHost();
        Destination destination = new Destination(
                id,
                port,
                mask.map(text -> text.replace("${PORT}", Integer.toString(port)))
                        .orElse(host),
                host);
        try {
            relay.relay(destination, request, response, callback);
        } catch (RelayFailure failure) {
            guests.closed(id, port);
            answer(failure, destination, request, response, callback);
        }
    }

    /** Whether the request may reach the sandbox's own ports; answers it when not. envd's port guards itself. */
    private static boolean admitted(SandboxStatus sandbox, Request request, Response response, Callback callback) {
        Optional<String> expected = sandbox.network().trafficAccessToken();
        if (expected.isEmpty()) {
            return true;
        }
        String given = request.getHeaders().get(EdgeErrors.TOKEN_HEADER);
        if (given == null || given.isEmpty()) {
            EdgeErrors.tokenMissing(request, response, callback, sandbox.id().value());
            return false;
        }
        if (!MessageDigest.isEqual(bytes(given), bytes(expected.get()))) {
            EdgeErrors.tokenInvalid(request, response, callback, sandbox.id().value());
            return false;
        }
        return true;
    }

    private void answer(RelayFailure failure, Destination to, Request request, Response response, Callback callback) {
        String sandbox = to.sandbox().value();
        if (failure.kind() == RelayFailure.Kind.NO_SANDBOX
                || node.find(to.sandbox()).isEmpty()) {
            EdgeErrors.notFound(request, response, callback, sandbox);
            return;
        }
        switch (failure.kind()) {
            case PORT_CLOSED -> EdgeErrors.portClosed(request, response, callback, sandbox, to.port());
            case TOO_MANY -> EdgeErrors.tooMany(request, response, callback, sandbox, config.maximumExchanges());
            case BAD_SERVER -> EdgeErrors.badServer(request, response, callback, sandbox, to.port(), failure.problem());
            case NO_SANDBOX -> throw new IllegalStateException("unreachable");
        }
    }

    private Target newestSandbox(@Nullable String host, int listenerPort) {
        int port = listenerPort;
        if (host != null && TargetParser.withoutPort(host).equalsIgnoreCase("localhost")) {
            int named = TargetParser.portOf(host);
            port = named == 0 ? listenerPort : named;
        }
        Optional<SandboxId> id = newest.find();
        return new Target.Sandbox(id.map(SandboxId::value).orElse("none"), port);
    }

    private static boolean isHealthCheck(Request request) {
        return request.getMethod().equals("GET")
                && "/health".equals(request.getHttpURI().getPath());
    }

    /** The host as the client sent it; HTTP/2 has it in the authority. */
    private static String host(Request request) {
        String host = request.getHeaders().get(HttpHeader.HOST);
        if (host != null) {
            return host;
        }
        String authority = request.getHttpURI().getAuthority();
        return authority == null ? "" : authority;
    }

    private static String shown(String host) {
        return host.length() <= 100 ? host : host.substring(0, 100) + "...";
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
