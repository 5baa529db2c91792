package dev.holt.edge.relay;

import dev.holt.http.ClientWatch;
import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.ByteBufferPool;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.io.RetainableByteBuffer;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/**
 * One request to one server and its answer, straight through: send the head, let the body follow, read the response's head,
 * pass it on, pass its body on. Runs on the request's virtual thread. Whatever breaks after the answer began breaks the
 * client's connection too, so that no client takes half an answer for a whole one.
 */
final class Exchange {
    private static final int SMALL_BUFFER = 16 * 1024;
    private static final int LARGE_BUFFER = 64 * 1024;
    private static final int MOST_INTERIM_RESPONSES = 32;

    /** How long a client may go on sending what the server no longer wants, before its connection is cut. */
    private static final long LINGER_MILLIS = 2000;

    private final Destination to;
    private final Request request;
    private final Response response;
    private final Callback callback;
    private final RequestBody body;
    private final UpstreamConnection upstream;
    private final @Nullable String upgrade;
    private final ByteBufferPool buffers;

    private RetainableByteBuffer.Mutable pooled;

    /** Bytes from the server between position and limit; before that, the request's head. */
    private ByteBuffer in;

    private @Nullable Upload upload;
    private @Nullable ClientWatch watch;
    private boolean over;
    private boolean received;
    private volatile boolean clientGone;

    Exchange(
            Destination to,
            Request request,
            Response response,
            Callback callback,
            RequestBody body,
            UpstreamConnection upstream,
            @Nullable String upgrade) {
        this.to = to;
        this.request = request;
        this.response = response;
        this.callback = callback;
        this.body = body;
        this.upstream = upstream;
        this.upgrade = upgrade;
        this.buffers = request.getComponents().getByteBufferPool();
        this.pooled = buffers.acquire(SMALL_BUFFER, upstream.direct());
        this.in = pooled.getByteBuffer();
    }

    /** The connection turned out to be dead before the server can have seen the request. */
    static final class StaleConnection extends Exception {
        private static final long serialVersionUID = 1L;

        StaleConnection(IOException cause) {
            super(cause);
        }
    }

    /**
     * Does the exchange and completes the callback, or leaves it alone and throws.
     *
     * @param lease given back when a tunnel that the exchange turns into has ended
     * @return whether it became a tunnel
     */
    boolean run(Runnable lease) throws RelayFailure, StaleConnection {
        try {
            send();
            ResponseHead head = readHead();
            if (head.status() == 101) {
                startTunnel(head, lease);
                return true;
            }
            answer(head);
            return false;
        } catch (IOException failure) {
            fail(failure);
            return false;
        } catch (RelayFailure | RuntimeException failure) {
            stop();
            throw failure;
        }
    }

    private void stop() {
        upstream.close();
        endUpload(0);
        endWatch();
        release();
    }

    private void fail(IOException failure) throws RelayFailure, StaleConnection {
        IOException clientFailure = upload == null ? null : upload.clientFailure();
        stop();
        if (clientGone || clientFailure != null) {
            callback.failed(new EofException(clientFailure == null ? failure : clientFailure));
        } else if (response.isCommitted()) {
            breakClient(failure);
        } else if (failure instanceof MalformedResponse) {
            String problem = "The server in the sandbox sent an invalid answer: " + failure.getMessage();
            throw new RelayFailure(RelayFailure.Kind.BAD_SERVER, problem, failure);
        } else if (upload == null && !received) {
            throw new StaleConnection(failure);
        } else {
            throw noAnswer(failure);
        }
    }

    static RelayFailure noAnswer(Exception cause) {
        String problem = "The server in the sandbox closed the connection without a whole answer";
        return new RelayFailure(RelayFailure.Kind.BAD_SERVER, problem, cause);
    }

    /** A body that ends with the connection would look whole after a clean end, so that one is reset. */
    private void breakClient(IOException failure) {
        if (request.getConnectionMetaData().getHttpVersion() == HttpVersion.HTTP_1_0
                && request.getConnectionMetaData().getConnection().getEndPoint().getTransport()
                        instanceof SocketChannel channel) {
            try {
                channel.setOption(StandardSocketOptions.SO_LINGER, 0);
            } catch (IOException alreadyClosed) {
                failure.addSuppressed(alreadyClosed);
            }
        }
        callback.failed(failure);
    }

    private void send() throws IOException, RelayFailure {
        boolean whole = body.isComplete() && body.atHand() <= SMALL_BUFFER;
        long length = whole ? body.atHand() : request.getLength();
        boolean expect = !whole && RequestHead.expectsContinue(request);
        writeHead(length, expect);
        if (whole) {
            sendWhole();
            startWatch();
            return;
        }
        Upload sending = new Upload(body, upstream, length < 0, expect, this::startWatch);
        try {
            upstream.write(in);
        } finally {
            upload = sending;
            Thread.startVirtualThread(sending);
        }
    }

    private void sendWhole() throws IOException {
        Content.Chunk piece = body.isEmpty() ? null : body.next();
        try {
            if (piece == null) {
                upstream.write(in);
            } else {
                upstream.write(in, piece.getByteBuffer());
            }
        } finally {
            if (piece != null) {
                piece.release();
            }
        }
    }

    private void writeHead(long length, boolean expect) throws RelayFailure {
        while (true) {
            in.clear();
            try {
                RequestHead.write(in, request, to, length, body.isEmpty(), expect, upgrade);
                in.flip();
                return;
            } catch (BufferOverflowException tooSmall) {
                if (in.capacity() >= LARGE_BUFFER) {
                    throw new RelayFailure(RelayFailure.Kind.BAD_SERVER, "The request's headers are too long");
                }
                replaceBuffer();
            }
        }
    }

    /** Continues in a large buffer with the bytes that are unread. */
    private void replaceBuffer() {
        RetainableByteBuffer.Mutable larger = buffers.acquire(LARGE_BUFFER, upstream.direct());
        ByteBuffer into = larger.getByteBuffer();
        into.clear();
        into.put(in);
        into.flip();
        release();
        pooled = larger;
        in = into;
    }

    private void release() {
        BufferUtil.clear(in);
        pooled.release();
    }

    /** Waits for bytes and adds them; the buffer must not be full. False at the end of the stream. */
    private boolean fill() throws IOException {
        if (in.position() > 0) {
            in.compact();
        } else {
            in.position(in.limit()).limit(in.capacity());
        }
        int read;
        try {
            read = upstream.read(in);
        } finally {
            in.flip();
        }
        received |= read > 0;
        return read >= 0;
    }

    private ResponseHead readHead() throws IOException {
        in.clear().limit(0);
        for (int interim = 0; interim <= MOST_INTERIM_RESPONSES; interim++) {
            ResponseHead head = ResponseHead.parse(in, awaitHead());
            if (head.status() >= 200) {
                return head;
            }
            if (head.status() == 101) {
                if (upgrade == null) {
                    throw new MalformedResponse("it switches protocols, which nobody asked for");
                }
                return head;
            }
            passInterim(head);
        }
        throw new MalformedResponse("there are too many interim responses");
    }

    private int awaitHead() throws IOException {
        int scanned = 0;
        while (true) {
            int end = ResponseHead.end(in, in.position() + scanned);
            if (end >= 0) {
                return end;
            }
            if (!ResponseHead.plausible(in)) {
                throw new MalformedResponse("it is not HTTP/1.1");
            }
            scanned = Math.max(0, in.remaining() - 2);
            if (in.remaining() == in.capacity()) {
                if (in.capacity() >= LARGE_BUFFER) {
                    throw new MalformedResponse("its headers are longer than " + LARGE_BUFFER + " bytes");
                }
                replaceBuffer();
            }
            if (!fill()) {
                if (in.hasRemaining()) {
                    throw new MalformedResponse("it ends within the headers");
                }
                throw new EofException("the server closed the connection");
            }
        }
    }

    private void passInterim(ResponseHead head) throws IOException {
        if (head.status() == 100) {
            if (upload != null) {
                upload.mayContinue();
            }
            return;
        }
        if (request.getConnectionMetaData().getHttpVersion() == HttpVersion.HTTP_1_0) {
            return;
        }
        HttpFields.Mutable fields = HttpFields.build();
        head.fields().forEach(fields::add);
        try {
            response.writeInterim(head.status(), fields).join();
        } catch (java.util.concurrent.CompletionException failure) {
            clientGone = true;
            throw new IOException("the client went away", failure);
        }
    }

    private BodyDecoder decoder(ResponseHead head) {
        if (request.getMethod().equals("HEAD") || head.status() == 204 || head.status() == 304) {
            return BodyDecoder.none();
        }
        if (head.chunked()) {
            return BodyDecoder.chunked();
        }
        return head.contentLength() >= 0 ? BodyDecoder.ofLength(head.contentLength()) : BodyDecoder.untilClose();
    }

    private void answer(ResponseHead head) throws IOException {
        response.setStatus(head.status());
        HttpFields.Mutable fields = response.getHeaders();
        for (HttpField field : head.fields()) {
            fields.add(field);
        }
        BodyDecoder decoder = decoder(head);
        if (head.contentLength() >= 0 && head.status() != 204) {
            fields.put(HttpHeader.CONTENT_LENGTH, head.contentLength());
        } else if (!decoder.isEnd() && request.getConnectionMetaData().getHttpVersion() == HttpVersion.HTTP_1_1) {
            // Otherwise Jetty ends the body with the connection when the client asked for a close.
            fields.put(HttpHeader.TRANSFER_ENCODING, "chunked");
        }
        ByteBuffer data = decoder.decode(in);
        if (!decoder.isEnd() && !data.hasRemaining() && decoder.isWithin(SMALL_BUFFER) && upstream.ready()) {
            data = more(decoder);
        }
        while (!decoder.isEnd()) {
            write(false, data);
            if (in.capacity() < LARGE_BUFFER && !in.hasRemaining() && !decoder.isWithin(SMALL_BUFFER)) {
                replaceBuffer();
            }
            data = more(decoder);
        }
        finish(head, data);
    }

    private ByteBuffer more(BodyDecoder decoder) throws IOException {
        if (!fill()) {
            decoder.connectionEnded();
        }
        return decoder.decode(in);
    }

    private void write(boolean last, ByteBuffer data) throws IOException {
        try {
            Content.Sink.write(response, last, data);
        } catch (IOException failure) {
            clientGone = true;
            throw failure;
        }
    }

    private void finish(ResponseHead head, ByteBuffer data) throws IOException {
        boolean sent = upload == null || upload.isComplete();
        if (sent && head.keepAlive() && !in.hasRemaining() && !clientGone) {
            upstream.giveBack();
        } else {
            upstream.close();
        }
        if (!sent) {
            write(true, data);
            endUpload(LINGER_MILLIS);
        }
        endWatch();
        if (sent) {
            response.write(true, data, new Callback.Nested(callback) {
                @Override
                public void completed() {
                    release();
                }
            });
        } else {
            release();
            callback.succeeded();
        }
    }

    private void startTunnel(ResponseHead head, Runnable lease) {
        endUpload(0);
        endWatch();
        response.setStatus(101);
        HttpFields.Mutable fields = response.getHeaders();
        for (HttpField field : head.fields()) {
            fields.add(field);
        }
        fields.put(HttpHeader.CONNECTION, "Upgrade");
        fields.put(HttpHeader.UPGRADE, head.upgrade());
        byte[] early = new byte[in.remaining()];
        in.get(early);
        release();
        Tunnel tunnel = new Tunnel(
                request.getConnectionMetaData().getConnection().getEndPoint(),
                request.getComponents().getExecutor(),
                buffers,
                upstream,
                early,
                lease);
        request.setAttribute(HttpStream.UPGRADE_CONNECTION_ATTRIBUTE, tunnel);
        callback.succeeded();
    }

    private void endUpload(long millis) {
        if (upload != null) {
            upload.end(millis);
        }
    }

    private synchronized void startWatch() {
        if (!over) {
            watch = ClientWatch.watch(request, this::clientLeft);
        }
    }

    private void clientLeft() {
        clientGone = true;
        upstream.close();
    }

    private synchronized void endWatch() {
        over = true;
        if (watch != null) {
            watch.close();
        }
    }
}
