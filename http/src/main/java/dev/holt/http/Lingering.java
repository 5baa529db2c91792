package dev.holt.http;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;

/**
 * Goes on reading, for a moment, a request that was answered before its body was read. HTTP/1.1 closes such a connection, and
 * closing it with unread bytes resets it, which can take the answer from the client (RFC 9112, 9.6); HTTP/2 resets the stream,
 * which some clients take for a failure.
 */
public final class Lingering {
    private static final Duration TIME = Duration.ofSeconds(2);
    private static final long BYTES_MAXIMUM = 64L * 1024 * 1024;

    private Lingering() {}

    /** Reads on, at most two seconds and 64 MiB. */
    public static void afterAnswer(Request request) {
        long deadline = System.nanoTime() + TIME.toNanos();
        long total = 0;
        while (System.nanoTime() - deadline < 0 && total < BYTES_MAXIMUM) {
            Content.Chunk chunk = request.read();
            if (chunk == null) {
                if (!awaitContent(request, deadline)) {
                    return;
                }
                continue;
            }
            boolean over = chunk.isLast() || Content.Chunk.isFailure(chunk);
            total += chunk.remaining();
            chunk.release();
            if (over) {
                return;
            }
        }
    }

    private static boolean awaitContent(Request request, long deadline) {
        CountDownLatch available = new CountDownLatch(1);
        request.demand(available::countDown);
        try {
            return available.await(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
