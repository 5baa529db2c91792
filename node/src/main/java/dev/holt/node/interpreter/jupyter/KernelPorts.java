package dev.holt.node.interpreter.jupyter;

import dev.holt.http.Json;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Where a kernel listens and how its messages are signed: what its connection file says.
 *
 * @param key signs every message; not empty
 */
public record KernelPorts(int shell, int iopub, int stdin, int control, int heartbeat, String key) {
    /** How many ports a kernel needs. */
    public static final int COUNT = 5;

    /** The ports of {@code five} in the order of this record. */
    public static KernelPorts of(List<Integer> five, String key) {
        return new KernelPorts(five.get(0), five.get(1), five.get(2), five.get(3), five.get(4), key);
    }

    /** All five. */
    public Set<Integer> all() {
        return Set.of(shell, iopub, stdin, control, heartbeat);
    }

    /** The connection file, in which the kernel reads where to listen: on every address, since a guest's may change. */
    public byte[] connectionFile(String kernelName) {
        Map<String, Object> file = new LinkedHashMap<>();
        file.put("transport", "tcp");
        file.put("ip", "0.0.0.0");
        file.put("shell_port", shell);
        file.put("iopub_port", iopub);
        file.put("stdin_port", stdin);
        file.put("control_port", control);
        file.put("hb_port", heartbeat);
        file.put("signature_scheme", "hmac-sha256");
        file.put("key", key);
        file.put("kernel_name", kernelName);
        return Json.MAPPER.writeValueAsBytes(file);
    }
}
