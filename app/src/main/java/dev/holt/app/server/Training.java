package dev.holt.app.server;

import dev.holt.app.client.Access;
import dev.holt.app.client.ClientException;
import dev.holt.app.client.ProcessClient;
import dev.holt.app.client.RestClient;
import dev.holt.app.settings.Settings;
import dev.holt.control.Control;
import dev.holt.control.template.TemplateSeed;
import dev.holt.edge.Edge;
import dev.holt.http.HttpListener;
import dev.holt.http.HttpServer;
import dev.holt.http.HttpServerSettings;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;
import dev.holt.wire.process.ProcessConfig;
import dev.holt.wire.process.StartRequest;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import tools.jackson.databind.json.JsonMapper;

/**
 * The run from which the JVM learns what a start loads and links (JEP 514): everything that needs no root, served and asked once, in a
 * temporary directory on a free loopback port; of the node only its classes.
 */
public final class Training {
    private Training() {}

    /** Runs and leaves nothing behind. */
    public static void run(Settings settings, String version) throws IOException {
        Path directory = Files.createTempDirectory("holt-training");
        try {
            loadNode();
            serve(new RoomSettings(settings), directory, version);
        } finally {
            RuntimeTrial.delete(directory);
        }
    }

    private static void serve(RoomSettings rooms, Path directory, String version) throws IOException {
        var config = rooms.control(directory, version);
        var seed = new TemplateSeed(
                new TemplateId("base"), List.of(), UUID.randomUUID(), new Resources(1, 128, 64), Instant.now());
        Node node = new EmptyNode();
        var listener = new HttpListener(RoomSettings.CONTROL, "127.0.0.1", 0);
        try (Control control = new Control(config, node, List.of(seed));
                Edge edge = new Edge(rooms.edge(), node, (sandbox, port) -> Optional.empty(), Map.of());
                HttpServer server = HttpServer.start(
                        HttpServerSettings.of(List.of(listener)), Holt.handler(edge.handler(), control.handler()))) {
            InetSocketAddress address = server.address(RoomSettings.CONTROL);
            URI url = URI.create("http://127.0.0.1:" + address.getPort());
            ask(new Access(url, control.ensureDefaultApiKey(), url));
        }
    }

    private static void ask(Access access) {
        try (RestClient client = new RestClient(access);
                ProcessClient processes =
                        new ProcessClient(access, "aaaaaaaaaaaaaaaaaaaa", Optional.of("token"), Optional.empty())) {
            client.get("/templates");
            client.getPages("/v2/sandboxes?limit=100");
            refused(() -> client.post(
                    "/v2/sandboxes", JsonMapper.shared().createObjectNode().put("templateID", "base")));
            refused(() -> processes.start(StartRequest.newBuilder()
                    .setProcess(ProcessConfig.newBuilder().setCmd("true"))
                    .build()));
        }
    }

    private static void refused(Runnable request) {
        try {
            request.run();
        } catch (ClientException e) {
            return; // as it should be: there is no sandbox
        }
        throw new IllegalStateException("an empty node answered as if it ran something");
    }

    /** Loads the node's classes without running any of their code. */
    private static void loadNode() throws IOException {
        for (String path : System.getProperty("java.class.path").split(":", -1)) {
            if (!Path.of(path).getFileName().toString().startsWith("node-")) {
                continue;
            }
            try (JarFile jar = new JarFile(path)) {
                for (Enumeration<JarEntry> entries = jar.entries(); entries.hasMoreElements(); ) {
                    String name = entries.nextElement().getName();
                    if (name.endsWith(".class") && !name.endsWith("-info.class")) {
                        Class.forName(
                                name.substring(0, name.length() - ".class".length())
                                        .replace('/', '.'),
                                false,
                                Training.class.getClassLoader());
                    }
                }
            } catch (ClassNotFoundException e) {
                throw new IOException("the jar " + path + " names a class that it does not hold", e);
            }
        }
    }
}
