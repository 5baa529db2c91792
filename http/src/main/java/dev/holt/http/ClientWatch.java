package dev.holt.http;

import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Request;
import org.jspecify.annotations.Nullable;

/**
 * Notices that a client went away while its request is being answered and nothing is written to it. HTTP/2 resets come
 * from Jetty itself; on HTTP/1.1 nobody reads the connection meanwhile, so the watch does.
 *
 * <p>On HTTP/1.1 an end of the client's stream counts as leaving, although TCP would let it go on reading: no client of
 * ours half-closes, and Go's server and nginx decide the same.
 */
public final class ClientWatch implements AutoCloseable {
    private final @Nullable WatchableEndPoint endPoint;
    private final Runnable onGone;
    private final AtomicBoolean done = new AtomicBoolean();

    private ClientWatch(@Nullable WatchableEndPoint endPoint, Runnable onGone) {
        this.endPoint = endPoint;
        this.onGone = onGone;
    }

    /**
     * Starts watching. On HTTP/1.1 the request's body must have been read to its end; until then whoever reads it learns
     * of the client's leaving. The watch must be closed before the response's callback is completed.
     *
     * @param onGone run at most once, on a thread of its own or of the server's, when the client went away, perhaps before
     *     this method returns; must not block for long
     * @throws IllegalStateException when the connection is being watched already
     */
    public static ClientWatch watch(Request request, Runnable onGone) {
        boolean multiplexed =
                request.getConnectionMetaData().getHttpVersion().getVersion() >= HttpVersion.HTTP_2.getVersion();
        ClientWatch watch = new ClientWatch(multiplexed ? null : transport(request), onGone);
        request.addFailureListener(failure -> watch.gone());
        if (watch.endPoint != null) {
            watch.endPoint.watch(watch::gone);
        }
        return watch;
    }

    private static @Nullable WatchableEndPoint transport(Request request) {
        EndPoint endPoint = request.getConnectionMetaData().getConnection().getEndPoint();
        while (endPoint instanceof EndPoint.Wrapper wrapper) {
            endPoint = wrapper.unwrap();
        }
        return endPoint instanceof WatchableEndPoint watchable ? watchable : null;
    }

    private void gone() {
        if (done.compareAndSet(false, true)) {
            onGone.run();
        }
    }

    /** Ends the watch. {@code onGone} does not start afterwards, though it may still be running. */
    @Override
    public void close() {
        done.set(true);
        if (endPoint != null) {
            endPoint.unwatch();
        }
    }
}
