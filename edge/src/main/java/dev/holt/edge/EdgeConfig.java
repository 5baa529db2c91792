package dev.holt.edge;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What the edge answers to.
 *
 * @param domains names under which sandboxes are reached as {@code <port>-<id>.<domain>}; a {@code :port} is ignored
 * @param debug whether requests that name no sandbox go to the most recently started one, at traffic listeners only
 * @param trafficListeners names of the HTTP listeners that carry nothing but sandbox traffic, with the sandbox port that
 *     each stands for in debug mode
 * @param maximumExchanges requests and tunnels relayed at once for one sandbox, 1 to 100000; more get 429
 */
public record EdgeConfig(
        List<String> domains, boolean debug, Map<String, Integer> trafficListeners, int maximumExchanges) {
    public EdgeConfig {
        domains = domains.stream().map(EdgeConfig::bare).toList();
        trafficListeners = Map.copyOf(trafficListeners);
        if (maximumExchanges < 1 || maximumExchanges > 100_000) {
            throw new IllegalArgumentException("maximumExchanges must be 1 to 100000; got " + maximumExchanges);
        }
    }

    private static String bare(String domain) {
        String name = domain.toLowerCase(Locale.ROOT);
        int colon = name.indexOf(':');
        name = colon < 0 ? name : name.substring(0, colon);
        if (!name.matches("[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*") || name.length() > 200) {
            throw new IllegalArgumentException("'" + domain + "' is no domain name");
        }
        return name;
    }
}
