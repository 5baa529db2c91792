package dev.holt.wire.id;

import java.security.SecureRandom;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Identifies one sandbox over its whole life. 20 characters of {@code a-z0-9}, the first a letter: a DNS label that needs
 * no escaping in a host name, a cgroup or a file name, and of fixed length because runsc matches container ids by prefix.
 */
public record SandboxId(String value) implements Comparable<SandboxId> {
    private static final int LENGTH = 20;
    private static final String LETTERS = "abcdefghijklmnopqrstuvwxyz";
    private static final String ALPHABET = LETTERS + "0123456789";
    private static final Pattern VALID = Pattern.compile("[a-z][a-z0-9]{19}");

    public SandboxId {
        if (!VALID.matcher(value).matches()) {
            throw new IllegalArgumentException(
                    "a sandbox id is 20 characters of a-z and 0-9, the first a letter; got '" + value + "'");
        }
    }

    /** The id that {@code text} spells, or empty when it is none: text from outside is asked, never trusted. */
    public static Optional<SandboxId> parse(String text) {
        return VALID.matcher(text).matches() ? Optional.of(new SandboxId(text)) : Optional.empty();
    }

    /** A new id with 103 random bits. */
    public static SandboxId random(SecureRandom random) {
        StringBuilder text = new StringBuilder(LENGTH);
        text.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
        while (text.length() < LENGTH) {
            text.append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
        }
        return new SandboxId(text.toString());
    }

    @Override
    public int compareTo(SandboxId other) {
        return value.compareTo(other.value);
    }

    @Override
    public String toString() {
        return value;
    }
}
