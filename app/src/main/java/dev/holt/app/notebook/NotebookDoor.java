package dev.holt.app.notebook;

import dev.holt.app.client.SandboxAddress;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/**
 * An address of this host that leads to the kernel gateway of one sandbox, for clients that know nothing of Holt's headers and tokens.
 * Whoever comes brings the door's own token. One request a connection: its head is read and rewritten, then
 * bytes are passed on both ways, which serves bodies and WebSockets alike.
 */
public final class NotebookDoor implements AutoCloseable {
    private static final int BUFFER_BYTES = 64 * 1024;
    private static final int CONNECT_MILLISECONDS = 10_000;

    private final ServerSocket listener;
    private final SandboxAddress sandbox;
    private final String token;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();

    private NotebookDoor(ServerSocket listener, SandboxAddress sandbox, String token) {
        this.listener = listener;
        this.sandbox = sandbox;
        this.token = token;
    }

    /**
     * Starts to serve.
     *
     * @param token that clients must bring
     * @throws IOException when the address can't be bound
     */
    public static NotebookDoor open(InetSocketAddress listen, SandboxAddress sandbox, String token) throws IOException {
        ServerSocket listener = new ServerSocket();
        try {
            listener.bind(listen);
        } catch (IOException failure) {
            listener.close();
            throw new IOException(
                    "can't listen on " + listen.getAddress().getHostAddress() + ":" + listen.getPort() + ": "
                            + failure.getMessage(),
                    failure);
        }
        NotebookDoor door = new NotebookDoor(listener, sandbox, token);
        Thread.ofVirtual().name("notebook door").start(door::accept);
        return door;
    }

    /** Where it listens, with the real port. */
    public InetSocketAddress address() {
        return (InetSocketAddress) listener.getLocalSocketAddress();
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket client = listener.accept();
                open.add(client);
                Thread.ofVirtual().name("notebook client").start(() -> serve(client));
            } catch (IOException e) {
                // closed, or one client less
            }
        }
    }

    private void serve(Socket client) {
        try (client) {
            client.setTcpNoDelay(true);
            RequestHead head;
            try {
                head = RequestHead.read(client.getInputStream());
            } catch (RequestHead.Malformed e) {
                refuse(client, "400 Bad Request", String.valueOf(e.getMessage()));
                return;
            }
            if (!head.bringsToken(token)) {
                refuse(
                        client,
                        "401 Unauthorized",
                        "this door needs its token: as the first step of the path, or as Authorization: token ...");
                return;
            }
            Socket connected;
            try {
                connected = connect(sandbox.url());
            } catch (IOException e) {
                refuse(client, "502 Bad Gateway", "Holt does not answer at " + sandbox.url() + ": " + e.getMessage());
                return;
            }
            open.add(connected);
            try (connected) {
                connected.setTcpNoDelay(true);
                OutputStream toHolt = connected.getOutputStream();
                toHolt.write(head.forSandbox(sandbox, token).getBytes(StandardCharsets.ISO_8859_1));
                toHolt.flush();
                Thread up = Thread.ofVirtual().name("notebook client, up").start(() -> pump(client, connected, true));
                pump(connected, client, false);
                up.interrupt();
            } finally {
                open.remove(connected);
            }
        } catch (IOException e) {
            // either side left
        } finally {
            open.remove(client);
        }
    }

    /** Passes on what comes until it ends; then neither side has anything more to say to the other. */
    private static void pump(Socket from, Socket to, boolean closeBoth) {
        byte[] buffer = new byte[BUFFER_BYTES];
        try {
            InputStream input = from.getInputStream();
            OutputStream output = to.getOutputStream();
            int count;
            while ((count = input.read(buffer)) >= 0) {
                output.write(buffer, 0, count);
                output.flush();
            }
        } catch (IOException e) {
            // broken on either side: the other is closed, too
        }
        if (closeBoth) {
            close(to);
        }
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // it is gone
        }
    }

    private static Socket connect(URI url) throws IOException {
        boolean secure = "https".equals(url.getScheme());
        int port = url.getPort() > 0 ? url.getPort() : secure ? 443 : 80;
        String host = url.getHost().replaceAll("[\\[\\]]", "");
        Socket plain = new Socket();
        try {
            plain.connect(new InetSocketAddress(host, port), CONNECT_MILLISECONDS);
            if (!secure) {
                return plain;
            }
            SSLSocket tls = (SSLSocket)
                    ((SSLSocketFactory) SSLSocketFactory.getDefault()).createSocket(plain, host, port, true);
            SSLParameters parameters = tls.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            parameters.setApplicationProtocols(new String[] {"http/1.1"});
            tls.setSSLParameters(parameters);
            tls.startHandshake();
            return tls;
        } catch (IOException e) {
            plain.close();
            throw e;
        }
    }

    private static void refuse(Socket client, String status, String message) {
        String body = "{\"message\":\"" + message.replaceAll("[\"\\\\\\p{Cntrl}]", "'") + "\"}";
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        String head = "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nContent-Length: " + bytes.length
                + "\r\nConnection: close\r\n\r\n";
        try {
            client.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
            client.getOutputStream().write(bytes);
        } catch (IOException e) {
            // the client left
        }
    }

    /** Stops listening and breaks every connection. Kernels run on. */
    @Override
    public void close() {
        try {
            listener.close();
        } catch (IOException e) {
            // it is closed
        }
        open.forEach(NotebookDoor::close);
    }
}
