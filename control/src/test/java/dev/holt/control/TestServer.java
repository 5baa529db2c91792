package dev.holt.control;

import dev.holt.control.access.TeamQuotas;
import dev.holt.control.contract.Contract;
import dev.holt.control.template.OfferedTemplates;
import dev.holt.control.template.TemplateSeed;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Executors;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Control behind a real server on a loopback port, with an in-memory node. */
final class TestServer implements AutoCloseable {
    static final String ADMIN = "admin-token-of-the-tests";
    static final UUID BUILD = UUID.fromString("11111111-2222-4333-8444-555555555555");
    static final TeamQuotas QUOTAS = new TeamQuotas(20, 40, 40_960, Duration.ofHours(1));
    static final JsonMapper JSON = JsonMapper.shared();

    final FakeNode node;
    final Control control;
    final String key;
    private final Server server;
    private final HttpClient client = HttpClient.newHttpClient();
    private final Contract contract = Contract.load();
    private final String base;
    private final int port;

    TestServer(Path directory) throws Exception {
        this(directory, new FakeNode(), QUOTAS);
    }

    TestServer(Path directory, FakeNode node, TeamQuotas quotas) throws Exception {
        this(directory, node, quotas, List.of(seed()), OfferedTemplates.NONE);
    }

    TestServer(Path directory, FakeNode node, TeamQuotas quotas, List<TemplateSeed> seeds, OfferedTemplates offered)
            throws Exception {
        this.node = node;
        ControlConfig config = config(directory, quotas);
        control = new Control(config, ControlFoundation.open(config), node, seeds, offered);
        key = control.ensureDefaultApiKey();
        QueuedThreadPool threads = new QueuedThreadPool();
        threads.setVirtualThreadsExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server = new Server(threads);
        HttpConfiguration http = new HttpConfiguration();
        // Template names carry encoded slashes.
        http.setUriCompliance(UriCompliance.UNSAFE);
        ServerConnector connector = new ServerConnector(server, new HttpConnectionFactory(http));
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        server.setHandler(control.handler());
        server.start();
        port = connector.getLocalPort();
        base = "http://127.0.0.1:" + port;
    }

    static ControlConfig config(Path directory, TeamQuotas quotas) {
        return new ControlConfig(
                directory.resolve("holt.db"),
                directory.resolve("api-key"),
                Optional.of(ADMIN),
                Optional.of("localhost:3000"),
                ControlConfig.ENVD_VERSION,
                quotas,
                Isolation.CONTAINER,
                "0.1.0+abcdef");
    }

    static TemplateSeed seed() {
        return new TemplateSeed(
                new TemplateId("base"),
                List.of("code-interpreter-v1"),
                BUILD,
                new Resources(2, 512, 1024),
                Instant.parse("2026-01-01T00:00:00Z"));
    }

    /** An answer: status, headers, and the body as JSON when it has one. */
    record Reply(int status, java.net.http.HttpHeaders headers, JsonNode body, String text) {
        String header(String name) {
            return headers.firstValue(name).orElse("");
        }

        String message() {
            return body.path("message").asString("");
        }
    }

    final class Call {
        private final HttpRequest.Builder request;

        private Call(String method, String path, @Nullable String body) {
            request = HttpRequest.newBuilder(URI.create(base + path))
                    .timeout(Duration.ofSeconds(30))
                    .method(
                            method,
                            body == null
                                    ? HttpRequest.BodyPublishers.noBody()
                                    : HttpRequest.BodyPublishers.ofString(body));
            if (body != null) {
                request.setHeader("Content-Type", "application/json");
            }
        }

        Call header(String name, String value) {
            request.setHeader(name, value);
            return this;
        }

        Reply send() throws Exception {
            HttpResponse<String> response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
            String text = response.body();
            String method = response.request().method();
            String path = response.request().uri().getRawPath();
            boolean json = response.headers()
                    .firstValue("Content-Type")
                    .filter("application/json"::equals)
                    .isPresent();
            Reply reply = new Reply(
                    response.statusCode(), response.headers(), json ? JSON.readTree(text) : JSON.missingNode(), text);
            checkAnswer(method, path, reply);
            return reply;
        }
    }

    /** Every answer of every test must be what the contract says. */
    private void checkAnswer(String method, String path, Reply reply) {
        if (reply.status() >= 300) {
            return;
        }
        contract.operations().stream()
                .filter(operation -> operation.method().equals(method))
                .filter(operation ->
                        matches(operation.segments(), List.of(path.substring(1).split("/", -1))))
                .min(Comparator.comparingLong(operation -> operation.segments().stream()
                        .filter(segment -> segment.startsWith("{"))
                        .count()))
                .flatMap(operation -> contract.answer(operation.id(), reply.status()))
                .ifPresent(answer -> answer.check(reply.body(), "answer of " + method + " " + path));
    }

    private static boolean matches(List<String> pattern, List<String> path) {
        if (pattern.size() != path.size()) {
            return false;
        }
        for (int i = 0; i < path.size(); i++) {
            if (!pattern.get(i).startsWith("{") && !pattern.get(i).equals(path.get(i))) {
                return false;
            }
        }
        return true;
    }

    int port() {
        return port;
    }

    /** A request without credentials. */
    Call anonymous(String method, String path, @Nullable String body) {
        return new Call(method, path, body);
    }

    Reply call(String method, String path, @Nullable String body) throws Exception {
        return anonymous(method, path, body).header("X-API-Key", key).send();
    }

    Reply call(String method, String path) throws Exception {
        return call(method, path, null);
    }

    Reply admin(String method, String path, @Nullable String body) throws Exception {
        return anonymous(method, path, body).header("X-Admin-Token", ADMIN).send();
    }

    /** A new sandbox's id. */
    String create(String body) throws Exception {
        Reply reply = call("POST", "/v2/sandboxes", body);
        if (reply.status() != 201) {
            throw new AssertionError(reply.status() + " " + reply.text());
        }
        return reply.body().path("sandboxID").asString();
    }

    @Override
    public void close() {
        try {
            server.stop();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
        client.close();
        control.close();
    }
}
