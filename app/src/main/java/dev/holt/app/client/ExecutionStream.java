package dev.holt.app.client;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What comes of one execution: JSON objects, one a line, told apart by their {@code type}. Closing it before its end interrupts the
 * code that runs. Read by one thread; may be closed by another.
 */
public final class ExecutionStream implements AutoCloseable {
    /** The {@code type} of what stands for an event that is too long to keep; {@code bytes} says how long. */
    public static final String TOO_LONG = "too_long";

    /** Code can make results of any size, and this process has a heap of half a gigabyte. */
    private static final int LONGEST_LINE = 16 << 20;

    private final InputStream input;

    ExecutionStream(InputStream input) {
        this.input = new BufferedInputStream(input, 64 * 1024);
    }

    /**
     * The next event, or empty at the end.
     *
     * @throws ClientException when the stream broke or was closed meanwhile
     */
    public Optional<JsonNode> next() {
        try {
            while (true) {
                ByteArrayOutputStream line = new ByteArrayOutputStream();
                long length = 0;
                int next;
                while ((next = input.read()) >= 0 && next != '\n') {
                    length++;
                    if (length <= LONGEST_LINE) {
                        line.write(next);
                    }
                }
                if (length > LONGEST_LINE) {
                    return Optional.of(JsonMapper.shared()
                            .createObjectNode()
                            .put("type", TOO_LONG)
                            .put("bytes", length));
                }
                if (length > 0) {
                    return Optional.of(JsonMapper.shared().readTree(line.toByteArray()));
                }
                if (next < 0) {
                    return Optional.empty();
                }
            }
        } catch (JacksonException e) {
            throw new ClientException(ExitCode.FAILED, "The code interpreter sent a line that is no JSON");
        } catch (IOException e) {
            throw new ClientException(
                    ExitCode.UNREACHABLE, "The connection to the code interpreter broke: did the sandbox end?");
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
