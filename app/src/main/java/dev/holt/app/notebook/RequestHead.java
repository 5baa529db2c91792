package dev.holt.app.notebook;

import dev.holt.app.client.SandboxAddress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** The head of an HTTP/1.1 request: read from a client, written for a sandbox's kernel gateway. */
final class RequestHead {
    private static final int LONGEST = 64 * 1024;
    /** Below which the gateway is served, at the port of the code interpreter. */
    private static final String GATEWAY = "/jupyter";

    /** What is about the client's connection, or is said by the door itself. */
    private static final Set<String> DROPPED = Set.of(
            "host",
            "authorization",
            "connection",
            "keep-alive",
            "proxy-connection",
            "origin",
            "cookie",
            "x-access-token",
            "e2b-sandbox-id",
            "e2b-sandbox-port");

    private record Field(String name, String value) {}

    private final String method;
    private final String path;
    private final List<String> query;
    private final List<Field> fields;

    private RequestHead(String method, String path, List<String> query, List<Field> fields) {
        this.method = method;
        this.path = path;
        this.query = query;
        this.fields = fields;
    }

    /** What came is no request. */
    static final class Malformed extends IOException {
        private static final long serialVersionUID = 1L;

        Malformed(String message) {
            super(message);
        }
    }

    /**
     * Reads a head and not a byte more.
     *
     * @throws Malformed when it is none
     * @throws IOException when the client left
     */
    static RequestHead read(InputStream input) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        int ends = 0;
        while (ends < 2) {
            int next = input.read();
            if (next < 0) {
                throw new IOException("the client left");
            }
            bytes.write(next);
            if (next == '\n') {
                ends++;
            } else if (next != '\r') {
                ends = 0;
            }
            if (bytes.size() > LONGEST) {
                throw new Malformed("the head of the request is longer than " + LONGEST + " bytes");
            }
        }
        return parse(bytes.toString(StandardCharsets.ISO_8859_1));
    }

    private static RequestHead parse(String head) throws Malformed {
        List<String> lines = head.lines().toList();
        String[] request = lines.getFirst().split(" ", -1);
        if (request.length != 3 || !request[1].startsWith("/") || !request[2].startsWith("HTTP/1.")) {
            throw new Malformed("this is no HTTP/1.1 request for a path");
        }
        List<Field> fields = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            if (line.isEmpty()) {
                break;
            }
            int colon = line.indexOf(':');
            if (colon <= 0 || line.charAt(0) == ' ' || line.charAt(0) == '\t') {
                throw new Malformed("a header field without a name");
            }
            fields.add(new Field(
                    line.substring(0, colon), line.substring(colon + 1).strip()));
        }
        int mark = request[1].indexOf('?');
        String path = mark < 0 ? request[1] : request[1].substring(0, mark);
        List<String> query =
                mark < 0 ? List.of() : List.of(request[1].substring(mark + 1).split("&", -1));
        return new RequestHead(request[0], path, query, fields);
    }

    private Optional<String> field(String name) {
        return fields.stream()
                .filter(field -> field.name.equalsIgnoreCase(name))
                .map(Field::value)
                .findFirst();
    }

    /**
     * Whether it has {@code token}: where Jupyter's clients put theirs or, for those of them that send none with a WebSocket
     * (jupyter_server's GatewayKernelClient), as the first step of the path.
     */
    boolean bringsToken(String token) {
        List<String> given = new ArrayList<>();
        given.add(firstStep());
        field("authorization").ifPresent(value -> {
            int blank = value.indexOf(' ');
            String scheme = value.substring(0, Math.max(0, blank)).toLowerCase(Locale.ROOT);
            if (scheme.equals("token") || scheme.equals("bearer")) {
                given.add(value.substring(blank + 1).strip());
            }
        });
        for (String parameter : query) {
            if (parameter.startsWith("token=")) {
                try {
                    given.add(URLDecoder.decode(parameter.substring("token=".length()), StandardCharsets.UTF_8));
                } catch (IllegalArgumentException e) {
                    continue; // no token, then
                }
            }
        }
        byte[] expected = token.getBytes(StandardCharsets.UTF_8);
        return given.stream().anyMatch(one -> MessageDigest.isEqual(one.getBytes(StandardCharsets.UTF_8), expected));
    }

    private String firstStep() {
        int end = path.indexOf('/', 1);
        return end < 0 ? path.substring(1) : path.substring(1, end);
    }

    /**
     * The head to send to Holt. The connection ends with the answer, unless it becomes a WebSocket.
     *
     * @param token is taken off the path
     */
    String forSandbox(SandboxAddress sandbox, String token) {
        URI url = sandbox.url();
        String asked = firstStep().equals(token) ? path.substring(1 + token.length()) : path;
        StringBuilder head = new StringBuilder();
        List<String> kept = query.stream()
                .filter(parameter -> !parameter.startsWith("token="))
                .toList();
        head.append(method)
                .append(' ')
                .append(Optional.ofNullable(url.getRawPath()).orElse("").replaceAll("/+$", ""))
                .append(GATEWAY)
                .append(asked)
                .append(kept.isEmpty() ? "" : "?" + String.join("&", kept))
                .append(" HTTP/1.1\r\n");
        append(head, "Host", url.getRawAuthority());
        append(head, "E2b-Sandbox-Id", sandbox.id());
        append(head, "E2b-Sandbox-Port", Integer.toString(SandboxAddress.INTERPRETER_PORT));
        sandbox.accessToken().ifPresent(accessToken -> append(head, "X-Access-Token", accessToken));
        append(head, "Connection", field("upgrade").isPresent() ? "Upgrade" : "close");
        for (Field field : fields) {
            if (!DROPPED.contains(field.name.toLowerCase(Locale.ROOT))) {
                append(head, field.name, field.value);
            }
        }
        return head.append("\r\n").toString();
    }

    private static void append(StringBuilder head, String name, String value) {
        head.append(name).append(": ").append(value).append("\r\n");
    }
}
