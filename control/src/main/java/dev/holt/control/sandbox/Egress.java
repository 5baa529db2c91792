package dev.holt.control.sandbox;

import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/** Destinations that a client allows and denies, as IPv4 blocks in canonical form ({@code 10.1.0.0/16}). */
record Egress(List<String> allowed, List<String> denied) {
    private static final Pattern BLOCK =
            Pattern.compile("(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})(?:/(\\d{1,2}))?");
    private static final int ADDRESS_BITS = 32;

    static Egress read(JsonNode network) {
        return new Egress(
                blocks(network.path("allowOut"), "network.allowOut"),
                blocks(network.path("denyOut"), "network.denyOut"));
    }

    private static List<String> blocks(JsonNode source, String field) {
        return source.valueStream()
                .map(JsonNode::asString)
                .map(text -> block(text, field))
                .distinct()
                .toList();
    }

    /** An address becomes a block of one; bits behind the prefix are cleared. */
    static String block(String text, String field) {
        Matcher matcher = BLOCK.matcher(text);
        if (!matcher.matches()) {
            throw ApiException.invalid(
                    field,
                    "an IPv4 address or CIDR block expected, got '" + Validator.shorten(text)
                            + "'; this version of Holt knows no domain names and its sandboxes no IPv6");
        }
        long address = 0;
        for (int i = 1; i <= 4; i++) {
            int octet = Integer.parseInt(matcher.group(i));
            if (octet > 255) {
                throw ApiException.invalid(field, "'" + text + "' is no IPv4 address: " + octet + " is above 255");
            }
            address = address << 8 | octet;
        }
        int prefix = matcher.group(5) == null ? ADDRESS_BITS : Integer.parseInt(matcher.group(5));
        if (prefix > ADDRESS_BITS) {
            throw ApiException.invalid(field, "'" + text + "' has a prefix above " + ADDRESS_BITS);
        }
        long kept = prefix == 0 ? 0 : address & -1L << (ADDRESS_BITS - prefix) & 0xffff_ffffL;
        return (kept >> 24) + "." + (kept >> 16 & 255) + "." + (kept >> 8 & 255) + "." + (kept & 255) + "/" + prefix;
    }
}
