package dev.holt.node.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.holt.node.process.HostCommand;
import dev.holt.nodeapi.NetworkPolicy;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Real namespaces, real rules: plain namespaces stand for guests, one more, with documentation addresses, for everything
 * outside. Needs root, iproute2, nftables, util-linux, bash and python3.
 */
final class SlotFactoryTest {
    private static final int PORT = 8080;

    /** Greets with the peer's address and keeps the connection; then echoes. */
    private static final String SERVER = """
            import socket, sys, threading
            s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("0.0.0.0", int(sys.argv[1]))); s.listen(50); print("ready", flush=True)
            def serve(c, a):
                c.sendall((a[0] + "\\n").encode())
                while True:
                    d = c.recv(100)
                    if not d: break
                    c.sendall(d)
            while True:
                c, a = s.accept(); threading.Thread(target=serve, args=(c, a), daemon=True).start()
            """;

    private final List<Process> processes = new ArrayList<>();
    private final String name = "t" + Long.toString(ThreadLocalRandom.current().nextLong(1 << 24, 1L << 30), 36);
    private final String outside = name + "o";
    private final int third = ThreadLocalRandom.current().nextInt(256);
    private final String net = "203.0.113." + 8 * ThreadLocalRandom.current().nextInt(32);
    private final String hostAddress = plus(net, 1);
    private final String server = plus(net, 2);
    private final String otherServer = plus(net, 3);
    private final String metadata = "169.254." + third + ".254";
    private final NetworkConfig config =
            new NetworkConfig(name, Ipv4Block.parse("10.94." + third + ".0/27"), List.of(), List.of());

    @BeforeEach
    void makeTheOutside() throws IOException {
        assumeTrue(System.getProperty("user.name").equals("root"), "namespaces need root");
        HostCommand.of("ip", "-batch", "-")
                .withInput("""
                netns add %1$s
                link add %1$s type veth peer name eth0 netns %1$s
                addr add %2$s/29 dev %1$s
                link set %1$s up
                route add %3$s/32 dev %1$s
                """.formatted(outside, hostAddress, metadata))
                .runOrFail();
        HostCommand.of("ip", "-n", outside, "-batch", "-")
                .withInput("""
                link set lo up
                link set eth0 up
                addr add %1$s/29 dev eth0
                addr add %2$s/29 dev eth0
                addr add %3$s/32 dev eth0
                route add default via %4$s
                """.formatted(server, otherServer, metadata, hostAddress))
                .runOrFail();
        serve(Path.of("/run/netns", outside), PORT);
    }

    @AfterEach
    void clean() throws InterruptedException {
        for (Process process : processes) {
            process.destroyForcibly();
            process.waitFor();
        }
        HostCommand.of("ip", "-force", "-batch", "-")
                .withInput("link del " + outside + "\nnetns del " + outside + "\n")
                .run();
        assertThat(HostCommand.of("ip", "-o", "link").runOrFail().output()).doesNotContain(name + "-");
        assertThat(HostCommand.of("ip", "netns", "list").runOrFail().output()).doesNotContain(name);
        assertThat(HostCommand.of("nft", "list", "tables").runOrFail().output()).doesNotContain(" " + name + "\n");
    }

    @Test
    void aGuestReachesTheOutsideAndNothingElse() throws Exception {
        try (SlotFactory factory = start(config, Map.of());
                Slots slots = new Slots(factory.make(2));
                ServerSocket hostService = new ServerSocket(0, 5, InetAddress.getByName("0.0.0.0"))) {
            Slot guest = slots.list.get(0);
            Slot neighbour = slots.list.get(1);
            serve(neighbour.namespace(), PORT);
            serve(guest.namespace(), PORT);

            assertThat(connect(guest, server, PORT))
                    .as("outside, source address translated")
                    .isEqualTo(hostAddress);
            assertThat(connect(guest, neighbour.guestAddress().getHostAddress(), PORT))
                    .as("neighbour")
                    .isEmpty();
            assertThat(connect(guest, metadata, PORT)).as("metadata").isEmpty();
            for (String own : List.of(
                    guest.gatewayAddress().getHostAddress(),
                    neighbour.gatewayAddress().getHostAddress(),
                    hostAddress)) {
                assertThat(connect(guest, own, hostService.getLocalPort()))
                        .as("host service at " + own)
                        .isEmpty();
            }
            assertThat(connectFrom(
                            Path.of("/run/netns", outside),
                            "",
                            guest.guestAddress().getHostAddress(),
                            PORT))
                    .as("outside to guest")
                    .isEmpty();
            try (Socket socket = new Socket()) {
                socket.connect(new InetSocketAddress(guest.guestAddress(), PORT), 5000);
                assertThat(greeting(socket))
                        .as("host to guest")
                        .isEqualTo(guest.gatewayAddress().getHostAddress());
            }
            assertThat(HostCommand.of("ip", "-n", guest.toString(), "-6", "addr", "show", "dev", "eth0")
                            .runOrFail()
                            .output())
                    .as("IPv6 addresses of the guest")
                    .isEmpty();
            stopServers();
        }
    }

    @Test
    void aForgedSourceIsDropped() throws Exception {
        try (SlotFactory factory = start(config, Map.of());
                Slots slots = new Slots(factory.make(2))) {
            Slot guest = slots.list.get(0);
            String forged = slots.list.get(1).guestAddress().getHostAddress();
            HostCommand.of("ip", "-n", guest.toString(), "addr", "add", forged + "/32", "dev", "eth0")
                    .runOrFail();
            assertThat(connectFrom(guest.namespace(), "", server, PORT)).isEqualTo(hostAddress);
            assertThat(connectFrom(guest.namespace(), forged, server, PORT)).isEmpty();
        }
    }

    @Test
    void aPolicyLimitsOneGuestUntilItsEnd() throws Exception {
        try (SlotFactory factory = start(config, Map.of());
                Slots slots = new Slots(factory.make(2))) {
            Slot guest = slots.list.get(0);
            Slot neighbour = slots.list.get(1);

            guest.restrict(policy(false, List.of(), List.of()));
            assertThat(connect(guest, server, PORT)).as("without internet").isEmpty();
            assertThat(connect(neighbour, server, PORT)).as("the neighbour").isEqualTo(hostAddress);

            guest.restrict(policy(false, List.of(server), List.of()));
            assertThat(connect(guest, server, PORT)).as("allowed").isEqualTo(hostAddress);
            assertThat(connect(guest, otherServer, PORT)).as("not allowed").isEmpty();

            guest.restrict(policy(true, List.of(otherServer + "/32"), List.of(net + "/29", "0.0.0.0/0")));
            assertThat(connect(guest, server, PORT)).as("denied").isEmpty();
            assertThat(connect(guest, otherServer, PORT))
                    .as("allowed and denied")
                    .isEqualTo(hostAddress);

            guest.restrict(policy(true, List.of("0.0.0.0/0"), List.of()));
            assertThat(connect(guest, metadata, PORT))
                    .as("metadata though allowed")
                    .isEmpty();
            guest.restrict(policy(false, List.of("0.0.0.0/0"), List.of()));
            assertThat(connect(guest, metadata, PORT))
                    .as("metadata though allowed")
                    .isEmpty();

            guest.restrict(NetworkPolicy.OPEN);
            assertThat(connect(guest, server, PORT)).as("open again").isEqualTo(hostAddress);
            guest.restrict(policy(false, List.of(), List.of()));
            guest.close();
            assertThat(HostCommand.of("nft", "list", "table", "inet", name)
                            .runOrFail()
                            .output())
                    .as("rules after the end")
                    .doesNotContain("slot-" + guest.number())
                    .doesNotContain("\"" + guest + "\"");
        }
    }

    @Test
    void aPolicyCutsLiveConnections() throws Exception {
        try (SlotFactory factory = start(config, Map.of());
                Slots slots = new Slots(factory.make(1))) {
            Slot guest = slots.list.getFirst();
            Process client = inNamespace(guest.namespace(), "bash", "-c", """
                    exec 3<>/dev/tcp/%s/%d; read -r -t 5 line <&3; echo got $line; read -r go
                    echo more >&3; read -r -t 2 line <&3 && echo answered || echo cut""".formatted(server, PORT));
            BufferedReader output = client.inputReader(StandardCharsets.UTF_8);
            assertThat(output.readLine()).isEqualTo("got " + hostAddress);
            guest.restrict(policy(false, List.of(), List.of()));
            client.outputWriter().append("go\n").flush();
            assertThat(output.readLine()).isEqualTo("cut");
            stopServers();
        }
    }

    @Test
    void aNameserverAmongDeniedAddressesAnswersUnlessThePolicyDeniesIt() throws Exception {
        NetworkConfig withNameserver = new NetworkConfig(
                name, config.addresses(), List.of(Ipv4Block.parse(net + "/29")), List.of(Ipv4Block.parse(server)));
        serve(Path.of("/run/netns", outside), 53);
        try (SlotFactory factory = start(withNameserver, Map.of());
                Slots slots = new Slots(factory.make(1))) {
            Slot guest = slots.list.getFirst();
            assertThat(connect(guest, server, 53)).isEqualTo(hostAddress);
            assertThat(connect(guest, server, PORT)).as("other ports of it").isEmpty();
            guest.restrict(policy(true, List.of(), List.of("198.51.100.0/24")));
            assertThat(connect(guest, server, 53)).isEqualTo(hostAddress);
            guest.restrict(policy(false, List.of(), List.of()));
            assertThat(connect(guest, server, 53)).as("no internet, no names").isEmpty();
            guest.restrict(policy(false, List.of(server), List.of()));
            assertThat(connect(guest, server, 53)).isEqualTo(hostAddress);
            assertThat(connect(guest, server, PORT))
                    .as("a node's denial wins over a sandbox's wish")
                    .isEmpty();
        }
    }

    @Test
    void aRestartKeepsWhatIsInUseWithItsPolicyAndDestroysTheRest() throws Exception {
        SlotFactory before = start(config, Map.of());
        List<Slot> made = before.make(3);
        NetworkPolicy cut = policy(false, List.of(otherServer), List.of());
        made.get(1).restrict(cut);
        before.close();

        try (SlotFactory after = start(config, Map.of(1, cut));
                Slot adopted = after.adopt(1, cut)) {
            assertThat(after.exists(0)).isFalse();
            assertThat(after.exists(2)).isFalse();
            assertThat(connect(adopted, server, PORT)).as("still cut").isEmpty();
            assertThat(connect(adopted, otherServer, PORT)).as("still allowed").isEqualTo(hostAddress);
            try (Slots more = new Slots(after.make(15))) {
                assertThat(more.list).extracting(Slot::number).doesNotContain(1).doesNotHaveDuplicates();
                assertThatThrownBy(() -> after.make(1)).isInstanceOf(NetworkFailure.class);
            }
        }
    }

    @Test
    void aFailedMakeLeavesNothing() {
        try (SlotFactory factory = start(config, Map.of())) {
            HostCommand.of("ip", "link", "add", name + "-1", "type", "veth", "peer", "name", name + "p")
                    .runOrFail();
            assertThatThrownBy(() -> factory.make(3)).hasMessageContaining(name + "-1");
            for (int slot = 0; slot < 3; slot++) {
                assertThat(factory.exists(slot)).isFalse();
                assertThat(Files.exists(Path.of("/sys/class/net", name + "-" + slot)))
                        .isFalse();
            }
            try (Slots slots = new Slots(factory.make(3))) {
                assertThat(slots.list).hasSize(3);
            }
        }
    }

    @Test
    void addressesThatTheHostUsesAreRefused() {
        NetworkConfig taken = new NetworkConfig(name, Ipv4Block.parse("203.0.113.0/24"), List.of(), List.of());
        assertThatThrownBy(() -> start(taken, Map.of()))
                .isInstanceOf(NetworkFailure.class)
                .hasMessageContaining(net + "/29");
    }

    private static SlotFactory start(NetworkConfig config, Map<Integer, NetworkPolicy> inUse) {
        SlotFactory factory = new SlotFactory(config);
        factory.start(inUse);
        return factory;
    }

    private static NetworkPolicy policy(boolean internet, List<String> allow, List<String> deny) {
        return new NetworkPolicy(internet, allow, deny, Optional.empty(), Optional.empty());
    }

    private record Slots(List<Slot> list) implements AutoCloseable {
        @Override
        public void close() {
            list.forEach(Slot::close);
        }
    }

    private Process inNamespace(Path namespace, String... command) throws IOException {
        List<String> words = new ArrayList<>(List.of("nsenter", "--net=" + namespace));
        words.addAll(List.of(command));
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        processes.add(process);
        return process;
    }

    private void serve(Path namespace, int port) throws IOException {
        Process process = inNamespace(namespace, "python3", "-c", SERVER, Integer.toString(port));
        assertThat(process.inputReader(StandardCharsets.UTF_8).readLine()).isEqualTo("ready");
    }

    private void stopServers() throws InterruptedException {
        for (Process process : processes) {
            process.destroyForcibly();
            process.waitFor();
        }
    }

    private static String connect(Slot from, String to, int port) {
        return connectFrom(from.namespace(), "", to, port);
    }

    /** What the server at that address greets with; empty when it can't be reached within a second. */
    private static String connectFrom(Path namespace, String source, String to, int port) {
        return HostCommand.of("nsenter", "--net=" + namespace, "python3", "-c", """
                        import socket, sys
                        try:
                            c = socket.create_connection((sys.argv[1], int(sys.argv[2])), 1, (sys.argv[3], 0) if sys.argv[3] else None)
                            print(c.makefile().readline().strip())
                        except OSError: pass
                        """, to, Integer.toString(port), source)
                .withLimit(Duration.ofSeconds(20))
                .runOrFail()
                .output()
                .strip();
    }

    private static String greeting(Socket socket) throws IOException {
        return new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8)).readLine();
    }

    private static String plus(String address, int number) {
        int dot = address.lastIndexOf('.') + 1;
        return address.substring(0, dot) + (Integer.parseInt(address.substring(dot)) + number);
    }
}
