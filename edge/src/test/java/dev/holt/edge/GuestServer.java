package dev.holt.edge;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A server in a sandbox that does with each connection exactly what the test says, and closes it then. */
public final class GuestServer implements AutoCloseable {
    /** What to do with one connection. */
    public interface Script {
        void run(Wire connection) throws Exception;
    }

    private final ServerSocket server;
    private final List<Socket> connections = new CopyOnWriteArrayList<>();

    public GuestServer(Script script) throws IOException {
        server = new ServerSocket(0, 512, InetAddress.getLoopbackAddress());
        Thread.startVirtualThread(() -> acceptAll(script));
    }

    /** Answers every request of every connection with these bytes. */
    static GuestServer answering(String answer) throws IOException {
        return new GuestServer(connection -> {
            while (connection.tryHead() != null) {
                connection.send(answer);
            }
        });
    }

    private void acceptAll(Script script) {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                connections.add(socket);
                Thread.startVirtualThread(() -> {
                    try (Wire connection = new Wire(socket)) {
                        script.run(connection);
                    } catch (Exception ended) {
                        // The test sees what became of the connection from the other side.
                    }
                });
            } catch (IOException closed) {
                return;
            }
        }
    }

    public InetSocketAddress address() {
        return (InetSocketAddress) server.getLocalSocketAddress();
    }

    int accepted() {
        return connections.size();
    }

    @Override
    public void close() throws IOException {
        server.close();
        for (Socket socket : connections) {
            socket.close();
        }
    }

    static String ok(String body) {
        int length = body.getBytes(StandardCharsets.UTF_8).length;
        return "HTTP/1.1 200 OK\r\nContent-Length: " + length + "\r\n\r\n" + body;
    }
}
