package dev.holt.node.interpreter;

import dev.holt.http.HttpFailure;
import dev.holt.node.guest.FileSink;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.guest.GuestUnreachable;
import dev.holt.node.guest.ProcessStream;
import dev.holt.node.guest.StartProcess;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import dev.holt.node.interpreter.jupyter.KernelPorts;
import dev.holt.node.interpreter.jupyter.KernelSockets;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * Starts kernels. They run as root, as E2B's do: code in them installs packages and works in every directory. Their connection files
 * are root's alone.
 */
final class KernelStarter {
    static final String USER = "root";

    /** Where connection files are in a guest. */
    static final String DIRECTORY = "/run/holt/kernels";

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration LISTEN_STEP = Duration.ofMillis(10);
    private static final int CONNECT_MILLISECONDS = 500;
    /** Below the ports that outgoing connections get (ip_local_port_range, 32768 by default), so that none of those is in the way. */
    private static final int PORT_MINIMUM = 20_000;

    private static final int PORT_MAXIMUM = 32_000;
    private static final int PORT_TABLE_MAXIMUM = 1024 * 1024;
    /** The state of a socket without a connection in those tables, as in the kernel's tcp_states.h. */
    private static final String LISTENING = "0A";

    /** How long a kernel may take to notice that connections to it were closed. */
    private static final Duration NOTICED = Duration.ofSeconds(5);

    private static final String LOOPBACK_6 = "00000000000000000000000001000000";
    /** Of IPv4 addresses in the table of IPv6. */
    private static final String MAPPED_4 = "0000000000000000FFFF0000";

    private static final Duration NOTICED_STEP = Duration.ofMillis(1);
    private static final int TAIL_CHARACTERS = 2000;
    private static final int KEY_BYTES = 32;

    private final KernelSockets sockets;
    private final String directory;
    private final SecureRandom random = new SecureRandom();

    /** @param directory in the guest, for connection files */
    KernelStarter(KernelSockets sockets, String directory) {
        this.sockets = sockets;
        this.directory = directory;
    }

    private String connectionFile(String contextId) {
        return directory + "/" + contextId + ".json";
    }

    /** A kernel that runs already. */
    Kernel running(GuestAgent agent, KernelRecord record, int pid, long startId) {
        return new Kernel(agent, sockets, record, pid, startId, connectionFile(record.contextId()));
    }

    /**
     * What to start.
     *
     * @param environment the sandbox's variables
     */
    record Wanted(
            String contextId,
            String language,
            String workingDirectory,
            Instant created,
            KernelSpec spec,
            Map<String, String> environment) {}

    /**
     * Starts a kernel and returns it when it takes code.
     *
     * @throws HttpFailure 400 when its working directory does not exist, 500 when it can't be started, saying why
     */
    Kernel start(GuestAgent agent, Wanted wanted) throws InterruptedException {
        KernelPorts ports = ports(agent);
        KernelRecord record = new KernelRecord(
                wanted.contextId,
                wanted.language,
                wanted.workingDirectory,
                wanted.spec.name(),
                wanted.spec.interruptByMessage(),
                wanted.created,
                ports,
                KernelRecord.digest(wanted.environment));
        String file = connectionFile(wanted.contextId);
        try (FileSink sink = agent.write(new FileSink.Target(USER, file, 0600, OptionalLong.empty(), "", List.of()))) {
            sink.finish(ByteBuffer.wrap(ports.connectionFile(wanted.spec.name())));
        }
        try (ProcessStream process = launch(agent, wanted, record, file)) {
            Kernel kernel = running(agent, record, process.pid(), process.startId());
            boolean good = false;
            try {
                awaitReady(agent, kernel, process, wanted);
                good = true;
                return kernel;
            } finally {
                if (!good) {
                    kernel.kill(new KernelFailure(KernelFailure.Kind.DIED, "the kernel could not be started"));
                }
            }
        }
    }

    private ProcessStream launch(GuestAgent agent, Wanted wanted, KernelRecord record, String file) {
        try {
            return agent.start(new StartProcess(
                    USER,
                    wanted.workingDirectory,
                    wanted.spec.commandLine(file),
                    wanted.spec.processEnvironment(wanted.environment),
                    Optional.empty(),
                    false,
                    record.toAnnotation()));
        } catch (GuestUnreachable gone) {
            throw gone;
        } catch (GuestFailure failure) {
            if (failure.text().startsWith("cwd ")) {
                throw new HttpFailure(400, failure.text());
            }
            throw new HttpFailure(
                    500,
                    "the kernel '" + wanted.spec.name() + "' of " + wanted.spec.directory() + " can't be started: "
                            + failure.text());
        }
    }

    private static void awaitReady(GuestAgent agent, Kernel kernel, ProcessStream process, Wanted wanted)
            throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        StringBuilder tail = new StringBuilder();
        KernelPorts ports = kernel.record().ports();
        List<Integer> needed = new ArrayList<>(List.of(ports.shell(), ports.iopub()));
        while (!needed.isEmpty()) {
            switch (process.poll(LISTEN_STEP)) {
                case ProcessStream.Exit exit -> throw notStarted(wanted, Kernel.describe(exit), tail);
                case ProcessStream.Output output -> keepTail(tail, output.data());
                default -> needed.removeIf(port -> listens(agent, port));
            }
            if (System.nanoTime() - deadline > 0) {
                throw notStarted(wanted, "it did not listen within " + PATIENCE.toSeconds() + " s", tail);
            }
        }
        try {
            kernel.readyForTheFirstTime(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())));
        } catch (KernelFailure failure) {
            throw notStarted(wanted, failure.text(), tail);
        }
    }

    static void keepTail(StringBuilder tail, byte[] data) {
        tail.append(new String(data, StandardCharsets.UTF_8));
        if (tail.length() > TAIL_CHARACTERS) {
            tail.delete(0, tail.length() - TAIL_CHARACTERS);
        }
    }

    private static HttpFailure notStarted(Wanted wanted, String why, StringBuilder tail) {
        return new HttpFailure(
                500,
                "the kernel '" + wanted.spec.name() + "' did not start: " + why
                        + (tail.isEmpty() ? "" : "; it said: " + tail.toString().strip()));
    }

    private static boolean listens(GuestAgent agent, int port) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(agent.address().getAddress(), port), CONNECT_MILLISECONDS);
            return true;
        } catch (IOException notYet) {
            return false;
        }
    }

    /** Ports that nothing in the guest uses at the moment. */
    private KernelPorts ports(GuestAgent agent) {
        Set<Integer> used = new HashSet<>();
        for (String table : List.of("/proc/net/tcp", "/proc/net/tcp6")) {
            KernelSpecs.read(agent, table, PORT_TABLE_MAXIMUM)
                    .ifPresent(bytes -> readPorts(new String(bytes, StandardCharsets.ISO_8859_1), used));
        }
        List<Integer> chosen = new ArrayList<>();
        while (chosen.size() < KernelPorts.COUNT) {
            int port = random.nextInt(PORT_MINIMUM, PORT_MAXIMUM);
            if (used.add(port)) {
                chosen.add(port);
            }
        }
        byte[] key = new byte[KEY_BYTES];
        random.nextBytes(key);
        return KernelPorts.of(chosen, HexFormat.of().formatHex(key));
    }

    /** Returns when the guest has noticed that all connections to {@code ports} were closed, or soon. Does not fail. */
    void awaitUnconnected(GuestAgent agent, Set<Integer> ports) {
        long deadline = System.nanoTime() + NOTICED.toNanos();
        sockets.awaitExecuted(NOTICED);
        try {
            while (isConnected(agent, ports) && System.nanoTime() - deadline < 0) {
                LockSupport.parkNanos(NOTICED_STEP.toNanos());
            }
        } catch (GuestFailure mute) {
            // nothing can be known of it then
        }
    }

    private static boolean isConnected(GuestAgent agent, Set<Integer> ports) {
        for (String table : List.of("/proc/net/tcp", "/proc/net/tcp6")) {
            String text = KernelSpecs.read(agent, table, PORT_TABLE_MAXIMUM)
                    .map(bytes -> new String(bytes, StandardCharsets.ISO_8859_1))
                    .orElse("");
            for (String line : text.split("\n", -1)) {
                String[] columns = line.strip().split("\\s+", 5);
                Set<Integer> local = new HashSet<>();
                readPorts(line, local);
                // Kernels have connections to themselves, which are part of the guest.
                boolean open = columns.length == 5 && !columns[3].equals(LISTENING) && !isLoopback(columns[2]);
                if (open && local.stream().anyMatch(ports::contains)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Of an address as in proc_pid_net(5): each 32 bits in hexadecimal, in the order of a little-endian machine, and the port. */
    static boolean isLoopback(String address) {
        String bits = address.substring(0, Math.max(0, address.indexOf(':')));
        return switch (bits.length()) {
            case 8 -> bits.endsWith("7F");
            case 32 -> bits.equals(LOOPBACK_6) || (bits.startsWith(MAPPED_4) && bits.endsWith("7F"));
            default -> false;
        };
    }

    /** The local ports of a table as in proc_pid_net(5): the second column, address:port in hexadecimal. */
    static void readPorts(String table, Set<Integer> ports) {
        for (String line : table.split("\n", -1)) {
            String[] columns = line.strip().split("\\s+", 3);
            int colon = columns.length < 3 ? -1 : columns[1].lastIndexOf(':');
            if (colon >= 0) {
                try {
                    ports.add(Integer.parseInt(columns[1].substring(colon + 1), 16));
                } catch (NumberFormatException heading) {
                    continue;
                }
            }
        }
    }

    /** Whether {@code failure} says that the directory a process was to start in is not there. */
    static boolean isMissingDirectory(HttpFailure failure) {
        return failure.body().code() == 400 && failure.body().message().startsWith("cwd ");
    }
}
