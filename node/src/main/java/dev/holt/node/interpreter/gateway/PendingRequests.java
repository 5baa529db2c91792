package dev.holt.node.interpreter.gateway;

import dev.holt.http.Json;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import tools.jackson.databind.JsonNode;

/**
 * Requests of one client that its kernel has not replied to. When the kernel is gone they get an answer all the same: a client that
 * waits for one would wait for ever. Not thread-safe.
 */
final class PendingRequests {
    /** A client with more has to do without those answers. */
    private static final int MOST = 1000;

    private static final byte[] EMPTY_OBJECT = {'{', '}'};

    private record Request(String channel, String type, byte[] header) {}

    private final Map<String, Request> requests = new LinkedHashMap<>();

    /** An answer in the kernel's stead; the parts are those of a message. */
    record Answer(String channel, String id, String type, List<byte[]> parts) {}

    void sent(String channel, String id, String type, byte[] header) {
        if (requests.size() < MOST && type.endsWith("_request")) {
            requests.put(id, new Request(channel, type, header));
        }
    }

    void replied(String id) {
        requests.remove(id);
    }

    /** What tells each waiting request that {@code why} it will not be answered; nothing waits afterwards. */
    List<Answer> fail(String why) {
        List<Answer> answers = new ArrayList<>();
        requests.forEach((id, request) -> {
            Map<String, Object> error = Map.of(
                    "status",
                    "error",
                    "ename",
                    "KernelGone",
                    "evalue",
                    why,
                    "traceback",
                    List.of("KernelGone: " + why));
            if (request.type.equals("execute_request")) {
                Map<String, Object> shown = new LinkedHashMap<>(error);
                shown.remove("status");
                answers.add(answer("iopub", "error", request, shown));
            }
            answers.add(answer("iopub", "status", request, Map.of("execution_state", "idle")));
            Map<String, Object> reply = new LinkedHashMap<>(error);
            reply.put("execution_count", 0);
            String type = request.type.substring(0, request.type.length() - "request".length()) + "reply";
            answers.add(answer(request.channel, type, request, reply));
        });
        requests.clear();
        return answers;
    }

    private static Answer answer(String channel, String type, Request request, Map<String, Object> content) {
        return answer(channel, type, request.header, content);
    }

    /** The state of a kernel that can't tell it itself. */
    static Answer status(String state) {
        return answer("iopub", "status", EMPTY_OBJECT, Map.of("execution_state", state));
    }

    private static Answer answer(String channel, String type, byte[] parent, Map<String, Object> content) {
        String id = UUID.randomUUID().toString();
        Map<String, Object> header = new LinkedHashMap<>();
        header.put("msg_id", id);
        header.put("msg_type", type);
        header.put("session", "holt");
        header.put("username", "holt");
        header.put("date", Instant.now().toString());
        header.put("version", "5.3");
        return new Answer(
                channel,
                id,
                type,
                List.of(
                        Json.MAPPER.writeValueAsBytes(header),
                        parent,
                        EMPTY_OBJECT,
                        Json.MAPPER.writeValueAsBytes(content)));
    }

    /** The field of a header that is a string, or empty. */
    static String field(JsonNode header, String name) {
        return header.path(name).asString("");
    }
}
