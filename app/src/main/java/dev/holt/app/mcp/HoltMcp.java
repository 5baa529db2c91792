package dev.holt.app.mcp;

import dev.holt.app.client.ClientException;
import io.modelcontextprotocol.json.McpJsonMapper;
import io.modelcontextprotocol.json.jackson3.JacksonMcpJsonMapper;
import io.modelcontextprotocol.server.McpServer;
import io.modelcontextprotocol.server.McpServerFeatures;
import io.modelcontextprotocol.server.McpSyncServer;
import io.modelcontextprotocol.server.McpSyncServerExchange;
import io.modelcontextprotocol.spec.McpSchema;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;

/** Every tool, and how the protocol library is told of them; the same over each transport. */
final class HoltMcp {
    static final String INSTRUCTIONS = """
            Holt runs code and commands in isolated Linux sandboxes. Start with create_sandbox and pass the sandbox_id that it \
            answers to the other tools. Files, processes and the state of kernels stay from call to call until the sandbox \
            ends. Errors of a tool say what to change.""";

    private final RunningCalls calls;
    private final Function<McpSyncServerExchange, Caller> callers;
    private final String version;

    /**
     * @param callers finds out on whose behalf a call is
     * @param version of Holt
     */
    HoltMcp(RunningCalls calls, Function<McpSyncServerExchange, Caller> callers, String version) {
        this.calls = calls;
        this.callers = callers;
        this.version = version;
    }

    static McpJsonMapper json() {
        return new JacksonMcpJsonMapper(JsonMapper.shared());
    }

    /** A server on a transport; {@code specification} knows it already. */
    McpSyncServer build(McpServer.SyncSpecification<?> specification) {
        return specification
                .serverInfo(McpSchema.Implementation.builder("holt", version)
                        .title("Holt sandboxes")
                        .build())
                .instructions(INSTRUCTIONS)
                .capabilities(
                        McpSchema.ServerCapabilities.builder().tools(false).build())
                .validateToolInputs(true)
                .tools(tools().map(this::specification).toList())
                .build();
    }

    static Stream<Tool> tools() {
        return Stream.of(SandboxTools.all(), CommandTools.all(), CodeTools.all(), FileTools.all())
                .flatMap(List::stream);
    }

    private McpServerFeatures.SyncToolSpecification specification(Tool tool) {
        return McpServerFeatures.SyncToolSpecification.builder()
                .tool(tool.listed())
                .callHandler((exchange, request) -> call(tool, exchange, request))
                .build();
    }

    private CallToolResult call(Tool tool, McpSyncServerExchange exchange, McpSchema.CallToolRequest request) {
        Map<String, Object> meta = Optional.ofNullable(request.meta()).orElse(Map.of());
        Arguments arguments =
                new Arguments(Optional.ofNullable(request.arguments()).orElse(Map.of()));
        RunningCall call = new RunningCall(signOfLife(exchange, meta));
        try (RunningCalls.Lease _ = calls.begin(String.valueOf(meta.get(RunningCalls.MARK)), call)) {
            return tool.work().call(callers.apply(exchange), arguments, call);
        } catch (ClientException e) {
            return Answers.error(String.valueOf(e.getMessage()));
        }
    }

    /** Progress is told to clients that asked for it, so that they go on waiting. */
    private static LongConsumer signOfLife(McpSyncServerExchange exchange, Map<String, Object> meta) {
        Object token = meta.get("progressToken");
        if (token == null) {
            return seconds -> {};
        }
        return seconds -> exchange.progressNotification(McpSchema.ProgressNotification.builder(token, seconds)
                .message("still running")
                .build());
    }
}
