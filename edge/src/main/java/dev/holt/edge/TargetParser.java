package dev.holt.edge;

import dev.holt.wire.id.SandboxId;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Reads the target out of {@code Host: <port>-<id>[-<anything>].<domain>} (in any domain when the id has the form of one, in our
 * own whatever it looks like), or out of the routing headers when the host
 * can't name a sandbox: localhost, an IP address or {@code sandbox.*}. Never throws, whatever the text.
 */
final class TargetParser {
    private static final int LONGEST_HOST = 255;
    private static final int LONGEST_NAME = 64;

    private final List<String> domains;

    /** Takes domains in lower case, without ports. */
    TargetParser(List<String> domains) {
        this.domains = List.copyOf(domains);
    }

    /**
     * The target that the three header values say.
     *
     * @param host as received, with or without a port
     * @param id of {@code E2b-Sandbox-Id}
     * @param port of {@code E2b-Sandbox-Port}
     */
    Target parse(@Nullable String host, @Nullable String id, @Nullable String port) {
        if (host == null || host.isEmpty() || host.length() > LONGEST_HOST) {
            return Target.NONE;
        }
        String name = withoutPort(host);
        boolean headers = present(id) || present(port);
        if (headers && namesNoSandbox(name)) {
            return fromHeaders(id, port);
        }
        return fromHost(name);
    }

    private static boolean present(@Nullable String value) {
        return value != null && !value.isEmpty();
    }

    private static Target fromHeaders(@Nullable String id, @Nullable String port) {
        if (id == null || id.isEmpty()) {
            return new Target.Invalid("the header E2b-Sandbox-Port needs E2b-Sandbox-Id beside it");
        }
        if (port == null || port.isEmpty()) {
            return new Target.Invalid("the header E2b-Sandbox-Id needs E2b-Sandbox-Port beside it");
        }
        return target(id, port);
    }

    private Target fromHost(String name) {
        int dot = name.indexOf('.');
        int dash = name.indexOf('-');
        if (dot <= 0 || dash <= 0 || dash > dot || !isNumber(name, dash)) {
            return Target.NONE;
        }
        int end = name.indexOf('-', dash + 1);
        String id = name.substring(dash + 1, end < 0 || end > dot ? dot : end);
        // a domain that we were not told of may be one that another proxy before us serves
        if (!isOurs(name, dot + 1)
                && SandboxId.parse(id.toLowerCase(Locale.ROOT)).isEmpty()) {
            return Target.NONE;
        }
        return target(id, name.substring(0, dash));
    }

    private boolean isOurs(String name, int from) {
        int length = name.length() - from;
        if (length > 0 && name.charAt(name.length() - 1) == '.') {
            length--;
        }
        for (String domain : domains) {
            if (domain.length() == length && name.regionMatches(true, from, domain, 0, length)) {
                return true;
            }
        }
        return false;
    }

    private static Target target(String id, String port) {
        if (!isNumber(port, port.length()) || port.length() > 5) {
            return new Target.Invalid("a sandbox port is 1 to 65535; got '" + shortened(port) + "'");
        }
        int number = Integer.parseInt(port);
        if (number < 1 || number > 65_535) {
            return new Target.Invalid("a sandbox port is 1 to 65535; got '" + port + "'");
        }
        String lower = id.toLowerCase(Locale.ROOT);
        if (lower.length() > LONGEST_NAME || !isName(lower)) {
            return new Target.Invalid("a sandbox id is letters and digits; got '" + shortened(id) + "'");
        }
        return new Target.Sandbox(lower, number);
    }

    private static String shortened(String text) {
        return text.length() <= LONGEST_NAME ? text : text.substring(0, LONGEST_NAME) + "...";
    }

    private static boolean isNumber(String text, int length) {
        for (int at = 0; at < length; at++) {
            if (text.charAt(at) < '0' || text.charAt(at) > '9') {
                return false;
            }
        }
        return length > 0;
    }

    private static boolean isName(String text) {
        for (int at = 0; at < text.length(); at++) {
            char next = text.charAt(at);
            if ((next < 'a' || next > 'z') && (next < '0' || next > '9')) {
                return false;
            }
        }
        return !text.isEmpty();
    }

    static boolean namesNoSandbox(String name) {
        return isLocal(name) || name.regionMatches(true, 0, "sandbox.", 0, 8) && name.length() > 8;
    }

    /** Whether a host name without port is localhost or an IP address; addresses are recognised, not validated. */
    static boolean isLocal(String name) {
        if (name.equalsIgnoreCase("localhost") || name.startsWith("[")) {
            return true;
        }
        boolean dot = false;
        for (int at = 0; at < name.length(); at++) {
            char next = name.charAt(at);
            dot |= next == '.';
            if (next != '.' && (next < '0' || next > '9')) {
                return false;
            }
        }
        return dot;
    }

    /** The host without its {@code :port}; brackets of an IPv6 address stay. */
    static String withoutPort(String host) {
        int colon = host.startsWith("[") ? host.indexOf(':', Math.max(0, host.indexOf(']'))) : host.indexOf(':');
        return colon < 0 ? host : host.substring(0, colon);
    }

    /** The port in {@code host}, or 0 when there is none or it is no port. */
    static int portOf(String host) {
        String name = withoutPort(host);
        String port = name.length() < host.length() ? host.substring(name.length() + 1) : "";
        if (port.length() > 5 || !isNumber(port, port.length())) {
            return 0;
        }
        int number = Integer.parseInt(port);
        return number <= 65_535 ? number : 0;
    }
}
