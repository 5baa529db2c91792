package dev.holt.edge.relay;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.Content;
import org.jspecify.annotations.Nullable;

/**
 * Sends a request's body to the server on a virtual thread of its own, because a server may answer before it has read all
 * and both directions may go on at once. When the server stops reading, the rest is read and thrown away so that the client
 * gets to see the answer.
 */
final class Upload implements Runnable {
    private static final byte[] LINE_END = {'\r', '\n'};
    private static final byte[] LAST_CHUNK = "0\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

    /** A client that waits for a 100 sends its body anyway after about a second (RFC 9110, section 10.1.1). */
    private static final long CONTINUE_WAIT_MILLIS = 1000;

    private final RequestBody body;
    private final UpstreamConnection upstream;
    private final boolean chunked;
    private final Runnable onComplete;
    private final CountDownLatch mayStart;
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile boolean cancelled;
    private volatile boolean complete;
    private volatile @Nullable IOException clientFailure;

    /**
     * An upload that {@link Thread#startVirtualThread} may run.
     *
     * @param gated whether to wait for {@link #mayContinue}
     * @param onComplete run when the server has got the whole body
     */
    Upload(RequestBody body, UpstreamConnection upstream, boolean chunked, boolean gated, Runnable onComplete) {
        this.body = body;
        this.upstream = upstream;
        this.chunked = chunked;
        this.onComplete = onComplete;
        this.mayStart = new CountDownLatch(gated ? 1 : 0);
    }

    @Override
    public void run() {
        try {
            boolean told = mayStart.await(CONTINUE_WAIT_MILLIS, TimeUnit.MILLISECONDS);
            if (told && cancelled) {
                return;
            }
            sendAll();
        } catch (IOException failure) {
            if (!cancelled) {
                clientFailure = failure;
                upstream.close();
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } finally {
            done.countDown();
        }
    }

    /** Throws when the client fails; a failing server only ends the sending. */
    private void sendAll() throws IOException {
        boolean sending = true;
        for (Content.Chunk piece = body.next(); piece != null; piece = body.next()) {
            try {
                sending = sending && send(piece.getByteBuffer());
            } finally {
                piece.release();
            }
        }
        if (sending && finish()) {
            complete = true;
            onComplete.run();
        }
    }

    private boolean send(ByteBuffer data) {
        try {
            if (chunked) {
                String size = Integer.toHexString(data.remaining()) + "\r\n";
                upstream.write(
                        ByteBuffer.wrap(size.getBytes(StandardCharsets.US_ASCII)), data, ByteBuffer.wrap(LINE_END));
            } else {
                upstream.write(data);
            }
            return true;
        } catch (IOException serverStoppedReading) {
            return false;
        }
    }

    private boolean finish() {
        try {
            if (chunked) {
                upstream.write(ByteBuffer.wrap(LAST_CHUNK));
            }
            return true;
        } catch (IOException serverStoppedReading) {
            return false;
        }
    }

    /** The server wants the body. */
    void mayContinue() {
        mayStart.countDown();
    }

    /** Whether the server has got the whole body. */
    boolean isComplete() {
        return complete;
    }

    /** Why the client's body could not be read, or null. */
    @Nullable
    IOException clientFailure() {
        return clientFailure;
    }

    /** Reads on for at most {@code millis} so that the client can finish sending, then stops. Nothing is read afterwards. */
    void end(long millis) {
        try {
            if (mayStart.getCount() > 0) {
                cancelled = true;
                mayStart.countDown();
            }
            if (!done.await(millis, TimeUnit.MILLISECONDS)) {
                cancelled = true;
                body.abandon();
                done.await();
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }
}
