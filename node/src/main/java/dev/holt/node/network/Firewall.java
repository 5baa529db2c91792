package dev.holt.node.network;

import dev.holt.node.process.HostCommand;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;

/**
 * The one nft table that stands between guests and everything else. Interfaces are matched by the prefix of their names and
 * sources by the kernel's own routes, so that making or destroying a slot changes no rule; only a slot with a policy of its
 * own has a chain, found through one map. nft(8) explains the statements.
 *
 * <p>Packets that a guest sends are judged one by one, not only the first of a connection: a policy cuts live connections, and
 * a stale entry of the connection tracker opens nothing to the next guest with the same address. Only answers to connections
 * that somebody opened <em>to</em> the guest pass unseen, and only the host can open those.
 */
final class Firewall {
    private static final List<String> NEVER =
            List.of("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4");
    private static final String REFUSE = "reject with icmpx admin-prohibited";
    private static final String DNS = "meta l4proto { tcp, udp } th dport 53 accept";

    private final NetworkConfig config;
    private final String table;
    private final ReentrantLock oneAtATime = new ReentrantLock();

    Firewall(NetworkConfig config) {
        this.config = config;
        this.table = "inet " + config.name();
    }

    /** Puts the table in place, in one step replacing one of an earlier run; {@code restricted} are slots in use with rules of their own. */
    void install(Map<Integer, EgressRules> restricted) {
        StringBuilder script = new StringBuilder(base());
        restricted.forEach((slot, rules) -> script.append(restriction(slot, rules)));
        apply(script.toString());
    }

    /** Gives a slot rules of its own, replacing those it had. */
    void restrict(int slot, EgressRules rules) {
        apply(restriction(slot, rules));
    }

    /** Takes a slot's own rules away. */
    void open(int slot) {
        apply("""
                delete element %1$s restricted { "%3$s" }
                delete chain %1$s slot-%2$d
                """.formatted(table, slot, config.slotName(slot)));
    }

    /** Removes the table: afterwards guests reach what the host forwards. Only for when no slot is left. */
    void remove() {
        apply("table " + table + "\ndelete table " + table + "\n");
    }

    /** One at a time: two transactions at once make nft read a rule set that changes under it. */
    private void apply(String script) {
        oneAtATime.lock();
        try {
            HostCommand.of("nft", "-f", "-").withInput(script).runOrFail();
        } finally {
            oneAtATime.unlock();
        }
    }

    private String restriction(int slot, EgressRules rules) {
        String chain = table + " slot-" + slot;
        List<Ipv4Block> resolvers =
                config.nameservers().stream().filter(rules::permits).toList();
        List<String> script = new ArrayList<>();
        script.add("add chain " + chain);
        script.add("flush chain " + chain);
        if (!resolvers.isEmpty()) {
            script.add("add rule " + chain + " ip daddr " + set(resolvers) + " " + DNS);
        }
        script.add("add rule " + chain + " jump forbidden");
        if (!rules.allow().isEmpty()) {
            script.add("add rule " + chain + " ip daddr " + set(rules.allow()) + " accept");
        }
        if (!rules.deny().isEmpty()) {
            script.add("add rule " + chain + " ip daddr " + set(rules.deny()) + " " + REFUSE);
        }
        script.add("add rule " + chain + " " + (rules.internet() ? "accept" : REFUSE));
        script.add("add element %s restricted { \"%s\" : goto slot-%d }".formatted(table, config.slotName(slot), slot));
        return String.join("\n", script) + "\n";
    }

    private String base() {
        List<Ipv4Block> denied = new ArrayList<>(config.denied());
        NEVER.stream().map(Ipv4Block::parse).forEach(denied::add);
        denied.add(config.addresses());
        return """
                table %1$s
                delete table %1$s
                table %1$s {
                    map restricted { type ifname : verdict; }

                    chain arriving {
                        type filter hook prerouting priority raw; policy accept;
                        iifname != "%2$s" accept
                        meta nfproto != ipv4 drop
                        fib saddr . iif oif missing drop comment "a source that is not the guest's"
                    }
                    chain to_host {
                        type filter hook input priority filter; policy accept;
                        iifname "%2$s" goto from_guest
                    }
                    chain through_host {
                        type filter hook forward priority filter; policy accept;
                        iifname "%2$s" goto from_guest
                        oifname "%2$s" goto to_guest
                    }
                    chain to_guest {
                        ct direction reply ct state established,related accept
                        drop
                    }
                    chain from_guest {
                        ct direction reply ct state established,related accept
                        iifname vmap @restricted
                        goto unrestricted
                    }
                    chain unrestricted {
                        %3$s
                        jump forbidden
                        accept
                    }
                    chain forbidden {
                        fib daddr type { local, broadcast, anycast, multicast } %4$s
                        ip daddr %5$s %4$s
                    }
                    chain leaving {
                        type nat hook postrouting priority srcnat; policy accept;
                        ip saddr %6$s oifname != "%2$s" masquerade
                    }
                }
                """.formatted(
                        table,
                        config.slotName(0).replaceFirst("0$", "*"),
                        config.nameservers().isEmpty()
                                ? ""
                                : "ip daddr " + set(Ipv4Block.withoutOverlaps(config.nameservers())) + " " + DNS,
                        REFUSE,
                        set(Ipv4Block.withoutOverlaps(denied)),
                        config.addresses());
    }

    private static String set(List<Ipv4Block> blocks) {
        return blocks.stream().map(Ipv4Block::toString).collect(Collectors.joining(", ", "{ ", " }"));
    }
}
