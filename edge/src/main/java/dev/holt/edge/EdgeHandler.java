package dev.holt.edge;

import dev.holt.edge.relay.Destination;
import dev.holt.edge.relay.Relay;
import dev.holt.edge.relay.RelayFailure;
import dev.holt.http.ErrorBody;
import dev.holt.http.HttpListener;
import dev.holt.http.JsonAnswer;
import dev.holt.http.SandboxService;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
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
    private static final String ENVD_TOKEN_HEADER = "X-Access-Token";
    private static final String PAUSED_MEANWHILE = "The sandbox was paused before its server answered";
    private static final Wakening.Refusal STOPPED = new Wakening.Refusal(409, Wakening.STILL_TRANSITIONING);

    private final EdgeConfig config;
    private final TargetParser parser;
    private final Node node;
    private final NewestSandbox newest;
    private final Map<Integer, SandboxService> services;
    private final GuestServers guests;
    private final Relay relay;
    private final Wakening wakening;

    EdgeHandler(
            EdgeConfig config,
            Node node,
            Waker waker,
            NewestSandbox newest,
            Map<Integer, SandboxService> services,
            GuestServers guests,
            Relay relay) {
        this.wakening = new Wakening(node, waker);
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
        boolean health = port == ENVD_PORT && isHealthCheck(request);
        if (health && sandbox.state().countsAsRunning()) {
            JsonAnswer.empty(response, callback, 204);
            return;
        }
        if (port != ENVD_PORT && !admitted(sandbox, request, response, callback)) {
            return;
        }
        if (sandbox.state() != SandboxState.RUNNING && !awake(sandbox, port, request, response, callback)) {
            return;
        }
        if (health) {
            JsonAnswer.empty(response, callback, 204);
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
        AtomicReference<Wakening.@Nullable Refusal> refusal = new AtomicReference<>();
        try {
            relay.relay(destination, request, response, callback, () -> awake(id, port, refusal));
        } catch (RelayFailure failure) {
            guests.closed(id, port);
            answer(
                    failure,
                    Optional.ofNullable(refusal.get()).orElse(STOPPED),
                    destination,
                    request,
                    response,
                    callback);
        }
    }

    /** Has a sandbox run that did not when the request came; answers the request when it does not. */
    private boolean awake(SandboxStatus sandbox, int port, Request request, Response response, Callback callback) {
        String name = sandbox.id().value();
        // Capturing takes a moment and changes nothing for anybody; a resume is not for whoever knows the name.
        if (port == ENVD_PORT && sandbox.state() != SandboxState.CAPTURING && !mayWake(sandbox, request)) {
            EdgeErrors.wakeForbidden(request, response, callback, name);
            return false;
        }
        Optional<Wakening.Refusal> refusal = wakening.wake(sandbox, port);
        refusal.ifPresent(why -> EdgeErrors.refused(request, response, callback, name, why));
        return refusal.isEmpty();
    }

    /** As at E2B, a secure sandbox is woken by its token, or here by what the token signed, and by nothing else. */
    private boolean mayWake(SandboxStatus sandbox, Request request) {
        Optional<String> token = sandbox.accessToken();
        if (token.isEmpty() || !sandbox.lifecycle().autoResume()) {
            return true;
        }
        String given = request.getHeaders().get(ENVD_TOKEN_HEADER);
        if (given != null && MessageDigest.isEqual(bytes(given), bytes(token.get()))) {
            return true;
        }
        return SignedFiles.isSigned(request)
                && SignedFiles.signer(request, node)
                        .filter(sandbox.id()::equals)
                        .isPresent();
    }

    /** The same for one that stopped running while the request was on its way. */
    private boolean awake(SandboxId id, int port, AtomicReference<Wakening.@Nullable Refusal> why) {
        Optional<SandboxStatus> sandbox = node.find(id);
        if (sandbox.isEmpty()) {
            return false;
        }
        Optional<Wakening.Refusal> refusal = wakening.wake(sandbox.get(), port);
        refusal.ifPresent(why::set);
        return refusal.isEmpty();
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

    private void answer(
            RelayFailure failure,
            Wakening.Refusal refusal,
            Destination to,
            Request request,
            Response response,
            Callback callback) {
        String sandbox = to.sandbox().value();
        Optional<SandboxStatus> now = node.find(to.sandbox());
        if (failure.kind() == RelayFailure.Kind.NO_SANDBOX || now.isEmpty()) {
            EdgeErrors.notFound(request, response, callback, sandbox);
            return;
        }
        if (failure.kind() == RelayFailure.Kind.BAD_SERVER
                && now.get().state() != SandboxState.RUNNING
                && now.get().state() != SandboxState.CAPTURING) {
            EdgeErrors.badServer(request, response, callback, sandbox, to.port(), PAUSED_MEANWHILE);
            return;
        }
        switch (failure.kind()) {
            case PORT_CLOSED -> EdgeErrors.portClosed(request, response, callback, sandbox, to.port());
            case TOO_MANY -> EdgeErrors.tooMany(request, response, callback, sandbox, config.maximumExchanges());
            case BAD_SERVER -> EdgeErrors.badServer(request, response, callback, sandbox, to.port(), failure.problem());
            case NOT_RUNNING -> EdgeErrors.refused(request, response, callback, sandbox, refusal);
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
