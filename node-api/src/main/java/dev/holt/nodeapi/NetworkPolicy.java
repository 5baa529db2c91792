package dev.holt.nodeapi;

import java.util.List;
import java.util.Optional;

/**
 * What a sandbox may reach and who may reach it. Allowed destinations win over denied ones.
 *
 * @param allowInternet false denies every destination that {@code allowOut} does not name
 * @param allowOut IPv4 CIDR blocks
 * @param denyOut IPv4 CIDR blocks
 * @param trafficAccessToken when present, clients of the sandbox's own ports must send it
 * @param maskRequestHost the Host header that its servers see, {@code ${PORT}} standing for the port
 */
public record NetworkPolicy(
        boolean allowInternet,
        List<String> allowOut,
        List<String> denyOut,
        Optional<String> trafficAccessToken,
        Optional<String> maskRequestHost) {
    public static final NetworkPolicy OPEN =
            new NetworkPolicy(true, List.of(), List.of(), Optional.empty(), Optional.empty());

    public NetworkPolicy {
        allowOut = List.copyOf(allowOut);
        denyOut = List.copyOf(denyOut);
    }
}
