package dev.holt.node.guest;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.concurrent.atomic.AtomicInteger;

/** Something that listens where an agent should, answers every connection's first request with given bytes, and hangs up. */
final class FakeAgent implements AutoCloseable {
    private static final int REQUEST_BYTES = 64 * 1024;

    private final ServerSocket socket = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
    private final AtomicInteger accepted = new AtomicInteger();
    private final byte[] answer;

    FakeAgent(byte[] answer) throws IOException {
        this.answer = answer;
        Thread.ofVirtual().start(this::serve);
    }

    static FrameBuilder welcome() {
        return new FrameBuilder().frame(FrameType.WELCOME).u16(1).text("fake").text("boot");
    }

    static byte[] bytes(FrameBuilder frames) {
        ByteBuffer built = frames.build();
        byte[] bytes = new byte[built.remaining()];
        built.get(bytes);
        return bytes;
    }

    GuestAgent connect() {
        return new GuestAgent(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), socket.getLocalPort()),
                AgentToken.random(new SecureRandom()));
    }

    int accepted() {
        return accepted.get();
    }

    private void serve() {
        for (; ; ) {
            try (Socket client = socket.accept()) {
                accepted.incrementAndGet();
                if (client.getInputStream().read(new byte[REQUEST_BYTES]) > 0) {
                    client.getOutputStream().write(answer);
                    client.shutdownOutput();
                    // Until the client hangs up, so that unread requests do not turn the end into a reset.
                    client.setSoTimeout(100);
                    client.getInputStream().skipNBytes(Long.MAX_VALUE);
                }
            } catch (IOException gone) {
                if (socket.isClosed()) {
                    return;
                }
            }
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
