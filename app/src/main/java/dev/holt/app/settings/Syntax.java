package dev.holt.app.settings;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.regex.Pattern;

/**
 * How the text of a setting becomes a value, and what of it is allowed.
 *
 * @param range what is allowed, for the documentation and for error messages ("a whole number from 1 to 64")
 * @param unit the unit of the number, empty where there is none
 * @param parser throws {@link IllegalArgumentException} for text outside the range; its message is not shown
 * @param secret whether the text must not be shown, not even in an error message
 */
public record Syntax<T>(String range, String unit, Function<String, T> parser, boolean secret) {
    private static final Pattern HOST_NAME = Pattern.compile("[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?");

    /** A syntax whose text may be shown. */
    public Syntax(String range, String unit, Function<String, T> parser) {
        this(range, unit, parser, false);
    }

    /** A whole number, both ends included. */
    public static Syntax<Long> number(long least, long most, String unit) {
        return new Syntax<>("a whole number from " + least + " to " + most, unit, text -> {
            long value = Long.parseLong(text);
            if (value < least || value > most) {
                throw new IllegalArgumentException("out of range");
            }
            return value;
        });
    }

    /** A decimal number, both ends included. */
    public static Syntax<Double> decimal(double least, double most) {
        return new Syntax<>("a decimal number from " + least + " to " + most, "", text -> {
            double value = Double.parseDouble(text);
            if (!(value >= least && value <= most)) {
                throw new IllegalArgumentException("out of range");
            }
            return value;
        });
    }

    /** Text of a form that {@code words} describe. */
    public static Syntax<String> matching(String expression, String words) {
        Pattern pattern = Pattern.compile(expression);
        return new Syntax<>(words, "", text -> {
            if (!pattern.matcher(text).matches()) {
                throw new IllegalArgumentException("of another form");
            }
            return text;
        });
    }

    /** A secret that nobody guesses, or nothing. */
    public static Syntax<String> secret(int shortest) {
        Syntax<String> shown = matching(
                "|[!-~]{" + shortest + ",}", "at least " + shortest + " printable characters without blanks, or empty");
        return new Syntax<>(shown.range(), shown.unit(), shown.parser(), true);
    }

    /** A program of this host, or nothing. */
    public static Syntax<String> program() {
        return matching("|/.+|[A-Za-z0-9._+-]+", "an absolute path, the name of a program, or empty");
    }

    /** {@code true} or {@code false}. */
    public static Syntax<Boolean> truth() {
        return new Syntax<>("`true` or `false`", "", text -> switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException("neither");
        });
    }

    /** One of some words. */
    public static Syntax<String> oneOf(String... words) {
        List<String> allowed = List.of(words);
        return new Syntax<>("one of `" + String.join("`, `", allowed) + "`", "", text -> {
            if (!allowed.contains(text)) {
                throw new IllegalArgumentException("none of them");
            }
            return text;
        });
    }

    /** An absolute path. */
    public static Syntax<Path> directory() {
        return new Syntax<>("an absolute path", "", text -> {
            try {
                Path path = Path.of(text);
                if (!path.isAbsolute()) {
                    throw new IllegalArgumentException("relative");
                }
                return path.normalize();
            } catch (InvalidPathException e) {
                throw new IllegalArgumentException(e);
            }
        });
    }

    /** A numeric address of this host and a port: names are not resolved, since the answer could change. */
    public static Syntax<InetSocketAddress> listenAddress() {
        return new Syntax<>("`ADDRESS:PORT` with an IPv4 address or `[IPv6]`", "", text -> parseAddress(text, 1));
    }

    /** The same where port 0 means any free one: for addresses that are printed instead of configured. */
    public static Syntax<InetSocketAddress> listenAddressOrAnyPort() {
        return new Syntax<>("`ADDRESS:PORT`, port 0 for any free one", "", text -> parseAddress(text, 0));
    }

    /** Any number of values of one syntax with commas between them; a list in the file. */
    public static <T> Syntax<List<T>> listOf(Syntax<T> element) {
        return new Syntax<>("a list, each " + element.range(), element.unit(), text -> {
            List<T> values = new ArrayList<>();
            for (String part : text.isBlank() ? new String[0] : text.split(",", -1)) {
                values.add(element.parser().apply(part.strip()));
            }
            return List.copyOf(values);
        });
    }

    /** A DNS domain with an optional port, as it stands in a client's URLs after {@code <port>-<sandbox>.}. */
    public static Syntax<String> domain() {
        return new Syntax<>("a domain with an optional `:PORT`, or empty", "", text -> {
            if (text.isEmpty()) {
                return text;
            }
            int colon = text.indexOf(':');
            String host = colon < 0 ? text : text.substring(0, colon);
            if (!HOST_NAME.matcher(host).matches() || host.contains("..")) {
                throw new IllegalArgumentException("not a domain");
            }
            if (colon >= 0) {
                parsePort(text.substring(colon + 1), 1);
            }
            return text.toLowerCase(Locale.ROOT);
        });
    }

    /** A numeric IPv4 address. */
    public static Syntax<String> address() {
        return new Syntax<>("an IPv4 address", "", text -> {
            if (numericAddress(text).getAddress().length != 4) {
                throw new IllegalArgumentException("not IPv4");
            }
            return text;
        });
    }

    /** IPv4 networks such as {@code 10.0.0.0/8}. */
    public static Syntax<String> network() {
        return new Syntax<>("an IPv4 network `A.B.C.D/BITS`", "", text -> {
            int slash = text.indexOf('/');
            if (slash < 0) {
                throw new IllegalArgumentException("no prefix length");
            }
            int bits = Integer.parseInt(text.substring(slash + 1));
            byte[] address = numericAddress(text.substring(0, slash)).getAddress();
            if (address.length != 4 || bits < 0 || bits > 32) {
                throw new IllegalArgumentException("not IPv4");
            }
            long value = 0;
            for (byte part : address) {
                value = value << 8 | (part & 0xff);
            }
            if (bits < 32 && (value & (0xffffffffL >>> bits)) != 0) {
                throw new IllegalArgumentException("bits set right of the prefix");
            }
            return text;
        });
    }

    private static InetSocketAddress parseAddress(String text, int leastPort) {
        int colon = text.lastIndexOf(':');
        if (colon <= 0) {
            throw new IllegalArgumentException("no port");
        }
        String host = text.substring(0, colon);
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        } else if (host.contains(":")) {
            throw new IllegalArgumentException("IPv6 without brackets");
        }
        return new InetSocketAddress(numericAddress(host), parsePort(text.substring(colon + 1), leastPort));
    }

    private static InetAddress numericAddress(String host) {
        if (!host.matches("[0-9]{1,3}(\\.[0-9]{1,3}){3}") && !host.matches("[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")) {
            throw new IllegalArgumentException("not a numeric address");
        }
        try {
            return InetAddress.getByName(host);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(e);
        }
    }

    private static int parsePort(String text, int least) {
        int port = Integer.parseInt(text);
        if (port < least || port > 65_535) {
            throw new IllegalArgumentException("no port number");
        }
        return port;
    }
}
