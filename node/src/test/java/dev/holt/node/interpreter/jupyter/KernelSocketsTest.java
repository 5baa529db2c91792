package dev.holt.node.interpreter.jupyter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.zeromq.SocketType;
import org.zeromq.ZContext;
import org.zeromq.ZMQ;

/** Against kernels that are played by the test: well-behaved ones over ZeroMQ, hostile ones over plain sockets. */
@Timeout(120)
class KernelSocketsTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final long MEGABYTE = 1024 * 1024;
    private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();

    private final MessageMemory memory = new MessageMemory(128 * MEGABYTE);
    private final KernelSockets sockets = new KernelSockets(memory);
    private final List<AutoCloseable> opened = new ArrayList<>();

    @AfterEach
    void everythingIsGivenBack() throws Exception {
        for (AutoCloseable one : opened) {
            one.close();
        }
        sockets.close();
        assertThat(memory.free()).isEqualTo(memory.maximum());
    }

    /** Shell and iopub of a kernel. */
    private final class Peer implements AutoCloseable {
        private final ZContext context = new ZContext(1);
        private final ZMQ.Socket shell = context.createSocket(SocketType.ROUTER);
        private final ZMQ.Socket iopub = context.createSocket(SocketType.XPUB);
        private final MessageCodec codec = new MessageCodec("key");
        private final KernelPorts ports;

        Peer() {
            shell.setReceiveTimeOut((int) LONG.toMillis());
            iopub.setReceiveTimeOut((int) LONG.toMillis());
            iopub.setSndHWM(0);
            ports = ports(shell.bindToRandomPort("tcp://127.0.0.1"), iopub.bindToRandomPort("tcp://127.0.0.1"));
            opened.add(this);
        }

        /** Returns once the link's subscription has arrived. */
        void awaitSubscription() {
            assertThat(iopub.recv()).isEqualTo(new byte[] {1});
        }

        /** The request that came; its identity is its first part. */
        List<byte[]> receive() {
            List<byte[]> parts = new ArrayList<>();
            do {
                byte[] part = shell.recv();
                assertThat(part).as("a request").isNotNull();
                parts.add(part);
            } while (shell.hasReceiveMore());
            return parts;
        }

        void publish(Object content) {
            send(iopub, codec.encode("id", "stream", content));
        }

        void send(ZMQ.Socket socket, List<byte[]> parts) {
            for (int i = 0; i < parts.size(); i++) {
                socket.send(parts.get(i), i + 1 < parts.size() ? ZMQ.SNDMORE : 0);
            }
        }

        @Override
        public void close() {
            context.close();
        }
    }

    private static KernelPorts ports(int shell, int iopub) {
        return new KernelPorts(shell, iopub, 1, 1, 1, "key");
    }

    private KernelLink open(KernelPorts ports) {
        KernelLink link = sockets.open(LOOPBACK, ports);
        opened.add(link);
        link.attend(true);
        return link;
    }

    private static String text(KernelLink.Taken taken) {
        return new String(taken.message().content(), StandardCharsets.UTF_8);
    }

    private static KernelLink.Taken take(KernelLink link) throws InterruptedException {
        return Objects.requireNonNull(link.poll(LONG), "no message came");
    }

    private static void eventually(String what, BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + LONG.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - deadline).as(what).isNegative();
            TimeUnit.MILLISECONDS.sleep(10);
        }
    }

    @Test
    void requestsGoOutAndMessagesComeInInOrder() throws Exception {
        Peer peer = new Peer();
        KernelLink link = open(peer.ports);
        peer.awaitSubscription();
        String id = link.send(Channel.SHELL, "execute_request", Map.of("code", "1"));
        List<byte[]> request = peer.receive();
        assertThat(new String(request.get(3), StandardCharsets.UTF_8)).contains(id);
        for (int i = 0; i < 5000; i++) {
            peer.publish(i);
        }
        for (int i = 0; i < 5000; i++) {
            try (KernelLink.Taken taken = take(link)) {
                assertThat(text(taken)).isEqualTo(Integer.toString(i));
                assertThat(taken.message().channel()).isEqualTo(Channel.IOPUB);
            }
        }
        peer.send(peer.shell, List.of(request.getFirst(), new byte[0]));
        assertThat(link.poll(Duration.ofMillis(100))).isNull();
    }

    @Test
    void whatComesWhileNobodyAttendsIsDropped() throws Exception {
        Peer peer = new Peer();
        KernelLink link = open(peer.ports);
        peer.awaitSubscription();
        link.attend(false);
        for (int i = 0; i < 1000; i++) {
            peer.publish("x".repeat(100_000));
        }
        eventually("all was read and dropped", () -> memory.free() == memory.maximum());
        link.attend(true);
        peer.publish("the last");
        for (boolean last = false; !last; ) {
            try (KernelLink.Taken taken = take(link)) {
                last = text(taken).contains("the last");
            }
        }
    }

    @Test
    void aFloodThatNobodyTakesStaysWithTheKernelAndDisturbsNobody() throws Exception {
        Peer flooding = new Peer();
        KernelLink flooded = open(flooding.ports);
        flooding.awaitSubscription();
        for (int i = 0; i < 200; i++) {
            flooding.publish("x".repeat((int) MEGABYTE));
        }
        Peer quiet = new Peer();
        KernelLink link = open(quiet.ports);
        quiet.awaitSubscription();
        for (int i = 0; i < 100; i++) {
            quiet.publish(i);
            try (KernelLink.Taken taken = take(link)) {
                assertThat(text(taken)).isEqualTo(Integer.toString(i));
            }
        }
        assertThat(memory.maximum() - memory.free()).isLessThan(6 * MEGABYTE);
        for (int i = 0; i < 200; i++) {
            take(flooded).close();
        }
    }

    @Test
    void aMessageThatIsTooLongEndsTheLink() throws Exception {
        Peer peer = new Peer();
        KernelLink link = open(peer.ports);
        peer.awaitSubscription();
        peer.publish("before");
        peer.publish("x".repeat(FrameAllocator.FRAME_MAXIMUM + 1));
        take(link).close();
        assertThatThrownBy(() -> link.poll(LONG))
                .isInstanceOfSatisfying(
                        KernelFailure.class,
                        failure -> assertThat(failure.kind()).isEqualTo(KernelFailure.Kind.TOO_LARGE))
                .hasMessageContaining("the most is " + FrameAllocator.FRAME_MAXIMUM);
    }

    @Test
    void theLongestMessageComesThrough() throws Exception {
        Peer peer = new Peer();
        KernelLink link = open(peer.ports);
        peer.awaitSubscription();
        peer.publish("x".repeat(FrameAllocator.FRAME_MAXIMUM - 2));
        try (KernelLink.Taken taken = take(link)) {
            assertThat(taken.message().content()).hasSize(FrameAllocator.FRAME_MAXIMUM);
            assertThat(memory.free()).isLessThan(memory.maximum() - FrameAllocator.FRAME_MAXIMUM + MEGABYTE);
        }
        eventually("its memory is given back", () -> memory.free() == memory.maximum());
    }

    @Test
    void aKernelThatEndsIsNoticedAfterAllItSaid() throws Exception {
        Peer peer = new Peer();
        KernelLink link = open(peer.ports);
        peer.awaitSubscription();
        link.send(Channel.SHELL, "kernel_info_request", Map.of());
        peer.receive();
        peer.context.setLinger(5000);
        peer.iopub.setLinger(5000);
        for (int i = 0; i < 10; i++) {
            peer.publish(i);
        }
        peer.close();
        for (int i = 0; i < 10; i++) {
            take(link).close();
        }
        assertThatThrownBy(() -> link.poll(LONG))
                .isInstanceOfSatisfying(
                        KernelFailure.class,
                        failure -> assertThat(failure.kind()).isEqualTo(KernelFailure.Kind.DISCONNECTED));
    }

    @Test
    void nobodyThereIsNoticed() throws Exception {
        int closed;
        try (ServerSocket socket = new ServerSocket(0, 1, LOOPBACK)) {
            closed = socket.getLocalPort();
        }
        KernelLink link = open(ports(closed, closed));
        assertThatThrownBy(() -> link.poll(LONG)).isInstanceOf(KernelFailure.class);
    }

    @Test
    void aWaitCanBeBroken() throws Exception {
        Peer peer = new Peer();
        KernelLink link = open(peer.ports);
        Thread waking = Thread.startVirtualThread(link::wake);
        assertThat(link.poll(LONG)).isNull();
        waking.join();
        link.fail(new KernelFailure(KernelFailure.Kind.RESTARTED, "somebody else"));
        assertThatThrownBy(() -> link.poll(LONG)).hasMessage("somebody else");
        link.close();
        assertThatThrownBy(() -> link.poll(LONG)).hasMessage("somebody else");
    }

    // ---- hostile peers
    // --------------------------------------------------------------------------------------------------

    private static final byte[] GREETING = greeting();

    /** What a peer of ZMTP 3.0 without security sends first (rfc.zeromq.org/spec/23). */
    private static byte[] greeting() {
        ByteBuffer greeting = ByteBuffer.allocate(64);
        greeting.put((byte) 0xff).putLong(0).put((byte) 0x7f).put((byte) 3).put((byte) 0);
        greeting.put("NULL".getBytes(StandardCharsets.US_ASCII));
        return greeting.array();
    }

    private static byte[] ready(String type) {
        byte[] name = "Socket-Type".getBytes(StandardCharsets.US_ASCII);
        byte[] value = type.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer body = ByteBuffer.allocate(6 + 1 + name.length + 4 + value.length);
        body.put((byte) 5).put("READY".getBytes(StandardCharsets.US_ASCII));
        body.put((byte) name.length).put(name).putInt(value.length).put(value);
        return ByteBuffer.allocate(2 + body.capacity())
                .put((byte) 4)
                .put((byte) body.capacity())
                .put(body.array())
                .array();
    }

    private interface Attack {
        void run(InputStream in, OutputStream out) throws IOException;
    }

    /** A link to a shell that does as it pleases. */
    private KernelLink attacked(Attack attack) throws IOException {
        Peer peer = new Peer();
        ServerSocket server = new ServerSocket(0, 10, LOOPBACK);
        opened.add(server);
        Thread.startVirtualThread(() -> {
            try {
                while (true) {
                    Socket socket = server.accept();
                    opened.add(socket);
                    attack.run(socket.getInputStream(), socket.getOutputStream());
                }
            } catch (IOException ended) {
                return;
            }
        });
        return open(ports(server.getLocalPort(), peer.ports.iopub()));
    }

    /** What comes before messages. JeroMQ takes none before it has sent its own part. */
    private static void handshake(InputStream in, OutputStream out) throws IOException {
        out.write(GREETING);
        out.write(ready("ROUTER"));
        in.readNBytes(GREETING.length + 1);
        in.readNBytes(in.read());
    }

    private static void failsWith(KernelLink link, KernelFailure.Kind kind) {
        assertThatThrownBy(() -> link.poll(LONG))
                .isInstanceOfSatisfying(
                        KernelFailure.class,
                        failure -> assertThat(failure.kind()).isEqualTo(kind));
    }

    @Test
    void anAnnouncedLengthTakesNoMemory() throws Exception {
        KernelLink link = attacked((in, out) -> {
            handshake(in, out);
            out.write(
                    ByteBuffer.allocate(9).put((byte) 2).putLong(2_000_000_000L).array());
        });
        failsWith(link, KernelFailure.Kind.TOO_LARGE);
    }

    @Test
    void aMessageOfEndlesslyManyPartsEndsTheLink() throws Exception {
        byte[] parts = new byte[64 * 1024];
        for (int i = 0; i < parts.length; i += 2) {
            parts[i] = 1; // more follows; no bytes
        }
        KernelLink link = attacked((in, out) -> {
            handshake(in, out);
            while (true) {
                out.write(parts);
            }
        });
        failsWith(link, KernelFailure.Kind.TOO_LARGE);
    }

    @Test
    void nonsenseInPlaceOfTheProtocolEndsTheLink() throws Exception {
        KernelLink link = attacked((in, out) -> {
            out.write("HTTP/1.1 400 Bad Request\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            out.close();
        });
        failsWith(link, KernelFailure.Kind.DISCONNECTED);
    }

    @Test
    void nonsenseBehindTheHandshakeEndsTheLink() throws Exception {
        byte[] nonsense = new byte[1 << 16];
        new java.util.Random(7).nextBytes(nonsense);
        KernelLink link = attacked((in, out) -> {
            handshake(in, out);
            out.write(nonsense);
            out.close();
        });
        assertThatThrownBy(() -> {
                    while (true) {
                        link.poll(LONG);
                    }
                })
                .isInstanceOf(KernelFailure.class);
        // others are served as before
        requestsGoOutAndMessagesComeInInOrder();
    }
}
