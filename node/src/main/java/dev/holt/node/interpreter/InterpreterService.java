package dev.holt.node.interpreter;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.holt.http.Cors;
import dev.holt.http.ErrorBody;
import dev.holt.http.HttpFailure;
import dev.holt.http.Json;
import dev.holt.http.JsonAnswer;
import dev.holt.http.JsonBody;
import dev.holt.http.Lingering;
import dev.holt.http.SandboxService;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.guest.GuestUnreachable;
import dev.holt.node.interpreter.gateway.KernelGateway;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/**
 * What E2B's code interpreter clients find at port 49999 of every sandbox: code to run, contexts to run it in. One instance answers
 * for all sandboxes of a node. Errors are plain text, which those clients show as it is.
 */
public final class InterpreterService implements SandboxService {
    /** The longest body: one that is JSON for a cell of about this length. */
    static final int BODY_MAXIMUM = 8 * 1024 * 1024;

    private static final int SMALL_BODY = 64 * 1024;
    /** The body, the code in it, and the message it is sent in. */
    private static final int COPIES = 3;

    private static final Duration MEMORY_PATIENCE = Duration.ofSeconds(20);
    private static final int WAITING_MAXIMUM = 200;
    private static final int VARIABLES_MAXIMUM = 1000;

    private static final int OK = 200;
    private static final int NO_CONTENT = 204;
    private static final int BAD_REQUEST = 400;
    private static final int UNAUTHORIZED = 401;
    private static final int BAD_GATEWAY = 502;

    private final Interpreter interpreter;
    private final InterpreterSandboxes sandboxes;
    private final KernelGateway gateway = new KernelGateway();

    public InterpreterService(Interpreter interpreter, InterpreterSandboxes sandboxes) {
        this.interpreter = interpreter;
        this.sandboxes = sandboxes;
    }

    /** A sandbox whose guest listens on the port itself has an interpreter of its own. */
    @Override
    public boolean yieldsToGuest() {
        return true;
    }

    @Override
    public void handle(SandboxId id, Request request, Response response, Callback callback) {
        if (KernelGateway.isFor(request) && !Cors.isPreflight(request)) {
            handleNotebook(id, request, response, callback);
            return;
        }
        try {
            if (Cors.isPreflight(request)) {
                Cors.allowPreflight(request, response);
                answer(response, NO_CONTENT, null, new byte[0]);
            } else {
                Cors.allow(request, response);
                route(id, request, response);
            }
            Lingering.afterAnswer(request);
            callback.succeeded();
        } catch (IOException broken) {
            // Nobody can be told any more: the connection itself has to say it.
            callback.failed(broken);
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
            callback.failed(stopping);
        } catch (RuntimeException bug) {
            callback.failed(bug);
        }
    }

    /** A request of a Jupyter client, who expects errors as JSON. */
    private void handleNotebook(SandboxId id, Request request, Response response, Callback callback) {
        try {
            Cors.allow(request, response);
            InterpreterSandbox sandbox =
                    sandboxes.find(id).orElseThrow(() -> new HttpFailure(BAD_GATEWAY, "The sandbox was not found"));
            requireToken(sandbox, KernelGateway.token(request));
            gateway.handle(id, new NotebookKernels(sandbox, interpreter.of(sandbox)), request, response, callback);
        } catch (HttpFailure failure) {
            JsonAnswer.failure(response, callback, failure);
        } catch (KernelFailure failure) {
            boolean gone = failure.kind().isOfSandbox();
            JsonAnswer.error(response, callback, new ErrorBody(gone ? BAD_GATEWAY : 500, failure.text()));
        } catch (GuestUnreachable unreachable) {
            JsonAnswer.error(response, callback, new ErrorBody(BAD_GATEWAY, unreachable.text()));
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
            callback.failed(stopping);
        } catch (Exception bugOrBroken) {
            callback.failed(bugOrBroken);
        }
    }

    private void route(SandboxId id, Request request, Response response) throws IOException, InterruptedException {
        try {
            Optional<InterpreterSandbox> sandbox = sandboxes.find(id);
            if (sandbox.isEmpty()) {
                text(response, BAD_GATEWAY, "The sandbox was not found");
                return;
            }
            route(sandbox.get(), request, response);
        } catch (HttpFailure failure) {
            refuse(response, failure.body().code(), failure.body().message());
        } catch (KernelFailure failure) {
            boolean gone = failure.kind().isOfSandbox();
            refuse(response, gone ? BAD_GATEWAY : 500, failure.text());
        } catch (GuestUnreachable unreachable) {
            refuse(response, BAD_GATEWAY, unreachable.text());
        } catch (GuestFailure failure) {
            refuse(response, 500, "the guest refused what the interpreter needs: " + failure.text());
        }
    }

    private static void refuse(Response response, int status, String message) throws IOException {
        if (response.isCommitted()) {
            throw new IOException("failed after the answer had begun: " + message);
        }
        text(response, status, message);
    }

    private void route(InterpreterSandbox sandbox, Request request, Response response)
            throws IOException, InterruptedException {
        String path = request.getHttpURI().getPath();
        String method = request.getMethod();
        String[] steps = path.split("/", -1);
        if (path.equals("/health") && allows(response, method, "GET")) {
            json(response, OK, "OK");
        } else if (path.equals("/execute") && allows(response, method, "POST")) {
            execute(sandbox, request, response);
        } else if (path.equals("/contexts") && allows(response, method, "GET, POST")) {
            if (method.equals("GET")) {
                list(sandbox, response);
            } else {
                create(sandbox, request, response);
            }
        } else if (steps.length == 3 && steps[1].equals("contexts") && allows(response, method, "DELETE")) {
            interpreter.of(sandbox).remove(steps[2]);
            json(response, OK, null);
        } else if (steps.length == 4
                && steps[1].equals("contexts")
                && steps[3].equals("restart")
                && allows(response, method, "POST")) {
            interpreter.of(sandbox).require(steps[2]).restart(sandbox);
            json(response, OK, null);
        } else if (!response.isCommitted()) {
            text(response, 404, "there is no " + method + " " + path);
        }
    }

    /** Whether {@code method} is one of those; if not, says so. */
    private static boolean allows(Response response, String method, String allowed) throws IOException {
        if (List.of(allowed.split(", ", -1)).contains(method)) {
            return true;
        }
        response.getHeaders().put(HttpHeader.ALLOW, allowed);
        text(response, 405, "this path allows " + allowed + ", not " + method);
        return false;
    }

    // ---- contexts
    // -------------------------------------------------------------------------------------------------------

    private record ContextBody(String id, String language, String cwd) {
        static ContextBody of(Context context) {
            return new ContextBody(context.id(), context.language(), context.workingDirectory());
        }
    }

    private void list(InterpreterSandbox sandbox, Response response) throws IOException {
        json(
                response,
                OK,
                interpreter.of(sandbox).list(sandbox).stream()
                        .map(ContextBody::of)
                        .toList());
    }

    private record NewContext(
            @Nullable String language, @Nullable String cwd) {}

    private void create(InterpreterSandbox sandbox, Request request, Response response)
            throws IOException, InterruptedException {
        byte[] body = JsonBody.readBytes(request, SMALL_BODY);
        NewContext asked = body.length == 0 ? new NewContext(null, null) : JsonBody.parse(body, NewContext.class);
        String language = orElse(asked.language, Languages.PYTHON);
        String directory = orElse(asked.cwd, SandboxKernels.HOME);
        if (!directory.startsWith("/") || directory.indexOf('\0') >= 0 || directory.length() > 1000) {
            throw new HttpFailure(BAD_REQUEST, "cwd must be an absolute path of at most 1000 characters");
        }
        json(response, OK, ContextBody.of(interpreter.of(sandbox).create(sandbox, language, directory)));
    }

    private static String orElse(@Nullable String text, String otherwise) {
        return text == null || text.isBlank() ? otherwise : text;
    }

    // ---- execute
    // --------------------------------------------------------------------------------------------------------

    private record ExecuteBody(
            @Nullable String code,
            @JsonProperty("context_id") @Nullable String contextId,
            @Nullable String language,
            @JsonProperty("env_vars") @Nullable Map<String, String> variables) {}

    private void execute(InterpreterSandbox sandbox, Request request, Response response)
            throws IOException, InterruptedException {
        requireToken(sandbox, Optional.ofNullable(request.getHeaders().get("X-Access-Token")));
        long length = request.getLength();
        if (length > BODY_MAXIMUM) {
            throw new HttpFailure(
                    413, "the request is " + length + " bytes long; code may be about " + BODY_MAXIMUM + " bytes long");
        }
        long memory = length >= 0 && length <= SMALL_BODY ? 0 : COPIES * (length < 0 ? BODY_MAXIMUM : length);
        if (!interpreter.memory().take(memory, MEMORY_PATIENCE)) {
            throw new HttpFailure(503, "too much code is being sent to this host at once; try again");
        }
        try {
            execute(sandbox, JsonBody.read(request, BODY_MAXIMUM, ExecuteBody.class), request, response);
        } finally {
            interpreter.memory().giveBack(memory);
        }
    }

    private void execute(InterpreterSandbox sandbox, ExecuteBody body, Request request, Response response)
            throws IOException, InterruptedException {
        String code = body.code;
        if (code == null) {
            throw new HttpFailure(BAD_REQUEST, "code is missing: it is a string, the code to run");
        }
        Context context = context(sandbox, body);
        Map<String, String> variables = variables(context, body.variables);
        if (context.turns().length() >= WAITING_MAXIMUM) {
            throw new HttpFailure(429, WAITING_MAXIMUM + " executions wait in this context already");
        }
        try (Turns.Turn turn = context.turns().join();
                ExecutionAnswer answer = new ExecutionAnswer(request, response, turn)) {
            boolean told = answer.awaitTurn(turn);
            try {
                told = told && new Execution(sandbox, context, code, variables, answer).run() == Execution.End.TOLD;
            } catch (HttpFailure failure) {
                if (!answer.begun()) {
                    throw failure;
                }
                answer.outputs().error("KernelNotStarted", failure.body().message(), "");
            }
            if (!told) {
                throw new IOException("the client or the sandbox went away");
            }
            answer.end();
        }
    }

    private Context context(InterpreterSandbox sandbox, ExecuteBody body) {
        SandboxKernels kernels = interpreter.of(sandbox);
        String contextId = body.contextId;
        String language = body.language;
        if (contextId != null && !contextId.isEmpty()) {
            if (language != null && !language.isEmpty()) {
                throw new HttpFailure(BAD_REQUEST, "Only one of context_id or language can be provided");
            }
            return kernels.require(contextId);
        }
        return kernels.standard(sandbox, orElse(language, Languages.PYTHON));
    }

    private static Map<String, String> variables(Context context, @Nullable Map<String, String> given) {
        if (given == null || given.isEmpty()) {
            return Map.of();
        }
        if (given.size() > VARIABLES_MAXIMUM) {
            throw new HttpFailure(
                    BAD_REQUEST, "env_vars has " + given.size() + " variables; the most is " + VARIABLES_MAXIMUM);
        }
        given.forEach((name, value) -> {
            if (!Snippets.isName(name)) {
                throw new HttpFailure(
                        BAD_REQUEST, "env_vars: '" + name + "' is no name of a variable: letters, digits and _ only");
            }
            if (value == null || value.indexOf('\0') >= 0) {
                throw new HttpFailure(
                        BAD_REQUEST, "env_vars: the value of '" + name + "' must be a string without NUL");
            }
        });
        if (Snippets.of(context.language(), given, Map.of()).isEmpty()) {
            throw new HttpFailure(
                    BAD_REQUEST,
                    "env_vars can't be set for the language '" + context.language()
                            + "'; they can for python, javascript, typescript, bash, r and java");
        }
        return given;
    }

    private static void requireToken(InterpreterSandbox sandbox, Optional<String> given) {
        if (sandbox.accessToken().isEmpty()) {
            return;
        }
        if (given.isEmpty()
                || !MessageDigest.isEqual(
                        given.get().getBytes(StandardCharsets.UTF_8),
                        sandbox.accessToken().get().getBytes(StandardCharsets.UTF_8))) {
            throw new HttpFailure(
                    UNAUTHORIZED, "this sandbox is secure: running code needs its access token as X-Access-Token");
        }
    }

    // ---- answers
    // --------------------------------------------------------------------------------------------------------

    private static void json(Response response, int status, @Nullable Object value) throws IOException {
        answer(response, status, "application/json", Json.MAPPER.writeValueAsBytes(value));
    }

    private static void text(Response response, int status, String message) throws IOException {
        response.getHeaders().put("X-Content-Type-Options", "nosniff");
        answer(response, status, "text/plain; charset=utf-8", message.getBytes(StandardCharsets.UTF_8));
    }

    private static void answer(Response response, int status, @Nullable String type, byte[] body) throws IOException {
        response.setStatus(status);
        if (type != null) {
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, type);
            response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length);
        }
        Content.Sink.write(response, true, ByteBuffer.wrap(body));
    }
}
