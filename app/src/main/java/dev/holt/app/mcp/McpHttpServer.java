package dev.holt.app.mcp;

import dev.holt.app.client.Access;
import dev.holt.app.client.RestClient;
import dev.holt.http.HttpListener;
import dev.holt.http.HttpServer;
import dev.holt.http.HttpServerSettings;
import io.modelcontextprotocol.common.McpTransportContext;
import io.modelcontextprotocol.server.McpServer;
import io.modelcontextprotocol.server.McpSyncServer;
import io.modelcontextprotocol.server.McpSyncServerExchange;
import io.modelcontextprotocol.server.transport.DefaultServerTransportSecurityValidator;
import io.modelcontextprotocol.server.transport.HttpServletStreamableServerTransportProvider;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.eclipse.jetty.ee11.servlet.ServletContextHandler;
import org.eclipse.jetty.ee11.servlet.ServletHolder;

/** The tools for any number of clients over HTTP (the protocol's streamable HTTP), each with an API key of its own. */
public final class McpHttpServer implements AutoCloseable {
    private static final String LISTENER = "mcp";
    /** A client that went away without a word is noticed by a ping on its event stream. */
    private static final Duration PING = Duration.ofSeconds(30);
    /** A session that nobody used for one to two of these is forgotten; people leave conversations open over night. */
    private static final Duration SESSION_SWEEP = Duration.ofHours(24);

    private static final List<String> LOOPBACK = List.of("localhost", "127.0.0.1", "[::1]");

    private final HttpClient http;
    private final RunningCalls calls;
    private final McpSyncServer mcp;
    private final HttpServer server;

    private McpHttpServer(HttpClient http, RunningCalls calls, McpSyncServer mcp, HttpServer server) {
        this.http = http;
        this.calls = calls;
        this.mcp = mcp;
        this.server = server;
    }

    /**
     * Starts serving.
     *
     * @param addresses where Holt is; its key is not used
     * @param listen port 0 takes any free one
     * @param origins of web pages that may ask, besides those that this host serves on loopback
     * @param hosts under which clients may reach this server, besides loopback names; those that are not loopback are only checked when
     *     {@code listen} is a loopback address
     * @param version of Holt
     * @throws IOException when the address can't be bound
     */
    public static McpHttpServer start(
            Access addresses, InetSocketAddress listen, List<String> origins, List<String> hosts, String version)
            throws IOException {
        HttpClient http = RestClient.httpClient();
        RunningCalls calls = new RunningCalls();
        HttpServletStreamableServerTransportProvider servlet = HttpServletStreamableServerTransportProvider.builder()
                .jsonMapper(HoltMcp.json())
                .mcpEndpoint(HttpDoor.PATH)
                .keepAliveInterval(PING)
                .sessionSweepInterval(SESSION_SWEEP)
                .contextExtractor(request ->
                        McpTransportContext.create(Map.of(HttpDoor.CALLER, request.getAttribute(HttpDoor.CALLER))))
                .build();
        // tools work on the virtual thread of their request
        McpSyncServer mcp = new HoltMcp(calls, McpHttpServer::caller, version)
                .build(McpServer.sync(servlet).immediateExecution(true));
        try {
            ServletContextHandler context = new ServletContextHandler("/");
            ServletHolder holder = new ServletHolder(servlet);
            holder.setAsyncSupported(true);
            context.addServlet(holder, HttpDoor.PATH);
            HttpServer server = HttpServer.start(
                    settings(listen), new HttpDoor(addresses, http, calls, pages(listen, origins, hosts), context));
            return new McpHttpServer(http, calls, mcp, server);
        } catch (IOException | RuntimeException e) {
            mcp.close();
            http.shutdownNow();
            throw e;
        }
    }

    private static HttpServerSettings settings(InetSocketAddress listen) {
        InetAddress address = listen.getAddress();
        return HttpServerSettings.of(List.of(new HttpListener(LISTENER, address.getHostAddress(), listen.getPort())));
    }

    private static DefaultServerTransportSecurityValidator pages(
            InetSocketAddress listen, List<String> origins, List<String> hosts) {
        List<String> allowedOrigins = new ArrayList<>(origins);
        LOOPBACK.forEach(name -> {
            allowedOrigins.add("http://" + name + ":*");
            allowedOrigins.add("https://" + name + ":*");
        });
        List<String> allowedHosts = new ArrayList<>();
        if (listen.getAddress().isLoopbackAddress()) {
            LOOPBACK.forEach(name -> allowedHosts.add(name + ":*"));
            hosts.forEach(name -> allowedHosts.add(name.contains(":") ? name : name + ":*"));
        }
        return DefaultServerTransportSecurityValidator.builder()
                .allowedOrigins(allowedOrigins)
                .allowedHosts(allowedHosts)
                .build();
    }

    private static Caller caller(McpSyncServerExchange exchange) {
        if (exchange.transportContext().get(HttpDoor.CALLER) instanceof Caller caller) {
            return caller;
        }
        throw new IllegalStateException("a request came past the door");
    }

    /** Where clients find it. */
    public InetSocketAddress address() {
        return server.address(LISTENER);
    }

    /** The path below {@link #address} that clients use. */
    public static String path() {
        return HttpDoor.PATH;
    }

    /** Cancels what runs, ends every session and stops listening. */
    @Override
    public void close() {
        calls.cancelAll();
        mcp.closeGracefully();
        server.close();
        http.shutdownNow();
    }
}
