package dev.holt.app.client;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.holt.wire.process.ProcessEvent;
import dev.holt.wire.process.StartResponse;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What happens to one process, read from a Connect stream: five-byte envelopes (flags, length) and an end envelope. Closing
 * it leaves the process running. Not thread-safe.
 */
public final class ProcessStream implements AutoCloseable {
    private static final int COMPRESSED = 1;
    private static final int END = 2;
    /** Far above any event that Holt sends: a longer one means that the peer speaks something else. */
    private static final int LONGEST_MESSAGE = 64 << 20;

    private final DataInputStream input;

    ProcessStream(InputStream input) {
        this.input = new DataInputStream(input);
    }

    /**
     * The next event, keepalives left out, or empty when the stream ended well.
     *
     * @throws ClientException for an error that the stream ended with, or when it broke
     */
    public Optional<ProcessEvent> next() {
        try {
            while (true) {
                int flags = input.readUnsignedByte();
                int length = input.readInt();
                if ((flags & COMPRESSED) != 0 || length < 0 || length > LONGEST_MESSAGE) {
                    throw new IOException("not a Connect stream");
                }
                String message = new String(input.readNBytes(length), StandardCharsets.UTF_8);
                if ((flags & END) != 0) {
                    refuseError(message);
                    return Optional.empty();
                }
                StartResponse.Builder response = StartResponse.newBuilder();
                JsonFormat.parser().ignoringUnknownFields().merge(message, response);
                if (response.getEvent().getEventCase() != ProcessEvent.EventCase.KEEPALIVE) {
                    return Optional.of(response.getEvent());
                }
            }
        } catch (InvalidProtocolBufferException e) {
            throw new ClientException(
                    ExitCode.FAILED, "The sandbox sent an event that can't be read: " + e.getMessage());
        } catch (IOException e) {
            throw new ClientException(
                    ExitCode.UNREACHABLE, "The connection to the sandbox broke: did it end? (holt sandbox list)");
        }
    }

    private static void refuseError(String endEnvelope) {
        JsonNode error;
        try {
            error = JsonMapper.shared().readTree(endEnvelope).path("error");
        } catch (JacksonException e) {
            throw new ClientException(ExitCode.FAILED, "The sandbox ended the stream with no valid JSON");
        }
        if (error.path("code").asString("").equals("deadline_exceeded")) {
            throw ClientException.timeout(error.path("message").asString("The command's time was up"));
        }
        if (!error.isMissingNode()) {
            int code = switch (error.path("code").asString("")) {
                case "not_found" -> ExitCode.NOT_FOUND;
                case "unauthenticated", "permission_denied" -> ExitCode.NOT_ALLOWED;
                case "resource_exhausted", "unavailable" -> ExitCode.FULL;
                default -> ExitCode.FAILED;
            };
            throw new ClientException(
                    code, error.path("message").asString(error.path("code").asString("The command failed")));
        }
    }

    @Override
    public void close() {
        try {
            input.close();
        } catch (IOException e) {
            // nothing is read from it any more
        }
    }
}
