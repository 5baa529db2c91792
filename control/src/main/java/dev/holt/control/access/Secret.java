package dev.holt.control.access;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A key or token: a prefix that tells the kind, and 160 random bits in hex. It is kept as its SHA-256 only; with that many
 * random bits a salt or a slow hash adds nothing.
 */
final class Secret {
    static final String API_KEY = "e2b_";
    static final String ACCESS_TOKEN = "sk_e2b_";

    private static final int RANDOM_BYTES = 20;
    private static final int SHOWN_AT_START = 2;
    private static final int SHOWN_AT_END = 4;
    // Keys made elsewhere are welcome as long as they can't be guessed and SDKs take them.
    private static final Pattern VALID = Pattern.compile("(e2b_|sk_e2b_)([0-9a-f]{32,128})");

    private final String clear;
    private final Mask mask;

    private Secret(String clear, Mask mask) {
        this.clear = clear;
        this.mask = mask;
    }

    static Secret random(String prefix, SecureRandom random) {
        byte[] bytes = new byte[RANDOM_BYTES];
        random.nextBytes(bytes);
        return parse(prefix + HexFormat.of().formatHex(bytes)).orElseThrow();
    }

    /** The secret that {@code text} spells, or empty when it can't be one. */
    static Optional<Secret> parse(String text) {
        Matcher matcher = VALID.matcher(text);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        String value = matcher.group(2);
        Mask mask = new Mask(
                matcher.group(1),
                value.length(),
                value.substring(0, SHOWN_AT_START),
                value.substring(value.length() - SHOWN_AT_END));
        return Optional.of(new Secret(text, mask));
    }

    String clear() {
        return clear;
    }

    Mask mask() {
        return mask;
    }

    String hash() {
        return sha256(clear);
    }

    static String sha256(String text) {
        return HexFormat.of().formatHex(digest(text));
    }

    /** Compares without telling by its duration where the texts differ. */
    static boolean same(String one, String other) {
        return MessageDigest.isEqual(digest(one), digest(other));
    }

    private static byte[] digest(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    @Override
    public String toString() {
        return mask.prefix() + mask.maskedValuePrefix() + "..." + mask.maskedValueSuffix();
    }
}
