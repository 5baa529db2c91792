package dev.holt.node;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Why something is done to a sandbox, for its events.
 *
 * @param kind "api", "timeout", "traffic", "reaper", "restart"
 * @param port that traffic was for
 */
record Cause(String kind, Optional<Integer> port) {
    static final Cause API = new Cause("api", Optional.empty());
    static final Cause TIMEOUT = new Cause("timeout", Optional.empty());
    static final Cause REAPER = new Cause("reaper", Optional.empty());

    static Cause traffic(int port) {
        return new Cause("traffic", Optional.of(port));
    }

    /** In a sentence: "traffic on port 8000". */
    String words() {
        return port.map(number -> kind + " on port " + number).orElse(kind);
    }

    /** For programs, with what else there is to tell. */
    Map<String, String> fields(Map<String, String> others) {
        Map<String, String> fields = new HashMap<>(others);
        fields.put("cause", kind);
        port.ifPresent(number -> fields.put("port", Integer.toString(number)));
        return fields;
    }
}
