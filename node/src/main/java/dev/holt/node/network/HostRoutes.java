package dev.holt.node.network;

import dev.holt.node.process.HostCommand;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Looks whether the host already uses the addresses that guests are to have. */
final class HostRoutes {
    private static final Logger log = LoggerFactory.getLogger(HostRoutes.class);

    private HostRoutes() {}

    /**
     * Fails when the host has a route into the guests' addresses, which guests would break or never be reached through; says so
     * when a wider route of the host covers them, because those addresses of that network can't be reached any more.
     */
    static void requireFree(NetworkConfig config) {
        String json =
                HostCommand.of("ip", "-4", "-j", "route", "show").runOrFail().output();
        String own = config.slotName(0).replaceFirst("0$", "");
        for (JsonNode route : JsonMapper.shared().readTree(json.isBlank() ? "[]" : json)) {
            String destination = route.path("dst").asString("");
            String device = route.path("dev").asString("");
            if (destination.equals("default") || destination.isEmpty() || device.startsWith(own)) {
                continue;
            }
            Ipv4Block block = Ipv4Block.parse(destination);
            if (config.addresses().contains(block)) {
                throw new NetworkFailure("the guests' addresses " + config.addresses() + " contain " + block
                        + ", to which this host has a route through " + device + "; choose another address block");
            }
            if (block.contains(config.addresses())) {
                log.warn(
                        "this host reaches {} through {}; {} of it now belong to sandboxes",
                        block,
                        device,
                        config.addresses());
            }
        }
    }
}
