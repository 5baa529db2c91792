package dev.holt.app.cli;

import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.app.mcp.McpHttpServer;
import dev.holt.app.mcp.StdioServer;
import dev.holt.app.server.Shutdown;
import dev.holt.app.settings.Syntax;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "mcp",
        description = "Give agents sandboxes as tools, by the Model Context Protocol.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Alone it serves the program that started it, through standard input and output, with the API key of every",
            "other command: let your agent's settings start `holt mcp`.",
            "With --listen it serves any number of clients at http://ADDRESS:PORT/mcp. Each sends an API key of its own as",
            "`Authorization: Bearer e2b_...`; of this command's own settings only the addresses of Holt are used."
        })
final class McpCommand implements Callable<Integer> {
    private final CommandContext context;

    @Option(
            names = "--listen",
            paramLabel = "ADDRESS:PORT",
            description =
                    "Serve HTTP at this address, such as 127.0.0.1:3333; port 0 takes any free one. Other addresses than loopback want a TLS proxy before "
                            + "them: keys are sent as they are.")
    private @Nullable String listen;

    @Option(
            names = "--allow-origin",
            paramLabel = "ORIGIN",
            description =
                    "Also serve web pages of this origin, such as https://agent.example; repeatable. Pages of this host itself "
                            + "(localhost) always may.")
    private List<String> origins = new ArrayList<>();

    @Option(
            names = "--allow-host",
            paramLabel = "NAME",
            description =
                    "Under which name a proxy on this host passes requests on when --listen is a loopback address; repeatable.")
    private List<String> hosts = new ArrayList<>();

    McpCommand(CommandContext context) {
        this.context = context;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        String version = VersionCommand.version();
        if (listen == null) {
            if (!origins.isEmpty() || !hosts.isEmpty()) {
                throw new ClientException(ExitCode.USAGE, "--allow-origin and --allow-host need --listen");
            }
            StdioServer.serve(context.access(), context.in(), context.out(), version);
            return ExitCode.OK;
        }
        InetSocketAddress address;
        try {
            address = Syntax.listenAddressOrAnyPort().parser().apply(listen);
        } catch (IllegalArgumentException e) {
            throw new ClientException(
                    ExitCode.USAGE, "--listen must be ADDRESS:PORT, such as 127.0.0.1:3333; got '" + listen + "'");
        }
        try (Shutdown shutdown = Shutdown.ofThisThread();
                McpHttpServer server = McpHttpServer.start(context.addresses(), address, origins, hosts, version)) {
            InetSocketAddress bound = server.address();
            context.err()
                    .println("holt: serving http://" + bound.getHostString() + ":" + bound.getPort()
                            + McpHttpServer.path());
            shutdown.await();
        } catch (IOException e) {
            throw new ClientException(ExitCode.FAILED, String.valueOf(e.getMessage()));
        }
        return ExitCode.OK;
    }
}
