package dev.holt.app.mcp;

import io.modelcontextprotocol.spec.McpSchema;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;

/**
 * One thing that an agent can ask for.
 *
 * @param description for the model that decides whether to call it: what it does, its limits, what it answers
 * @param effect what a person who is asked for permission should know
 */
record Tool(String name, String title, String description, Schema schema, Effect effect, Work work) {
    /** What a call does to the world. */
    enum Effect {
        READS(true, false, true),
        ADDS(false, false, false),
        /** Runs what it is told to, inside of a sandbox. */
        RUNS(false, true, false),
        OVERWRITES(false, true, true),
        ENDS(false, true, true);

        private final boolean readOnly;
        private final boolean destructive;
        private final boolean idempotent;

        Effect(boolean readOnly, boolean destructive, boolean idempotent) {
            this.readOnly = readOnly;
            this.destructive = destructive;
            this.idempotent = idempotent;
        }
    }

    /** Does what a tool is for. */
    @FunctionalInterface
    interface Work {
        /**
         * @throws dev.holt.app.client.ClientException when Holt refused or did not answer; the agent is told why
         */
        CallToolResult call(Caller caller, Arguments arguments, RunningCall call);
    }

    /** How the tool is listed. */
    McpSchema.Tool listed() {
        return McpSchema.Tool.builder(name, schema.asMap())
                .title(title)
                .description(description)
                .annotations(McpSchema.ToolAnnotations.builder()
                        .readOnlyHint(effect.readOnly)
                        .destructiveHint(effect.destructive)
                        .idempotentHint(effect.idempotent)
                        .openWorldHint(effect == Effect.RUNS)
                        .build())
                .build();
    }
}
