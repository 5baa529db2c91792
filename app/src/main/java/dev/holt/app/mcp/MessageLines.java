package dev.holt.app.mcp;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;

/**
 * The messages of one client, a line each, as the protocol library may read them: a line that is no message would end it, so such a
 * line is answered here and left out. Read by one thread.
 */
final class MessageLines extends InputStream {
    private static final int LONGEST = 16 << 20;

    private final InputStream input;
    private final OutputStream output;
    private final RunningCalls calls;
    private final CountDownLatch end = new CountDownLatch(1);
    private byte[] line = new byte[0];
    private int position;

    /** @param output where the library writes, too, holding its monitor meanwhile */
    MessageLines(InputStream input, OutputStream output, RunningCalls calls) {
        this.input = input;
        this.output = output;
        this.calls = calls;
    }

    /** Blocks until the client closed its side. */
    void awaitEnd() throws InterruptedException {
        end.await();
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, buffer.length);
        if (length == 0) {
            return 0;
        }
        while (position == line.length) {
            if (!nextLine()) {
                end.countDown();
                return -1;
            }
        }
        int count = Math.min(length, line.length - position);
        System.arraycopy(line, position, buffer, offset, count);
        position += count;
        return count;
    }

    /** What can be had without waiting; more than that would keep a reader from the message that it has. */
    @Override
    public int available() {
        return line.length - position;
    }

    private boolean nextLine() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        long length = 0;
        int next;
        try {
            while ((next = input.read()) >= 0 && next != '\n') {
                length++;
                if (length <= LONGEST) {
                    bytes.write(next);
                }
            }
        } catch (IOException e) {
            next = -1; // whoever held the other end is gone
        }
        if (length == 0
                || bytes.toString(java.nio.charset.StandardCharsets.UTF_8).isBlank()) {
            return next >= 0;
        }
        try {
            if (length > LONGEST) {
                throw new RunningCalls.MalformedMessage(
                        -32600, "Invalid request: a message may have " + LONGEST + " bytes; got " + length);
            }
            byte[] message = calls.pass("", bytes.toByteArray());
            line = java.util.Arrays.copyOf(message, message.length + 1);
            line[message.length] = '\n';
            position = 0;
        } catch (RunningCalls.MalformedMessage e) {
            synchronized (output) {
                output.write(e.answer());
                output.write('\n');
                output.flush();
            }
        }
        return true;
    }
}
