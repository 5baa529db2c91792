package dev.holt.edge.relay;

import java.io.IOException;
import java.util.concurrent.locks.LockSupport;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.thread.Invocable;
import org.jspecify.annotations.Nullable;

/** Reads a request's body in the pieces in which it comes, blocking. Used by one thread at a time. */
final class RequestBody {
    private final Request request;
    private volatile boolean readable;
    private volatile boolean abandoned;
    private volatile @Nullable Thread reader;

    /** What {@link #peek} found and nobody took yet, in order. */
    private Content.@Nullable Chunk ahead;

    private Content.@Nullable Chunk second;
    private boolean ended;

    RequestBody(Request request) {
        this.request = request;
    }

    /**
     * Looks at what has arrived, without waiting and without letting a waiting client go ahead.
     *
     * @throws IOException when the client went away
     */
    void peek() throws IOException {
        Content.Chunk chunk = request.read();
        if (chunk == null) {
            return;
        }
        failIfFailure(chunk);
        if (!chunk.hasRemaining()) {
            ended = chunk.isLast();
            chunk.release();
            return;
        }
        ahead = chunk;
        if (chunk.isLast()) {
            ended = true;
            return;
        }
        Content.Chunk following = request.read();
        if (following == null) {
            return;
        }
        if (following.hasRemaining() || !following.isLast() || Content.Chunk.isFailure(following)) {
            second = following;
        } else {
            following.release();
            ended = true;
        }
    }

    /** Whether nothing more is to be read from the client: the body is what {@link #next} has at hand. */
    boolean isComplete() {
        return ended;
    }

    /** Whether there is no body at all. */
    boolean isEmpty() {
        return ended && ahead == null;
    }

    /** Bytes at hand. */
    int atHand() {
        return ahead == null ? 0 : ahead.remaining();
    }

    /**
     * Waits for the next piece; null at the body's end. The caller releases it.
     *
     * @throws IOException when the client went away
     */
    Content.@Nullable Chunk next() throws IOException {
        Content.Chunk chunk = ahead;
        if (chunk != null) {
            ahead = second;
            second = null;
            return chunk;
        }
        while (!ended) {
            if (abandoned) {
                throw new IOException("the exchange is over");
            }
            chunk = request.read();
            if (chunk == null) {
                await();
                continue;
            }
            failIfFailure(chunk);
            ended = chunk.isLast();
            if (chunk.hasRemaining()) {
                return chunk;
            }
            chunk.release();
        }
        return null;
    }

    private static void failIfFailure(Content.Chunk chunk) throws IOException {
        if (Content.Chunk.isFailure(chunk)) {
            throw new IOException("the client did not send its whole request", chunk.getFailure());
        }
    }

    private void await() {
        reader = Thread.currentThread();
        readable = false;
        request.demand(Invocable.from(Invocable.InvocationType.NON_BLOCKING, this::wake));
        while (!readable && !abandoned) {
            LockSupport.park(this);
        }
    }

    private void wake() {
        readable = true;
        LockSupport.unpark(reader);
    }

    /** Makes a waiting {@link #next} fail; nothing may be read any more. */
    void abandon() {
        abandoned = true;
        LockSupport.unpark(reader);
    }

    /** Gives back what is at hand. */
    void release() {
        if (ahead != null) {
            ahead.release();
            ahead = null;
        }
        if (second != null) {
            second.release();
            second = null;
        }
    }
}
