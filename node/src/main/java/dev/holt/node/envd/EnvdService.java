package dev.holt.node.envd;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.holt.http.Cors;
import dev.holt.http.HttpFailure;
import dev.holt.http.Json;
import dev.holt.http.Lingering;
import dev.holt.http.SandboxService;
import dev.holt.node.guest.GuestUnreachable;
import dev.holt.nodeapi.MetricSample;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Fields;

/**
 * What E2B's clients find at port 49983 of every sandbox: processes, files, watches. One instance answers for all sandboxes
 * of a node, by asking each one's agent.
 */
public final class EnvdService implements SandboxService, AutoCloseable {
    /** The version of envd whose behaviour this is. Clients switch features on by it. */
    public static final String VERSION = "0.6.13";

    private static final int BAD_GATEWAY = 502;
    private static final int NO_CONTENT = 204;
    private static final long MEBIBYTE = 1024 * 1024;

    private final EnvdSandboxes sandboxes;
    private final SecureRandom random = new SecureRandom();
    private final Map<SandboxId, SandboxState> states = new ConcurrentHashMap<>();
    private final RpcEndpoint rpcs = new RpcEndpoint();
    private final FileDownload download;
    private final FileUpload upload;
    private final FileCompose compose = new FileCompose();

    public EnvdService(EnvdSandboxes sandboxes) {
        TransferBuffers buffers = new TransferBuffers();
        this.sandboxes = sandboxes;
        this.download = new FileDownload(buffers);
        this.upload = new FileUpload(buffers);
    }

    /**
     * Learns of what runs in a sandbox that an earlier daemon started, so that deadlines of its processes are kept. Asks the
     * guest; fails as {@link dev.holt.node.guest.GuestAgent} does.
     */
    public void adopt(EnvdSandbox sandbox) {
        state(sandbox).processes().merge();
    }

    /**
     * Breaks every stream about a sandbox off, in a way that clients notice, and frees all that is held for it: because it is
     * dead or about to be frozen. What runs in it goes on, and is known again when it is asked for.
     */
    public void forget(SandboxId sandbox) {
        SandboxState state = states.remove(sandbox);
        if (state != null) {
            state.forget();
        }
    }

    @Override
    public void close() {
        states.keySet().forEach(this::forget);
    }

    private SandboxState state(EnvdSandbox sandbox) {
        SandboxState state = states.computeIfAbsent(sandbox.id(), id -> new SandboxState(sandbox, random));
        if (!state.isOf(sandbox)) {
            states.remove(sandbox.id(), state);
            state.forget();
            return states.computeIfAbsent(sandbox.id(), id -> new SandboxState(sandbox, random));
        }
        return state;
    }

    @Override
    public void handle(SandboxId id, Request request, Response response, Callback callback) {
        try {
            if (Cors.isPreflight(request)) {
                Cors.allowPreflight(request, response);
                empty(response, NO_CONTENT);
            } else {
                Cors.allow(request, response);
                answer(id, request, response);
            }
            Lingering.afterAnswer(request);
            callback.succeeded();
        } catch (IOException | BrokenStreamException broken) {
            // Nobody can be told any more: the connection itself has to say it.
            callback.failed(broken);
        } catch (RuntimeException bug) {
            callback.failed(bug);
        }
    }

    private void answer(SandboxId id, Request request, Response response) throws IOException {
        try {
            Optional<EnvdSandbox> sandbox = sandboxes.find(id);
            if (sandbox.isEmpty()) {
                json(response, BAD_GATEWAY, new NotFound(id.value(), "The sandbox was not found", BAD_GATEWAY));
                return;
            }
            route(sandbox.get(), request, response);
        } catch (HttpFailure failure) {
            refuse(response, failure);
        } catch (GuestUnreachable unreachable) {
            refuse(response, new HttpFailure(BAD_GATEWAY, unreachable.text()));
        }
    }

    private static void refuse(Response response, HttpFailure failure) throws IOException {
        if (response.isCommitted()) {
            throw new BrokenStreamException("failed after the answer had begun", failure);
        }
        response.getHeaders().put("X-Content-Type-Options", "nosniff");
        json(response, failure.body().code(), failure.body());
    }

    /** The body of 502, which clients take for "the sandbox is gone". */
    private record NotFound(String sandboxId, String message, int code) {}

    private void route(EnvdSandbox sandbox, Request request, Response response) throws IOException {
        String path = request.getHttpURI().getPath();
        String method = request.getMethod();
        switch (path) {
            case "/health" -> {
                if (!method.equals("GET")) {
                    Access.requireToken(sandbox, request);
                }
                if (allows(response, method, "GET")) {
                    response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
                    empty(response, NO_CONTENT);
                }
            }
            case "/files" -> serveFiles(sandbox, request, response);
            default -> {
                Access.requireToken(sandbox, request);
                Optional<Rpc> rpc = rpcs.find(path);
                if (rpc.isPresent()) {
                    rpcs.serve(rpc.get(), sandbox, state(sandbox), request, response);
                } else {
                    serveRest(sandbox, request, response, path);
                }
            }
        }
    }

    private void serveFiles(EnvdSandbox sandbox, Request request, Response response) throws IOException {
        Fields query = Request.extractQueryParameters(request);
        switch (request.getMethod()) {
            case "GET", "HEAD" -> download.serve(sandbox, request, response, query);
            case "POST" -> json(response, 200, upload.serve(sandbox, request, query));
            default -> {
                Access.requireToken(sandbox, request);
                allows(response, request.getMethod(), "GET, HEAD, POST");
            }
        }
    }

    private void serveRest(EnvdSandbox sandbox, Request request, Response response, String path) throws IOException {
        String method = request.getMethod();
        switch (path) {
            case "/files/compose" -> {
                if (allows(response, method, "POST")) {
                    json(response, 200, compose.serve(sandbox, request));
                }
            }
            case "/envs" -> {
                if (allows(response, method, "GET")) {
                    response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
                    json(response, 200, sandbox.environment());
                }
            }
            case "/metrics" -> {
                if (allows(response, method, "GET")) {
                    response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
                    json(response, 200, Metrics.of(sandbox.usage().get()));
                }
            }
            default -> throw new HttpFailure(404, "there is no " + method + " " + path);
        }
    }

    /** Whether {@code method} is the one; if not, says so. */
    private static boolean allows(Response response, String method, String allowed) throws IOException {
        if (allowed.contains(method)) {
            return true;
        }
        response.getHeaders().put(HttpHeader.ALLOW, allowed);
        refuse(response, new HttpFailure(405, "this path allows " + allowed + ", not " + method));
        return false;
    }

    /** {@code GET /metrics}, the deprecated MiB included. */
    private record Metrics(
            long ts,
            @JsonProperty("cpu_count") int cpuCount,
            @JsonProperty("cpu_used_pct") float cpuUsedPercent,
            @JsonProperty("mem_total") long memoryTotal,
            @JsonProperty("mem_used") long memoryUsed,
            @JsonProperty("mem_cache") long memoryCache,
            @JsonProperty("mem_total_mib") long memoryTotalMebibytes,
            @JsonProperty("mem_used_mib") long memoryUsedMebibytes,
            @JsonProperty("disk_used") long diskUsed,
            @JsonProperty("disk_total") long diskTotal) {
        static Metrics of(MetricSample sample) {
            return new Metrics(
                    sample.time().getEpochSecond(),
                    sample.cpuCount(),
                    Math.round(sample.cpuUsedPercent() * 100) / 100f,
                    sample.memoryTotal(),
                    sample.memoryUsed(),
                    sample.memoryCache(),
                    sample.memoryTotal() / MEBIBYTE,
                    sample.memoryUsed() / MEBIBYTE,
                    sample.diskUsed(),
                    sample.diskTotal());
        }
    }

    private static void json(Response response, int status, Object value) throws IOException {
        byte[] body = Json.MAPPER.writeValueAsBytes(value);
        response.setStatus(status);
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length);
        Content.Sink.write(response, true, ByteBuffer.wrap(body));
    }

    private static void empty(Response response, int status) throws IOException {
        response.setStatus(status);
        Content.Sink.write(response, true, ByteBuffer.allocate(0));
    }
}
