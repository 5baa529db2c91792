package dev.holt.node.interpreter.gateway;

import dev.holt.http.HttpFailure;
import dev.holt.http.Json;
import dev.holt.http.JsonBody;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Kernel messages as WebSocket messages, in the two forms that Jupyter knows ("WebSocket kernel wire protocols" of jupyter_server): the
 * original one, JSON as text, or as binary when buffers follow it; and version 1, which is binary and copies the kernel's parts.
 */
final class SocketMessages {
    /** The subprotocol of version 1. The original form has none. */
    static final String VERSION_1 = "v1.kernel.websocket.jupyter.org";

    private static final int SIGNED_PARTS = 4;
    private static final int MOST_PARTS = 1000;
    private static final byte[] EMPTY_OBJECT = {'{', '}'};

    private SocketMessages() {}

    /**
     * A message of a client.
     *
     * @param channel as the client names it; empty when it does not
     * @param parts header, parent header, metadata and content as JSON, then any buffers
     */
    record Incoming(String channel, List<byte[]> parts) {}

    /**
     * A message that came as text.
     *
     * @throws HttpFailure when it is none; the message says why
     */
    static Incoming ofText(String text) {
        return ofJson(JsonBody.parse(text.getBytes(StandardCharsets.UTF_8), JsonNode.class), List.of());
    }

    /** A message that came as binary; fails as {@link #ofText}. */
    static Incoming ofBinary(ByteBuffer bytes, boolean version1) {
        return version1 ? ofVersion1(bytes) : ofJsonAndBuffers(bytes);
    }

    private static Incoming ofJson(JsonNode message, List<byte[]> buffers) {
        List<byte[]> parts = new ArrayList<>(SIGNED_PARTS + buffers.size());
        for (String name : List.of("header", "parent_header", "metadata", "content")) {
            JsonNode part = message.path(name);
            parts.add(part.isObject() ? Json.MAPPER.writeValueAsBytes(part) : EMPTY_OBJECT);
        }
        parts.addAll(buffers);
        return new Incoming(message.path("channel").asString(""), parts);
    }

    /** The number of parts, the offset of each, all 32 bits and big-endian, then the parts: JSON and the buffers. */
    private static Incoming ofJsonAndBuffers(ByteBuffer bytes) {
        ByteBuffer message = bytes.slice().order(ByteOrder.BIG_ENDIAN);
        List<byte[]> parts = parts(message, 4, false);
        return ofJson(JsonBody.parse(parts.getFirst(), JsonNode.class), parts.subList(1, parts.size()));
    }

    /** The number of offsets, then the offsets, one more than parts, all 64 bits and little-endian; the channel, the kernel's parts. */
    private static Incoming ofVersion1(ByteBuffer bytes) {
        ByteBuffer message = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
        List<byte[]> parts = parts(message, 8, true);
        if (parts.size() < 1 + SIGNED_PARTS) {
            throw malformed();
        }
        return new Incoming(new String(parts.getFirst(), StandardCharsets.UTF_8), parts.subList(1, parts.size()));
    }

    /** @param endIsTold whether the last offset is that of the end */
    private static List<byte[]> parts(ByteBuffer message, int width, boolean endIsTold) {
        long count = message.remaining() < width ? 0 : number(message, 0, width);
        if (count < (endIsTold ? 2 : 1) || count > MOST_PARTS || message.remaining() < width * (count + 1)) {
            throw malformed();
        }
        List<byte[]> parts = new ArrayList<>();
        int last = (int) count - (endIsTold ? 1 : 0);
        for (int part = 0; part < last; part++) {
            long start = number(message, part + 1, width);
            long end = part + 1 < count ? number(message, part + 2, width) : message.remaining();
            if (start < width * (count + 1) || end < start || end > message.remaining()) {
                throw malformed();
            }
            byte[] content = new byte[(int) (end - start)];
            message.get((int) start, content);
            parts.add(content);
        }
        return parts;
    }

    private static long number(ByteBuffer message, int index, int width) {
        return width == 4 ? message.getInt(index * width) & 0xffff_ffffL : message.getLong(index * width);
    }

    private static HttpFailure malformed() {
        return new HttpFailure(400, "a binary message whose offsets make no sense");
    }

    /** Text, or binary when there are buffers. */
    sealed interface Outgoing {
        record Text(String text) implements Outgoing {}

        record Binary(ByteBuffer bytes) implements Outgoing {}
    }

    /**
     * A message for a client.
     *
     * @param parts as in {@link Incoming}
     */
    static Outgoing encode(String channel, String id, String type, List<byte[]> parts, boolean version1) {
        if (version1) {
            List<byte[]> all = new ArrayList<>(parts.size() + 1);
            all.add(channel.getBytes(StandardCharsets.UTF_8));
            all.addAll(parts);
            return new Outgoing.Binary(join(all, 8, true));
        }
        byte[] json = json(channel, id, type, parts);
        if (parts.size() == SIGNED_PARTS) {
            return new Outgoing.Text(new String(json, StandardCharsets.UTF_8));
        }
        List<byte[]> all = new ArrayList<>();
        all.add(json);
        all.addAll(parts.subList(SIGNED_PARTS, parts.size()));
        return new Outgoing.Binary(join(all, 4, false));
    }

    /** The parts are JSON already: they are put together, not read. */
    private static byte[] json(String channel, String id, String type, List<byte[]> parts) {
        ObjectNode names = Json.MAPPER
                .createObjectNode()
                .put("channel", channel)
                .put("msg_id", id)
                .put("msg_type", type);
        names.putArray("buffers");
        byte[] head = Json.MAPPER.writeValueAsBytes(names);
        List<String> keys = List.of(",\"header\":", ",\"parent_header\":", ",\"metadata\":", ",\"content\":");
        int length = head.length;
        for (int part = 0; part < SIGNED_PARTS; part++) {
            length += keys.get(part).length() + parts.get(part).length;
        }
        ByteBuffer json = ByteBuffer.allocate(length).put(head, 0, head.length - 1);
        for (int part = 0; part < SIGNED_PARTS; part++) {
            json.put(keys.get(part).getBytes(StandardCharsets.US_ASCII)).put(parts.get(part));
        }
        return json.put((byte) '}').array();
    }

    private static ByteBuffer join(List<byte[]> parts, int width, boolean tellEnd) {
        int count = parts.size() + (tellEnd ? 1 : 0);
        int offset = width * (count + 1);
        int length = offset;
        for (byte[] part : parts) {
            length += part.length;
        }
        ByteBuffer message =
                ByteBuffer.allocate(length).order(width == 4 ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
        putNumber(message, count, width);
        for (byte[] part : parts) {
            putNumber(message, offset, width);
            offset += part.length;
        }
        if (tellEnd) {
            putNumber(message, offset, width);
        }
        parts.forEach(message::put);
        return message.flip();
    }

    private static void putNumber(ByteBuffer message, int number, int width) {
        if (width == 4) {
            message.putInt(number);
        } else {
            message.putLong(number);
        }
    }
}
