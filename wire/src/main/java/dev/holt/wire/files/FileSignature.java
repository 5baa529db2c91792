package dev.holt.wire.files;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.OptionalLong;

/**
 * A signature that admits whoever holds it to one operation on one file, made with a sandbox's access token as E2B's SDKs
 * make it: {@code v1_} and the unpadded base64 of a SHA-256.
 */
public record FileSignature(String text) {
    /**
     * The signature of one operation on one file.
     *
     * @param path as it is asked for, not resolved
     * @param operation {@code read} or {@code write}
     * @param user empty when none is named
     * @param token of the sandbox
     * @param expires unix time in seconds, if it ends
     */
    public static FileSignature of(String path, String operation, String user, String token, OptionalLong expires) {
        String signed = path + ":" + operation + ":" + user + ":" + token
                + (expires.isPresent() ? ":" + expires.getAsLong() : "");
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(signed.getBytes(StandardCharsets.UTF_8));
            return new FileSignature(
                    "v1_" + Base64.getEncoder().withoutPadding().encodeToString(hash));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java has SHA-256", impossible);
        }
    }

    /** Whether {@code given} is this, in a time that does not depend on where they differ. */
    public boolean matches(String given) {
        return MessageDigest.isEqual(text.getBytes(StandardCharsets.UTF_8), given.getBytes(StandardCharsets.UTF_8));
    }
}
