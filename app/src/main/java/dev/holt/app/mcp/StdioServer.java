package dev.holt.app.mcp;

import dev.holt.app.client.Access;
import dev.holt.app.client.RestClient;
import io.modelcontextprotocol.server.McpServer;
import io.modelcontextprotocol.server.McpSyncServer;
import io.modelcontextprotocol.server.transport.StdioServerTransportProvider;
import java.io.BufferedInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.http.HttpClient;

/** The tools for one client, which started this process and speaks through its standard input and output. */
public final class StdioServer {
    private StdioServer() {}

    /**
     * Serves until the client closes its side; calls that run then are cancelled.
     *
     * @param output carries the protocol and nothing else
     * @param version of Holt
     * @throws InterruptedException when this thread is to stop
     */
    public static void serve(Access access, InputStream input, OutputStream output, String version)
            throws InterruptedException {
        RunningCalls calls = new RunningCalls();
        MessageLines lines = new MessageLines(new BufferedInputStream(input), output, calls);
        try (HttpClient http = RestClient.httpClient()) {
            Caller caller = new Caller(access, http);
            McpSyncServer server = new HoltMcp(calls, exchange -> caller, version)
                    .build(McpServer.sync(new StdioServerTransportProvider(HoltMcp.json(), lines, output)));
            try {
                lines.awaitEnd();
            } finally {
                calls.cancelAll();
                server.close();
                http.shutdownNow();
            }
        }
    }
}
