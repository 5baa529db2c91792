package dev.holt.http;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.io.ArrayByteBufferPool;
import org.eclipse.jetty.io.WindowRateControl;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/**
 * A running HTTP server: several listeners, one handler, each request on a virtual thread of its own. Every listener
 * speaks HTTP/1.1 and clear-text HTTP/2, by prior knowledge or by upgrade. Paths reach the handler as they were sent,
 * neither decoded nor normalised, because the edge passes them on: handlers that route match {@code
 * request.getHttpURI().getPath()} literally. What no handler answers becomes a JSON error, see {@link ErrorBody}.
 */
public final class HttpServer implements AutoCloseable {
    /** Large enough that uploads move in few system calls; idle connections hold no buffer. */
    private static final int BUFFER_BYTES = 64 * 1024;

    private static final long POOLED_BYTES = 32L * 1024 * 1024;
    private static final int HTTP2_STREAMS = 1024;

    /** Resets, pings and the like of one connection; a flood of them closes it. */
    private static final int HTTP2_EVENTS_PER_SECOND = 5000;

    private static final int HTTP2_STREAM_WINDOW = 1024 * 1024;
    private static final int HTTP2_SESSION_WINDOW = 8 * 1024 * 1024;

    private final Server server;
    private final Map<String, ServerConnector> connectors;
    private final InFlight inFlight;
    private final Duration stopTimeout;

    private HttpServer(
            Server server, Map<String, ServerConnector> connectors, InFlight inFlight, Duration stopTimeout) {
        this.server = server;
        this.connectors = connectors;
        this.inFlight = inFlight;
        this.stopTimeout = stopTimeout;
    }

    /**
     * Binds every listener and starts answering.
     *
     * @throws IOException when a listener can't be bound; names which; nothing is left bound
     */
    public static HttpServer start(HttpServerSettings settings, Handler handler) throws IOException {
        Server server = new Server(threads(settings), null, buffers());
        server.setErrorHandler(new JsonErrorHandler());
        InFlight inFlight = new InFlight(handler);
        server.setHandler(inFlight);
        Map<String, ServerConnector> connectors = new LinkedHashMap<>();
        HttpConfiguration http = configuration(settings);
        for (HttpListener listener : settings.listeners()) {
            ServerConnector connector = connector(server, http);
            connector.setName(listener.name());
            connector.setHost(listener.host());
            connector.setPort(listener.port());
            connector.setIdleTimeout(settings.idleTimeout().toMillis());
            server.addConnector(connector);
            connectors.put(listener.name(), connector);
        }
        HttpServer result = new HttpServer(server, connectors, inFlight, settings.stopTimeout());
        try {
            for (ServerConnector connector : connectors.values()) {
                bind(connector);
            }
            server.start();
            return result;
        } catch (Exception failure) {
            result.close();
            throw failure instanceof IOException io ? io : new IOException("can't start the HTTP server", failure);
        }
    }

    /**
     * The address that the listener called {@code name} is bound to, with its real port.
     *
     * @throws IllegalArgumentException when there is no such listener
     */
    public InetSocketAddress address(String name) {
        ServerConnector connector = connectors.get(name);
        if (connector == null) {
            throw new IllegalArgumentException("no listener is called " + name);
        }
        return new InetSocketAddress(connector.getHost(), connector.getLocalPort());
    }

    /** Stops listening, lets requests finish within the stop timeout, then cuts what is left. */
    @Override
    public void close() {
        connectors.values().forEach(ServerConnector::close);
        inFlight.awaitNone(stopTimeout);
        try {
            server.stop();
        } catch (Exception failure) {
            throw new IllegalStateException("the HTTP server did not stop cleanly", failure);
        } finally {
            server.destroy();
        }
    }

    private static void bind(ServerConnector connector) throws IOException {
        try {
            connector.open();
        } catch (IOException failure) {
            Throwable reason = failure.getCause() == null ? failure : failure.getCause();
            String address = connector.getHost() + ":" + connector.getPort();
            throw new IOException("can't listen on " + address + ": " + reason.getMessage(), failure);
        }
    }

    /** A platform thread for each selector and a few more; requests run on virtual threads. */
    private static QueuedThreadPool threads(HttpServerSettings settings) {
        int selectors = settings.listeners().size();
        QueuedThreadPool threads = new QueuedThreadPool(selectors + 4, selectors + 1);
        threads.setName("http");
        threads.setReservedThreads(0);
        threads.setVirtualThreadsExecutor(Thread::startVirtualThread);
        return threads;
    }

    private static ArrayByteBufferPool buffers() {
        return new ArrayByteBufferPool(0, 4096, BUFFER_BYTES, Integer.MAX_VALUE, POOLED_BYTES, POOLED_BYTES);
    }

    private static ServerConnector connector(Server server, HttpConfiguration http) {
        HTTP2CServerConnectionFactory http2 = new HTTP2CServerConnectionFactory(http);
        http2.setMaxConcurrentStreams(HTTP2_STREAMS);
        http2.setInitialStreamRecvWindow(HTTP2_STREAM_WINDOW);
        http2.setInitialSessionRecvWindow(HTTP2_SESSION_WINDOW);
        http2.setRateControlFactory(new WindowRateControl.Factory(HTTP2_EVENTS_PER_SECOND));
        ServerConnector connector = new WatchableConnector(server, new HttpConnectionFactory(http), http2);
        connector.setAcceptQueueSize(1024);
        return connector;
    }

    private static HttpConfiguration configuration(HttpServerSettings settings) {
        HttpConfiguration http = new HttpConfiguration();
        http.setSendServerVersion(false);
        http.setSendDateHeader(false);
        http.setRequestHeaderSize(settings.requestHeadBytes());
        http.setResponseHeaderSize(settings.responseHeadBytes());
        http.setMaxResponseHeaderSize(settings.responseHeadBytes());
        http.setInputBufferSize(BUFFER_BYTES);
        http.setUriCompliance(UriCompliance.UNSAFE);
        return http;
    }

    /**
     * Keeps the idle timeout away from requests that are being answered, however long that is silent, and counts them.
     * Jetty's own graceful stop shortens that timeout instead, which can fail an answer that is just being written.
     */
    private static final class InFlight extends Handler.Wrapper {
        private final LongAdder requests = new LongAdder();

        InFlight(Handler handler) {
            super(handler);
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            request.addIdleTimeoutListener(timeout -> false);
            requests.increment();
            Request.addCompletionListener(request, failure -> requests.decrement());
            return super.handle(request, response, callback);
        }

        /** Waits until no request is being answered, for at most this long. */
        void awaitNone(Duration most) {
            long end = System.nanoTime() + most.toNanos();
            try {
                while (requests.sum() > 0 && System.nanoTime() < end) {
                    Thread.sleep(5);
                }
            } catch (InterruptedException stopNow) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
