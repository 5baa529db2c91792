package dev.holt.app.cli;

import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.app.client.RestClient;
import dev.holt.app.notebook.NotebookDoor;
import dev.holt.app.server.Shutdown;
import dev.holt.app.settings.Syntax;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.json.JsonMapper;

@Command(
        name = "notebook",
        description = "Let Jupyter clients on this host use a sandbox's kernels, until Ctrl-C.",
        footer = {
            "",
            "Serves what Jupyter calls a kernel gateway: notebooks stay on this host, their code runs in the sandbox.",
            "Ending this command ends no kernel."
        })
final class SandboxNotebookCommand extends ClientCommand {
    private static final int TOKEN_BYTES = 24;
    private static final int SHORTEST_TOKEN = 16;

    @Parameters(paramLabel = "SANDBOX")
    private String sandbox;

    @Option(
            names = "--listen",
            paramLabel = "ADDRESS:PORT",
            defaultValue = "127.0.0.1:0",
            description = "Where to serve. Default: any free port of 127.0.0.1.")
    private String listen;

    @Option(
            names = "--token",
            paramLabel = "TOKEN",
            description =
                    "What must be in the URL of clients: at least 16 letters, digits, - or _. Default: a new one each time.")
    private @Nullable String token;

    SandboxNotebookCommand(CommandContext context) {
        super(context);
    }

    @Override
    int run(RestClient client) throws IOException {
        InetSocketAddress address;
        try {
            address = Syntax.listenAddressOrAnyPort().parser().apply(listen);
        } catch (IllegalArgumentException e) {
            throw new ClientException(
                    ExitCode.USAGE, "--listen must be ADDRESS:PORT, such as 127.0.0.1:8889; got '" + listen + "'");
        }
        String wanted = token == null ? newToken() : token;
        if (wanted.length() < SHORTEST_TOKEN || !wanted.matches("[A-Za-z0-9_-]+")) {
            throw new ClientException(
                    ExitCode.USAGE, "--token must be at least " + SHORTEST_TOKEN + " letters, digits, - or _");
        }
        try (Shutdown shutdown = Shutdown.ofThisThread();
                NotebookDoor door =
                        NotebookDoor.open(address, SandboxExecCommand.address(client, context(), sandbox), wanted)) {
            InetSocketAddress bound = door.address();
            String host = bound.getAddress().getHostAddress();
            String url = "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + bound.getPort();
            String gateway = url + "/" + wanted;
            if (!printedJson(JsonMapper.shared().createObjectNode().put("url", gateway))) {
                context().out().println(gateway);
                context().out().println();
                context().out().println("In another terminal, for example:");
                context().out().println("  jupyter lab --gateway-url=" + gateway);
            }
            context().out().flush();
            shutdown.await();
        } catch (IOException e) {
            throw new ClientException(ExitCode.FAILED, String.valueOf(e.getMessage()));
        }
        return ExitCode.OK;
    }

    private static String newToken() {
        byte[] bytes = new byte[TOKEN_BYTES];
        new SecureRandom().nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }
}
