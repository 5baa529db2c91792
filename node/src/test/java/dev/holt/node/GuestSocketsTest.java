package dev.holt.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

class GuestSocketsTest {
    @Test
    void whoeverConnectsWhileHeldWaitsAndWhatIsOpenBreaks() throws Exception {
        GuestSockets sockets = new GuestSockets();
        try (ServerSocket server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
            InetSocketAddress address = new InetSocketAddress(server.getInetAddress(), server.getLocalPort());
            Socket open = sockets.connect(address);
            sockets.hold();
            FutureTask<Socket> connecting = new FutureTask<>(() -> sockets.connect(address));
            Thread.ofVirtual().start(connecting);
            assertThatThrownBy(() -> connecting.get(50, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
            sockets.breakOpen();
            assertThat(open.isClosed()).isTrue();
            sockets.release();
            assertThat(connecting.get().isConnected()).isTrue();

            sockets.hold();
            FutureTask<Socket> late = new FutureTask<>(() -> sockets.connect(address));
            Thread.ofVirtual().start(late);
            sockets.breakAll();
            assertThatThrownBy(late::get).hasCauseInstanceOf(IOException.class);
            assertThat(connecting.get().isClosed()).isTrue();
        }
    }
}
