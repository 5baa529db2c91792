package dev.holt.app.client;

import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The files of one sandbox, over HTTP and the Connect protocol with JSON. Thread-safe. */
public final class FilesClient {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final HttpClient http;
    private final SandboxAddress sandbox;
    private final Optional<String> user;

    /**
     * @param http stays the caller's
     * @param user who reads and writes; the template's own when empty
     */
    public FilesClient(HttpClient http, SandboxAddress sandbox, Optional<String> user) {
        this.http = http;
        this.sandbox = sandbox;
        this.user = user;
    }

    /**
     * A part of a file.
     *
     * @param bytes from the offset that was asked for, not more than were asked for
     * @param size of the whole file, as far as it is known
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Part(byte[] bytes, long size) {}

    /**
     * Reads a file, or a part of it.
     *
     * @param offset of the first byte, 0 or more
     * @param most bytes, at least 1
     */
    public Part read(String path, long offset, int most) {
        HttpRequest request = sandbox.request(
                        SandboxAddress.ENVD_PORT, "/files?path=" + RestClient.encode(path) + who())
                .timeout(PATIENCE)
                .header("Accept-Encoding", "identity")
                .GET()
                .build();
        HttpResponse<InputStream> response =
                RestClient.exchange(http, request, BodyHandlers.ofInputStream(), "The sandbox");
        // Closing the body unread drops the connection: cheaper than reading a large file to its end. Ranges would be
        // answered by the
        // size that stat tells, which is 0 for the files of procfs.
        try (InputStream body = response.body()) {
            if (response.statusCode() != 200) {
                throw ProcessClient.refused(response.statusCode(), body.readNBytes(64 * 1024));
            }
            long skipped = skip(body, offset);
            byte[] bytes = skipped < offset ? new byte[0] : body.readNBytes(most);
            long told = response.headers().firstValueAsLong("Content-Length").orElse(0);
            return new Part(bytes, Math.max(told, skipped + bytes.length));
        } catch (IOException e) {
            throw new ClientException(
                    ExitCode.UNREACHABLE, "The connection to the sandbox broke while " + path + " was read");
        }
    }

    private static long skip(InputStream body, long most) throws IOException {
        long left = most;
        while (left > 0) {
            long skipped = body.skip(left);
            if (skipped <= 0) {
                if (body.read() < 0) {
                    break;
                }
                skipped = 1;
            }
            left -= skipped;
        }
        return most - left;
    }

    /** Writes a file, in place of one that is there, and makes the directories above it that are missing. */
    public void write(String path, byte[] content) {
        HttpRequest request = sandbox.request(
                        SandboxAddress.ENVD_PORT, "/files?path=" + RestClient.encode(path) + who())
                .timeout(PATIENCE)
                .header("Content-Type", "application/octet-stream")
                .POST(BodyPublishers.ofByteArray(content))
                .build();
        HttpResponse<byte[]> response = RestClient.exchange(http, request, BodyHandlers.ofByteArray(), "The sandbox");
        if (response.statusCode() != 200) {
            throw ProcessClient.refused(response.statusCode(), response.body());
        }
    }

    /**
     * What is in a directory, as an array of entries.
     *
     * @param depth 1 for the directory alone; more for what is below it
     */
    public JsonNode list(String path, int depth) {
        JsonMapper json = JsonMapper.shared();
        HttpRequest.Builder request = sandbox.request(SandboxAddress.ENVD_PORT, "/filesystem.Filesystem/ListDir")
                .timeout(PATIENCE)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofByteArray(json.writeValueAsBytes(
                        json.createObjectNode().put("path", path).put("depth", depth))));
        user.ifPresent(name -> request.header("Authorization", SandboxAddress.userHeader(name)));
        HttpResponse<byte[]> response =
                RestClient.exchange(http, request.build(), BodyHandlers.ofByteArray(), "The sandbox");
        if (response.statusCode() != 200) {
            throw ProcessClient.refused(response.statusCode(), response.body());
        }
        try {
            return json.readTree(response.body()).path("entries");
        } catch (JacksonException e) {
            throw new ClientException(ExitCode.FAILED, "The sandbox listed " + path + " in no valid JSON");
        }
    }

    private String who() {
        return user.map(name -> "&username=" + RestClient.encode(name)).orElse("");
    }
}
