package dev.holt.app.mcp;

import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** Answers of tools in their usual forms. */
final class Answers {
    private Answers() {}

    static CallToolResult text(String text) {
        return CallToolResult.builder().addTextContent(text).isError(false).build();
    }

    static CallToolResult error(String text) {
        return CallToolResult.builder().addTextContent(text).isError(true).build();
    }

    /** Data, for programs and, as JSON, for models. */
    static CallToolResult data(Map<String, Object> data) {
        return CallToolResult.builder()
                .structuredContent(data)
                .addTextContent(JsonMapper.shared().writeValueAsString(data))
                .isError(false)
                .build();
    }
}
