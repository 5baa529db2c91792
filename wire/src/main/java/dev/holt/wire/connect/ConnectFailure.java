package dev.holt.wire.connect;

import java.nio.charset.StandardCharsets;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** An rpc that ends with an error, thrown by whoever finds out. */
public final class ConnectFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final ConnectCode code;
    private final String text;

    public ConnectFailure(ConnectCode code, String message) {
        super(code.wireName() + ": " + message);
        this.code = code;
        this.text = message;
    }

    /** The kind of error. */
    public ConnectCode code() {
        return code;
    }

    /** What the client is told, without the code. */
    public String text() {
        return text;
    }

    /** The body of a unary answer, {@code {"code":...,"message":...}}. */
    public byte[] toJson() {
        return node().toString().getBytes(StandardCharsets.UTF_8);
    }

    /** The payload of a stream's end envelope, {@code {"error":{...}}}. */
    public byte[] toEndOfStream() {
        ObjectNode end = JsonMapper.shared().createObjectNode();
        end.set("error", node());
        return end.toString().getBytes(StandardCharsets.UTF_8);
    }

    private ObjectNode node() {
        return JsonMapper.shared()
                .createObjectNode()
                .put("code", code.wireName())
                .put("message", text);
    }
}
