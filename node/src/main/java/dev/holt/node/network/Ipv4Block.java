package dev.holt.node.network;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A CIDR block of IPv4 addresses.
 *
 * @param first its first address as a big-endian number, the bits behind the prefix all zero
 * @param prefixLength 0 to 32
 */
public record Ipv4Block(int first, int prefixLength) {
    private static final Pattern TEXT =
            Pattern.compile("(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})(?:/(\\d{1,2}))?");

    public Ipv4Block {
        if (prefixLength < 0 || prefixLength > 32) {
            throw new IllegalArgumentException("a prefix length is 0 to 32; got " + prefixLength);
        }
        first &= mask(prefixLength);
    }

    /**
     * Reads {@code 10.1.0.0/16} or a single address. Bits behind the prefix are dropped, as E2B and most tools do.
     *
     * @throws IllegalArgumentException when {@code text} is neither
     */
    public static Ipv4Block parse(String text) {
        Matcher matcher = TEXT.matcher(text);
        if (!matcher.matches()) {
            throw invalid(text);
        }
        int address = 0;
        for (int group = 1; group <= 4; group++) {
            int part = Integer.parseInt(matcher.group(group));
            if (part > 255) {
                throw invalid(text);
            }
            address = address << 8 | part;
        }
        String prefix = matcher.group(5);
        int length = prefix == null ? 32 : Integer.parseInt(prefix);
        if (length > 32) {
            throw invalid(text);
        }
        return new Ipv4Block(address, length);
    }

    /** The block of that one address. */
    public static Ipv4Block of(Inet4Address address) {
        byte[] bytes = address.getAddress();
        return new Ipv4Block(
                (bytes[0] & 0xff) << 24 | (bytes[1] & 0xff) << 16 | (bytes[2] & 0xff) << 8 | bytes[3] & 0xff, 32);
    }

    /** Whether every address of {@code other} is in this block. */
    public boolean contains(Ipv4Block other) {
        return prefixLength <= other.prefixLength && (other.first & mask(prefixLength)) == first;
    }

    /** How many addresses it has, 1 to 2^32. */
    public long size() {
        return 1L << (32 - prefixLength);
    }

    /** The address at {@code index}, from 0. */
    public Inet4Address address(int index) {
        if (Integer.toUnsignedLong(index) >= size()) {
            throw new IndexOutOfBoundsException(this + " has no address number " + index);
        }
        int address = first + index;
        try {
            return (Inet4Address) InetAddress.getByAddress(
                    new byte[] {(byte) (address >> 24), (byte) (address >> 16), (byte) (address >> 8), (byte) address});
        } catch (UnknownHostException e) {
            throw new IllegalStateException("four bytes are always an address", e);
        }
    }

    /** The same addresses without blocks that lie in others: nft refuses overlapping elements. */
    public static List<Ipv4Block> withoutOverlaps(List<Ipv4Block> blocks) {
        List<Ipv4Block> kept = new ArrayList<>();
        blocks.stream().sorted(Comparator.comparingInt(Ipv4Block::prefixLength)).forEach(block -> {
            if (kept.stream().noneMatch(larger -> larger.contains(block))) {
                kept.add(block);
            }
        });
        return kept;
    }

    private static int mask(int prefixLength) {
        return prefixLength == 0 ? 0 : -1 << (32 - prefixLength);
    }

    private static IllegalArgumentException invalid(String text) {
        return new IllegalArgumentException(
                "'" + text + "' is neither an IPv4 address nor an IPv4 CIDR block such as 203.0.113.0/24");
    }

    /** As {@link #parse} reads it, always with the prefix length. */
    @Override
    public String toString() {
        return (first >>> 24) + "." + (first >>> 16 & 0xff) + "." + (first >>> 8 & 0xff) + "." + (first & 0xff) + "/"
                + prefixLength;
    }
}
