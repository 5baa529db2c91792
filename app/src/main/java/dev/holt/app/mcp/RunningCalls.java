package dev.holt.app.mcp;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The calls that are being answered, so that their clients can cancel them. The protocol library does not know cancellation and does
 * not tell a tool the id of its request; so messages pass through here on their way to it: calls of tools are marked, cancellations
 * are carried out.
 */
final class RunningCalls {
    /** Where a call of a tool is marked, in its {@code _meta}. What a client itself puts there is overwritten. */
    static final String MARK = "dev.holt/call";

    private final Map<String, RunningCall> calls = new ConcurrentHashMap<>();

    /** Says that a message can't be one of the protocol's; the message is for its sender. */
    static final class MalformedMessage extends Exception {
        private static final long serialVersionUID = 1L;
        private final int code;

        MalformedMessage(int code, String message) {
            super(message);
            this.code = code;
        }

        /** The answer that JSON-RPC has for it. */
        byte[] answer() {
            JsonMapper json = JsonMapper.shared();
            ObjectNode answer = json.createObjectNode().put("jsonrpc", "2.0");
            answer.putNull("id");
            answer.putObject("error").put("code", code).put("message", getMessage());
            return json.writeValueAsBytes(answer);
        }
    }

    /**
     * The message as the protocol library should get it.
     *
     * @param session tells the ids of one client's requests from another's
     * @throws MalformedMessage when it is no message; nothing was done
     */
    byte[] pass(String session, byte[] message) throws MalformedMessage {
        JsonNode parsed;
        try {
            parsed = JsonMapper.shared().readTree(message);
        } catch (JacksonException e) {
            throw new MalformedMessage(-32700, "Parse error: " + e.getOriginalMessage());
        }
        if (!(parsed instanceof ObjectNode object)
                || !object.path("jsonrpc").asString("").equals("2.0")
                || !(object.path("method").isString() || object.has("result") || object.has("error"))) {
            throw new MalformedMessage(
                    -32600, "Invalid request: expected one JSON-RPC 2.0 message with a method, a result or an error");
        }
        switch (object.path("method").asString("")) {
            case "notifications/cancelled" ->
                cancel(session, object.path("params").path("requestId"));
            case "tools/call" -> {
                if (object.get("params") instanceof ObjectNode parameters) {
                    ObjectNode meta =
                            parameters.get("_meta") instanceof ObjectNode given ? given : parameters.putObject("_meta");
                    meta.put(MARK, key(session, object.path("id")));
                    return JsonMapper.shared().writeValueAsBytes(object);
                }
            }
            default -> {
                // passes as it is
            }
        }
        return message;
    }

    /** Counts {@code call} among those that can be canceled. The lease ends that, and the call. */
    Lease begin(String mark, RunningCall call) {
        calls.put(mark, call);
        return () -> {
            calls.remove(mark, call);
            call.close();
        };
    }

    /** A call's place among those that run. */
    interface Lease extends AutoCloseable {
        @Override
        void close();
    }

    /** Cancels whatever runs: nobody waits for it any more. */
    void cancelAll() {
        calls.values().forEach(RunningCall::cancel);
    }

    private void cancel(String session, JsonNode request) {
        RunningCall call = calls.get(key(session, request));
        if (call != null) {
            Thread.ofVirtual().name("cancellation").start(call::cancel);
        }
    }

    /** 1 and "1" are different ids. */
    private static String key(String session, JsonNode id) {
        return session + " " + id;
    }
}
