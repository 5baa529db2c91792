package dev.holt.node.network;

import dev.holt.nodeapi.NetworkPolicy;
import java.util.List;

/**
 * What one guest may reach, checked: a {@link NetworkPolicy} whose blocks are blocks.
 *
 * @param internet whether destinations that no list names are reachable
 * @param allow wins over {@code deny} and over {@code internet}
 * @param deny not reachable unless allowed
 */
record EgressRules(boolean internet, List<Ipv4Block> allow, List<Ipv4Block> deny) {
    EgressRules {
        allow = Ipv4Block.withoutOverlaps(allow);
        deny = Ipv4Block.withoutOverlaps(deny);
    }

    /**
     * The rules that {@code policy} spells.
     *
     * @throws IllegalArgumentException when it names something that is no IPv4 address or CIDR block
     */
    static EgressRules of(NetworkPolicy policy) {
        return new EgressRules(
                policy.allowInternet(),
                policy.allowOut().stream().map(Ipv4Block::parse).toList(),
                policy.denyOut().stream().map(Ipv4Block::parse).toList());
    }

    /** Whether they deny nothing of their own. */
    boolean open() {
        return internet && deny.isEmpty();
    }

    /** Whether a guest under these rules may reach that one address. */
    boolean permits(Ipv4Block address) {
        return allow.stream().anyMatch(block -> block.contains(address))
                || internet && deny.stream().noneMatch(block -> block.contains(address));
    }
}
