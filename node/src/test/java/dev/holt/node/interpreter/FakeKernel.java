package dev.holt.node.interpreter;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.zeromq.SocketType;
import org.zeromq.ZContext;
import org.zeromq.ZMQ;
import org.zeromq.ZMQException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A kernel for tests, whose language is one command a line: {@code print TEXT}, {@code show MIME JSON}, {@code value TEXT},
 * {@code fail NAME VALUE}, {@code set NAME VALUE}, {@code get NAME}, {@code sleep MILLISECONDS} (until interrupted), {@code die CODE},
 * {@code flood COUNT BYTES}, {@code big BYTES}, {@code forged}, {@code broken}, {@code late TEXT} (a value well behind the end of the cell),
 * {@code cut} (every connection, and go on when somebody listens again), {@code await} (until somebody listens), {@code vanish} (until
 * the cell has ended). A program of its own, started like any kernel.
 */
public final class FakeKernel {
    private final ZContext context = new ZContext(1);
    private final JsonNode file;
    private ZMQ.Socket shell = context.createSocket(SocketType.ROUTER);
    private ZMQ.Socket iopub = context.createSocket(SocketType.XPUB); // a PUB that tells of subscriptions
    private final ZMQ.Socket control = context.createSocket(SocketType.ROUTER);
    private final byte[] key;
    private final Map<String, String> variables = new HashMap<>();
    private byte[] parent = {};
    private int count;
    private String late = "";
    private boolean vanished;

    private FakeKernel(JsonNode file) {
        this.file = file;
        key = file.path("key").asString().getBytes(StandardCharsets.UTF_8);
        bind(shell, "shell_port");
        control.bind("tcp://127.0.0.1:" + file.path("control_port").asInt());
        context.createSocket(SocketType.ROUTER)
                .bind("tcp://127.0.0.1:" + file.path("stdin_port").asInt());
        iopub.setSndHWM(0);
        bind(iopub, "iopub_port");
    }

    /** Waits for the port: ZeroMQ closes a socket some time after it was told to. */
    private void bind(ZMQ.Socket socket, String port) {
        String address = "tcp://127.0.0.1:" + file.path(port).asInt();
        while (true) {
            try {
                socket.bind(address);
                return;
            } catch (ZMQException inUse) {
                LockSupport.parkNanos(1_000_000);
            }
        }
    }

    /** Breaks all connections. */
    private void close() {
        context.destroySocket(shell);
        context.destroySocket(iopub);
        shell = context.createSocket(SocketType.ROUTER);
        iopub = context.createSocket(SocketType.XPUB);
        iopub.setSndHWM(0);
    }

    /** The shell first: who is heard on iopub then has both. */
    private void open() {
        bind(shell, "shell_port");
        bind(iopub, "iopub_port");
        awaitListener();
    }

    /** Until the last that was told of iopub's listeners is that there is one. */
    private void awaitListener() {
        byte[] told = {0};
        do {
            byte[] next = iopub.recv(told[0] == 1 ? ZMQ.DONTWAIT : 0); // 1 begins a subscription, 0 its end
            if (next == null) {
                return;
            }
            told = next;
        } while (true);
    }

    /** Runs until it is killed. */
    public static void main(String[] arguments) throws Exception {
        JsonNode file = JsonMapper.shared().readTree(Files.readAllBytes(Path.of(arguments[0])));
        new FakeKernel(file).serve();
    }

    private void serve() throws Exception {
        while (true) {
            List<byte[]> parts = receive(shell);
            int at = 0;
            while (!new String(parts.get(at), StandardCharsets.US_ASCII).equals("<IDS|MSG>")) {
                at++;
            }
            parent = parts.get(at + 2);
            String type = JsonMapper.shared().readTree(parent).path("msg_type").asString();
            JsonNode content = JsonMapper.shared().readTree(parts.get(at + 5));
            publish("status", Map.of("execution_state", "busy"));
            List<byte[]> identities = parts.subList(0, at);
            switch (type) {
                case "kernel_info_request" -> reply(identities, "kernel_info_reply", Map.of("status", "ok"));
                case "execute_request" -> reply(identities, "execute_reply", execute(content));
                default -> throw new IllegalStateException("a request of type " + type);
            }
            publish("status", Map.of("execution_state", "idle"));
            if (!late.isEmpty()) {
                LockSupport.parkNanos(20_000_000); // whoever does not wait for it has gone on by then
                publish("execute_result", data("text/plain", late));
                late = "";
            }
            if (vanished) {
                vanished = false;
                open();
            }
        }
    }

    private static List<byte[]> receive(ZMQ.Socket socket) {
        List<byte[]> parts = new ArrayList<>();
        do {
            parts.add(socket.recv());
        } while (socket.hasReceiveMore());
        return parts;
    }

    private Map<String, Object> execute(JsonNode content) throws Exception {
        boolean silent = content.path("silent").asBoolean(false);
        if (!silent) {
            count++;
            publish("execute_input", Map.of("execution_count", count, "code", ""));
        }
        for (String line : content.path("code").asString().split("\n", -1)) {
            String[] words = line.split(" ", 3);
            String first = words.length > 1 ? words[1] : "";
            String rest = line.length() > words[0].length() ? line.substring(words[0].length() + 1) : "";
            switch (words[0]) {
                case "print" -> publish("stream", Map.of("name", "stdout", "text", rest + "\n"));
                case "complain" -> publish("stream", Map.of("name", "stderr", "text", rest + "\n"));
                case "show" ->
                    publish("display_data", data(first, JsonMapper.shared().readTree(words[2])));
                case "late" -> late = rest;
                case "cut" -> {
                    close();
                    open();
                }
                case "await" -> awaitListener();
                case "vanish" -> {
                    close();
                    vanished = true;
                }
                case "value" -> publish("execute_result", data("text/plain", rest));
                case "set" -> variables.put(first, words[2]);
                case "get" -> publish("execute_result", data("text/plain", variables.getOrDefault(first, "nothing")));
                case "environment" ->
                    publish("execute_result", data("text/plain", String.valueOf(System.getenv(first))));
                case "directory" ->
                    publish(
                            "execute_result",
                            data("text/plain", Path.of("").toAbsolutePath().toString()));
                case "die" -> Runtime.getRuntime().halt(Integer.parseInt(first));
                case "flood" -> {
                    String text = "x".repeat(Integer.parseInt(words[2]));
                    for (int i = 0; i < Integer.parseInt(first); i++) {
                        publish("stream", Map.of("name", "stdout", "text", text));
                    }
                }
                case "big" -> publish("execute_result", data("text/plain", "x".repeat(Integer.parseInt(first))));
                case "forged" -> forge();
                case "broken" ->
                    send(
                            iopub,
                            List.of(),
                            "display_data",
                            "{\"data\": nonsense}".getBytes(StandardCharsets.UTF_8),
                            true);
                case "sleep" -> {
                    if (!sleep(Long.parseLong(first))) {
                        return fail("Interrupted", "it was interrupted");
                    }
                }
                case "fail" -> {
                    return fail(first, words[2]);
                }
                case "" -> {}
                default -> {
                    return fail("SyntaxError", line);
                }
            }
        }
        return Map.of("status", "ok", "execution_count", count);
    }

    private static Map<String, Object> data(String type, Object value) {
        return Map.of("data", Map.of(type, value), "metadata", Map.of(), "execution_count", 1);
    }

    private Map<String, Object> fail(String name, String value) {
        Map<String, Object> error = Map.of(
                "status",
                "error",
                "ename",
                name,
                "evalue",
                value,
                "traceback",
                List.of("\u001b[31mat line 1\u001b[0m", name));
        publish("error", error);
        return error;
    }

    /** False when it was interrupted, by a message. */
    private boolean sleep(long milliseconds) {
        long deadline = System.nanoTime() + milliseconds * 1_000_000;
        try (ZMQ.Poller poller = context.createPoller(1)) {
            poller.register(control, ZMQ.Poller.POLLIN);
            while (poller.poll(Math.max(0, (deadline - System.nanoTime()) / 1_000_000)) > 0) {
                // clients also ask on control whether a kernel is there
                boolean interrupted = receive(control).stream()
                        .anyMatch(part -> new String(part, StandardCharsets.UTF_8).contains("\"interrupt_request\""));
                if (interrupted) {
                    return false;
                }
            }
            return true;
        }
    }

    private void forge() {
        byte[] content = "{\"name\":\"stdout\",\"text\":\"forged\"}".getBytes(StandardCharsets.UTF_8);
        send(iopub, List.of(), "stream", content, false);
    }

    private void publish(String type, Object content) {
        send(
                iopub,
                List.of(type.getBytes(StandardCharsets.US_ASCII)),
                type,
                JsonMapper.shared().writeValueAsBytes(content),
                true);
    }

    private void reply(List<byte[]> identities, String type, Object content) {
        send(shell, identities, type, JsonMapper.shared().writeValueAsBytes(content), true);
    }

    private void send(ZMQ.Socket socket, List<byte[]> before, String type, byte[] content, boolean genuine) {
        byte[] header = JsonMapper.shared()
                .writeValueAsBytes(Map.of(
                        "msg_id",
                        UUID.randomUUID().toString(),
                        "session",
                        "fake",
                        "username",
                        "fake",
                        "date",
                        Instant.now().toString(),
                        "msg_type",
                        type,
                        "version",
                        "5.3"));
        List<byte[]> parts = new ArrayList<>(before);
        parts.add("<IDS|MSG>".getBytes(StandardCharsets.US_ASCII));
        parts.add(genuine ? sign(header, parent, content) : "0".repeat(64).getBytes(StandardCharsets.US_ASCII));
        parts.addAll(List.of(header, parent, "{}".getBytes(StandardCharsets.US_ASCII), content));
        for (int i = 0; i < parts.size(); i++) {
            socket.send(parts.get(i), i + 1 < parts.size() ? ZMQ.SNDMORE : 0);
        }
    }

    private byte[] sign(byte[] header, byte[] parentHeader, byte[] content) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            mac.update(header);
            mac.update(parentHeader);
            mac.update("{}".getBytes(StandardCharsets.US_ASCII));
            return HexFormat.of().formatHex(mac.doFinal(content)).getBytes(StandardCharsets.US_ASCII);
        } catch (java.security.GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** A kernel specification that starts this program with the class path of the tests. */
    static void install(Path kernels, String name) throws IOException {
        Path directory = Files.createDirectories(kernels.resolve(name));
        Map<String, Object> specification = Map.of(
                "argv",
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xmx256m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        FakeKernel.class.getName(),
                        "{connection_file}"),
                "display_name",
                "for tests",
                "language",
                name,
                "interrupt_mode",
                "message");
        Files.write(directory.resolve("kernel.json"), JsonMapper.shared().writeValueAsBytes(specification));
    }
}
