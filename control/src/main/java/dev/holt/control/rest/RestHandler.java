package dev.holt.control.rest;

import dev.holt.control.access.Authenticator;
import dev.holt.control.access.Caller;
import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Contract;
import dev.holt.control.contract.Operation;
import dev.holt.control.contract.Parameter;
import dev.holt.control.contract.Validator;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Fields;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * The REST API as a Jetty handler. Answers every request that it is given, unknown paths too; blocks, so its server must
 * call it on a virtual thread. A request is routed, authenticated, checked and answered, in this order; every error, of
 * whatever kind, becomes {@code {code, message, error_code?}} here and nowhere else.
 */
public final class RestHandler extends Handler.Abstract {
    private static final Logger log = LoggerFactory.getLogger(RestHandler.class);

    private final Router router;
    private final Authenticator authenticator;

    /** @param routes by operation id, exactly the operations of the contract */
    public RestHandler(Contract contract, Authenticator authenticator, Map<String, Route> routes) {
        this.router = new Router(contract.operations(), routes);
        this.authenticator = authenticator;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        String method = request.getMethod();
        String path = Optional.ofNullable(request.getHttpURI().getPath()).orElse("/");
        Answer answer;
        try {
            answer = answer(request, method, path);
        } catch (UncheckedIOException e) {
            log.debug("{} {}: the client went away", method, path, e);
            callback.failed(e);
            return true;
        } catch (RuntimeException e) {
            answer = error(
                    e instanceof HttpException malformed
                            ? new ApiException(malformed.getCode(), String.valueOf(malformed.getReason()))
                            : Failures.of(e, method + " " + path));
        }
        log.debug("{} {} {}", method, path, answer.status());
        if (!Json.drain(request)) {
            answer = answer.withHeader("Connection", "close");
        }
        write(answer, response, callback);
        return true;
    }

    private Answer answer(Request request, String method, String path) {
        Router.Match match = router.find(method, path);
        Operation operation = match.target().operation();
        Caller caller = authenticator.authenticate(operation.scope(), request.getHeaders());
        Map<String, JsonNode> parameters = parameters(operation, request);
        JsonNode body = operation
                .body()
                .map(expected -> body(expected, request))
                .orElseGet(JsonNodeFactory.instance::objectNode);
        return match.target()
                .route()
                .answer(new Call(operation, caller, match.path(), parameters, body, request.getHeaders()));
    }

    private static Map<String, JsonNode> parameters(Operation operation, Request request) {
        if (operation.parameters().isEmpty()) {
            return Map.of();
        }
        Fields query = query(request);
        Map<String, JsonNode> values = new HashMap<>();
        for (Parameter parameter : operation.parameters()) {
            List<String> given = parameter.header()
                    ? request.getHeaders().getValuesList(parameter.name())
                    : query.getValuesOrEmpty(parameter.name());
            if (!given.isEmpty()) {
                values.put(parameter.name(), parameter.read(given));
            } else if (parameter.required()) {
                throw ApiException.invalid(parameter.name(), "missing");
            }
        }
        return values;
    }

    private static Fields query(Request request) {
        try {
            return Request.extractQueryParameters(request, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException | IllegalStateException e) {
            throw ApiException.invalid("query", "malformed: " + e.getMessage());
        }
    }

    private static JsonNode body(Operation.RequestBody expected, Request request) {
        JsonNode body = Json.read(request);
        if (body.isMissingNode()) {
            if (expected.required()) {
                throw ApiException.invalid(Validator.BODY, "missing; JSON expected");
            }
            return JsonNodeFactory.instance.objectNode();
        }
        expected.validator().check(body, Validator.BODY);
        return body;
    }

    private static Answer error(ApiException e) {
        return new Answer(e.status(), Optional.of(Failures.body(e)), e.headers());
    }

    private static void write(Answer answer, Response response, Callback callback) {
        response.setStatus(answer.status());
        answer.headers().forEach(response.getHeaders()::put);
        ByteBuffer content = ByteBuffer.allocate(0);
        if (answer.body().isPresent()) {
            if (answer.body().get() instanceof Answer.Text text) {
                response.getHeaders().put(HttpHeader.CONTENT_TYPE, text.contentType());
                content = StandardCharsets.UTF_8.encode(text.content());
            } else {
                response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
                content = ByteBuffer.wrap(
                        Json.MAPPER.writeValueAsBytes(answer.body().get()));
            }
        }
        // 204 has no body and, by RFC 9110, no Content-Length either.
        if (answer.status() != 204) {
            response.getHeaders().put(HttpHeader.CONTENT_LENGTH, content.remaining());
        }
        response.write(true, content, callback);
    }
}
