package dev.holt.node.network;

import java.util.List;
import java.util.regex.Pattern;

/**
 * How the slots of a node are named and addressed.
 *
 * @param name names the nft table and, followed by a dash and the slot's number, namespaces and interfaces; 1 to 8 characters
 *     of {@code a-z0-9}, the first a letter. Two nodes on one host need two names and two address blocks
 * @param addresses where guests get their addresses, two a slot; /30 or larger
 * @param denied what no sandbox may reach, whatever its own policy says; the guests' own block, 169.254.0.0/16 (cloud
 *     metadata), loopback, multicast and reserved addresses are always denied
 * @param nameservers reachable on port 53 even when {@code denied} or an address of the host, unless the sandbox's own policy
 *     denies it
 */
public record NetworkConfig(String name, Ipv4Block addresses, List<Ipv4Block> denied, List<Ipv4Block> nameservers) {
    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9]{0,7}");
    private static final int MOST_SLOTS = 32_768;

    public NetworkConfig {
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "a network name is 1 to 8 characters of a-z and 0-9, the first a letter; got '" + name + "'");
        }
        if (addresses.prefixLength() > 30) {
            throw new IllegalArgumentException(
                    "the guests' addresses " + addresses + " hold no two slots; use /30 or larger");
        }
        denied = List.copyOf(denied);
        nameservers = List.copyOf(nameservers);
    }

    /** How many slots fit, at most 32768. */
    public int slots() {
        return (int) Math.min(addresses.size() / 2, MOST_SLOTS);
    }

    /** The name of a slot's namespace and of the host's end of its link; 14 characters at most (IFNAMSIZ allows 15). */
    String slotName(int number) {
        return name + "-" + number;
    }
}
