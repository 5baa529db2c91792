package dev.holt.node.interpreter;

import dev.holt.http.ClientWatch;
import dev.holt.node.interpreter.jupyter.KernelLink;
import dev.holt.node.interpreter.output.LineWriter;
import dev.holt.node.interpreter.output.Outputs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.jspecify.annotations.Nullable;

/**
 * The streamed answer to one {@code /execute}: lines, each written out before the thread goes on, which is the back-pressure on the
 * kernel. Notices when the client goes.
 */
final class ExecutionAnswer implements Execution.Client, AutoCloseable {
    /** How long somebody waits for the turn before the answer is begun: clients wait for its head only so long. */
    private static final Duration SILENT_WAIT = Duration.ofMillis(500);

    private static final Duration KEEPALIVE = Duration.ofSeconds(5);

    private final Response response;
    private final LineWriter writer = new LineWriter(this::write);
    private final Outputs outputs = new Outputs(writer);
    private final ClientWatch watch;
    private final Turns.Turn turn;
    private volatile boolean gone;
    private volatile @Nullable KernelLink link;
    private volatile long lastFlush = System.nanoTime();
    private boolean begun;
    private boolean ended;

    ExecutionAnswer(Request request, Response response, Turns.Turn turn) {
        this.response = response;
        this.turn = turn;
        this.watch = ClientWatch.watch(request, this::clientGone);
    }

    private void clientGone() {
        gone = true;
        turn.wake();
        KernelLink connected = link;
        if (connected != null) {
            connected.wake();
        }
    }

    /** Waits for the turn, however long; false when the client has gone meanwhile. */
    boolean awaitTurn(Turns.Turn place) throws IOException, InterruptedException {
        if (place.await(SILENT_WAIT)) {
            return true;
        }
        while (!gone) {
            outputs.keepalive();
            flush();
            if (place.await(KEEPALIVE)) {
                return !gone;
            }
        }
        return false;
    }

    @Override
    public Outputs outputs() {
        return outputs;
    }

    @Override
    public void flush() throws IOException {
        writer.flush();
    }

    @Override
    public boolean isDirty() {
        return writer.isDirty();
    }

    @Override
    public long lastFlush() {
        return lastFlush;
    }

    @Override
    public boolean gone() {
        return gone;
    }

    @Override
    public void watch(KernelLink connected) {
        link = connected;
        if (gone) {
            connected.wake();
        }
    }

    /** Sends what is left and ends the answer well. */
    void end() throws IOException {
        outputs.end();
        ended = true;
        writer.flush();
    }

    /** Whether something was sent. */
    boolean begun() {
        return begun;
    }

    private void write(ByteBuffer bytes) throws IOException {
        if (!begun) {
            begun = true;
            response.setStatus(200);
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/x-ndjson");
            response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
        }
        try {
            Content.Sink.write(response, ended, bytes);
        } catch (RuntimeException failed) {
            // What failed the request meanwhile, as Jetty passes it on: to the writer it is the connection that broke.
            throw new IOException("the answer was broken off", failed);
        }
        lastFlush = System.nanoTime();
    }

    @Override
    public void close() {
        watch.close();
    }
}
