package dev.holt.node.envd;

import dev.holt.wire.connect.ConnectContentType;
import dev.holt.wire.connect.ConnectFailure;
import dev.holt.wire.connect.Envelope;
import dev.holt.wire.connect.MessageFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Response;

/**
 * The answer of a streaming rpc: envelopes, then the end envelope. Several threads may write; each write goes out whole, and
 * waits until the client's connection takes it, which is the back-pressure on whatever is being told.
 */
final class StreamAnswer {
    private final Response response;
    private final ConnectContentType type;
    private final ReentrantLock lock = new ReentrantLock();
    private final List<byte[]> unsent = new ArrayList<>();
    private boolean begun;
    private boolean ended;
    private volatile long lastWrite = System.nanoTime();

    StreamAnswer(Response response, ConnectContentType type) {
        this.response = response;
        this.type = type;
    }

    MessageFormat format() {
        return type.format();
    }

    /** When something was written last, as {@link System#nanoTime}. */
    long lastWrite() {
        return lastWrite;
    }

    /** Keeps an envelope for the next {@link #flush}; dropped when the stream has ended. */
    void add(byte[] envelope) {
        lock.lock();
        try {
            if (!ended) {
                unsent.add(envelope);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Sends what was added. */
    void flush() throws IOException {
        lock.lock();
        try {
            if (!ended && !unsent.isEmpty()) {
                write(false);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Sends one envelope. */
    void send(byte[] envelope) throws IOException {
        lock.lock();
        try {
            add(envelope);
            flush();
        } finally {
            lock.unlock();
        }
    }

    /** Sends what was added and the end of a stream that went well. */
    void end() throws IOException {
        endWith(Envelope.end());
    }

    /** Sends what was added and the end of a stream that did not. */
    void end(ConnectFailure failure) throws IOException {
        endWith(Envelope.end(failure));
    }

    private void endWith(byte[] envelope) throws IOException {
        lock.lock();
        try {
            if (!ended) {
                unsent.add(envelope);
                write(true);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Forgets what was added and not sent. */
    void discard() {
        lock.lock();
        try {
            unsent.clear();
        } finally {
            lock.unlock();
        }
    }

    private void write(boolean last) throws IOException {
        if (!begun) {
            begun = true;
            response.setStatus(200);
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, type.header());
        }
        ended = last;
        ByteBuffer bytes = ByteBuffer.wrap(unsent.size() == 1 ? unsent.getFirst() : join(unsent));
        unsent.clear();
        try {
            Content.Sink.write(response, last, bytes);
        } catch (RuntimeException failed) {
            // What failed the request meanwhile, as Jetty passes it on: to the writer it is the connection that broke.
            throw new IOException("the answer was broken off", failed);
        }
        lastWrite = System.nanoTime();
    }

    private static byte[] join(List<byte[]> parts) {
        int length = 0;
        for (byte[] part : parts) {
            length += part.length;
        }
        byte[] whole = new byte[length];
        int at = 0;
        for (byte[] part : parts) {
            System.arraycopy(part, 0, whole, at, part.length);
            at += part.length;
        }
        return whole;
    }
}
