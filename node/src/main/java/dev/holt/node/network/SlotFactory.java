package dev.holt.node.network;

import dev.holt.node.process.HostCommand;
import dev.holt.nodeapi.NetworkPolicy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Inet4Address;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes and destroys slots: a network namespace, a veth pair between it and the host, a /31 of addresses, a default route.
 * Everything is done by {@code ip} and {@code nft} processes, never by this process entering a namespace: a thread that the
 * JVM starts meanwhile would stay in it for good.
 *
 * <p>A slot is made for one sandbox: making one takes about 10 ms in a batch and 5 ms of CPU, which is cheaper than proving
 * that a used one is as good as new (gVisor takes the guest's addresses and routes away, a guest may leave sockets).
 */
public final class SlotFactory implements SlotSource {
    private static final Logger log = LoggerFactory.getLogger(SlotFactory.class);
    private static final Path NAMESPACES = Path.of("/run/netns");
    private static final Path INTERFACES = Path.of("/sys/class/net");
    private static final Path FORWARDING = Path.of("/proc/sys/net/ipv4/ip_forward");
    private static final int VANISH_POLLS = 100;
    private static final int VANISH_POLL_MILLIS = 10;

    private final NetworkConfig config;
    private final Firewall firewall;
    private final SlotNumbers numbers;

    /** Touches nothing yet. */
    public SlotFactory(NetworkConfig config) {
        this.config = config;
        this.firewall = new Firewall(config);
        this.numbers = new SlotNumbers(config.slots());
    }

    /** Checks that the guests' addresses are free, turns forwarding on, puts the rules in place and sweeps. */
    @Override
    public void start(Map<Integer, NetworkPolicy> inUse) {
        HostRoutes.requireFree(config);
        enableForwarding();
        Map<Integer, EgressRules> restricted = new HashMap<>();
        inUse.forEach((slot, policy) -> {
            EgressRules rules = EgressRules.of(policy);
            if (!rules.open()) {
                restricted.put(slot, rules);
            }
        });
        firewall.install(restricted);
        inUse.keySet().forEach(numbers::claim);
        sweep(inUse.keySet());
    }

    /**
     * Checks a policy without applying it.
     *
     * @throws IllegalArgumentException when it names something that is no IPv4 address or CIDR block
     */
    public static void check(NetworkPolicy policy) {
        EgressRules.of(policy);
    }

    @Override
    public List<Slot> make(int count) {
        List<Integer> taken = numbers.take(count);
        try {
            build(taken);
        } catch (RuntimeException e) {
            destroy(taken);
            taken.forEach(numbers::release);
            throw new NetworkFailure(
                    "could not make the network slots "
                            + taken.stream().map(config::slotName).toList() + ": " + e.getMessage(),
                    e);
        }
        List<Slot> slots = new ArrayList<>(count);
        taken.forEach(number -> slots.add(new NamespaceSlot(number, false)));
        return slots;
    }

    @Override
    public Slot adopt(int number, NetworkPolicy policy) {
        return new NamespaceSlot(number, !EgressRules.of(policy).open());
    }

    @Override
    public boolean exists(int number) {
        return Files.exists(NAMESPACES.resolve(config.slotName(number)));
    }

    @Override
    public void close() {
        if (numbers.inUse() == 0) {
            firewall.remove();
        }
    }

    private void build(List<Integer> slots) {
        StringBuilder outside = new StringBuilder();
        for (int slot : slots) {
            String name = config.slotName(slot);
            // addrgenmode none: no fe80 address, hence no IPv6 but ::1 inside.
            outside.append("""
                    netns add %1$s
                    link add %1$s type veth peer name eth0 netns %1$s
                    link set %1$s addrgenmode none
                    addr add %2$s/31 dev %1$s
                    link set %1$s up
                    """.formatted(name, gateway(slot).getHostAddress()));
        }
        HostCommand.of("ip", "-batch", "-").withInput(outside.toString()).runOrFail();
        for (int slot : slots) {
            HostCommand.of("ip", "-n", config.slotName(slot), "-batch", "-")
                    .withInput("""
                            link set lo up
                            link set eth0 addrgenmode none
                            addr add %s/31 dev eth0
                            link set eth0 up
                            route add default via %s dev eth0
                            """.formatted(
                                    guest(slot).getHostAddress(), gateway(slot).getHostAddress()))
                    .runOrFail();
        }
    }

    /**
     * Deletes namespaces and waits for the kernel to take the links down with them, which it does for all of them together in
     * the background; a link that stays, because something still runs inside, is deleted by name.
     */
    private void destroy(List<Integer> slots) {
        force("netns del ", slots.stream().filter(this::exists).toList());
        List<Integer> left = new ArrayList<>(slots);
        for (int poll = 0; poll < VANISH_POLLS; poll++) {
            left.removeIf(slot -> !Files.exists(INTERFACES.resolve(config.slotName(slot))));
            if (left.isEmpty()) {
                return;
            }
            try {
                Thread.sleep(VANISH_POLL_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        log.warn("links of slots {} outlived their namespaces and are deleted: something still ran in them", left);
        force("link del ", left);
    }

    private void force(String command, List<Integer> slots) {
        if (!slots.isEmpty()) {
            StringBuilder batch = new StringBuilder();
            slots.forEach(
                    slot -> batch.append(command).append(config.slotName(slot)).append('\n'));
            HostCommand.Outcome outcome = HostCommand.of("ip", "-force", "-batch", "-")
                    .withInput(batch.toString())
                    .run();
            if (!outcome.succeeded()) {
                log.debug("some of {} were gone already: {}", slots, outcome.errors());
            }
        }
    }

    private void sweep(Set<Integer> keep) {
        Set<Integer> orphans = new TreeSet<>(slotsIn(NAMESPACES));
        orphans.addAll(slotsIn(INTERFACES));
        orphans.removeAll(keep);
        if (!orphans.isEmpty()) {
            log.info("destroying {} network slots of an earlier run", orphans.size());
            destroy(List.copyOf(orphans));
        }
    }

    private Set<Integer> slotsIn(Path directory) {
        Set<Integer> found = new TreeSet<>();
        String prefix = config.slotName(0).replaceFirst("0$", "");
        if (!Files.isDirectory(directory)) {
            return found;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, prefix + "*")) {
            for (Path entry : entries) {
                String number = entry.getFileName().toString().substring(prefix.length());
                if (number.matches("\\d{1,5}")) {
                    found.add(Integer.parseInt(number));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("could not list " + directory, e);
        }
        return found;
    }

    private void enableForwarding() {
        try {
            if (!Files.readString(FORWARDING).strip().equals("1")) {
                Files.writeString(FORWARDING, "1");
                log.info("turned on net.ipv4.ip_forward, which sandboxes need to reach the internet");
            }
        } catch (IOException e) {
            throw new NetworkFailure(
                    "net.ipv4.ip_forward is off and could not be turned on; run: sysctl net.ipv4.ip_forward=1", e);
        }
    }

    private Inet4Address gateway(int slot) {
        return config.addresses().address(2 * slot);
    }

    private Inet4Address guest(int slot) {
        return config.addresses().address(2 * slot + 1);
    }

    /** One slot. Its state is whether it was given back, and whether it has rules of its own. */
    private final class NamespaceSlot implements Slot {
        private final int number;
        private boolean restricted;
        private boolean closed;

        NamespaceSlot(int number, boolean restricted) {
            this.number = number;
            this.restricted = restricted;
        }

        @Override
        public int number() {
            return number;
        }

        @Override
        public Path namespace() {
            return NAMESPACES.resolve(config.slotName(number));
        }

        @Override
        public Inet4Address guestAddress() {
            return guest(number);
        }

        @Override
        public Inet4Address gatewayAddress() {
            return gateway(number);
        }

        @Override
        public synchronized void restrict(NetworkPolicy policy) {
            EgressRules rules = EgressRules.of(policy);
            if (closed) {
                throw new IllegalStateException("slot " + number + " was given back");
            }
            if (!rules.open()) {
                firewall.restrict(number, rules);
                restricted = true;
            } else if (restricted) {
                firewall.open(number);
                restricted = false;
            }
        }

        @Override
        public synchronized void close() {
            if (closed) {
                return;
            }
            closed = true;
            destroy(List.of(number));
            if (restricted) {
                firewall.open(number);
            }
            numbers.release(number);
        }

        @Override
        public String toString() {
            return config.slotName(number);
        }
    }
}
