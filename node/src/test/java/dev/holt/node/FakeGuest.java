package dev.holt.node;

import dev.holt.node.guest.GuestAgent;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.BindException;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.locks.LockSupport;

/** Listens at a guest's address as its agent would and answers HELLO, PING, SYNC, IDENTITY and METRICS of guest-agent/PROTOCOL.md. */
final class FakeGuest implements AutoCloseable {
    private final ServerSocket socket = new ServerSocket();
    private volatile boolean closed;

    FakeGuest(Inet4Address address) throws IOException {
        socket.setReuseAddress(true);
        bind(new InetSocketAddress(address, GuestAgent.PORT));
        Thread.ofVirtual().start(() -> {
            while (!socket.isClosed()) {
                try {
                    Socket client = socket.accept();
                    if (closed) { // a virtual thread that waits may accept once more after the close
                        client.close();
                        return;
                    }
                    Thread.ofVirtual().start(() -> serve(client));
                } catch (IOException e) {
                    return;
                }
            }
        });
    }

    /** A guest that was ended a moment ago may not have let go of its address yet. */
    private void bind(InetSocketAddress address) throws IOException {
        for (int attempt = 1; ; attempt++) {
            try {
                socket.bind(address, 50);
                return;
            } catch (BindException e) {
                if (attempt == 1000) {
                    throw e;
                }
                LockSupport.parkNanos(5_000_000);
            }
        }
    }

    private static void serve(Socket client) {
        try (client;
                DataInputStream in = new DataInputStream(client.getInputStream());
                DataOutputStream out = new DataOutputStream(client.getOutputStream())) {
            while (true) {
                int length = in.readInt();
                int type = in.readUnsignedByte();
                in.skipNBytes(length - 1);
                switch (type) {
                    case 0x01 -> {
                        byte[] version = "fake".getBytes(StandardCharsets.UTF_8);
                        byte[] boot = "0".repeat(32).getBytes(StandardCharsets.UTF_8);
                        out.writeInt(1 + 2 + 4 + version.length + 4 + boot.length);
                        out.writeByte(0x02);
                        out.writeShort(1);
                        out.writeInt(version.length);
                        out.write(version);
                        out.writeInt(boot.length);
                        out.write(boot);
                    }
                    case 0x10, 0x1b, 0x1c -> {
                        out.writeInt(1);
                        out.writeByte(0x04);
                    }
                    case 0x19 -> {
                        out.writeInt(1 + 8 + 4 + 9 * 8 + 4);
                        out.writeByte(0x1a);
                        out.writeLong(1);
                        out.writeInt(2);
                        for (long value :
                                new long[] {10, 100, 512 << 20, 412 << 20, 50 << 20, 5L << 30, 4L << 30, 100, 50}) {
                            out.writeLong(value);
                        }
                        out.writeInt(1);
                    }
                    default -> throw new IOException("a fake guest does not know " + type);
                }
                out.flush();
            }
        } catch (IOException e) {
            // The client went away.
            return;
        }
    }

    @Override
    public void close() throws IOException {
        closed = true;
        socket.close();
    }
}
