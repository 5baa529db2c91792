package dev.holt.node.envd;

import dev.holt.http.HttpFailure;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Base64;
import java.util.Optional;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.Fields;
import org.jspecify.annotations.Nullable;

/** Decides who may ask: by access token, or for one file by a signature made with it. */
final class Access {
    private static final int UNAUTHORIZED = 401;
    private static final int BAD_REQUEST = 400;
    private static final String TOKEN_HEADER = "X-Access-Token";

    private Access() {}

    /**
     * For everything but {@code GET /health} and {@code /files}, which look for themselves.
     *
     * @throws HttpFailure 401
     */
    static void requireToken(EnvdSandbox sandbox, Request request) {
        if (sandbox.accessToken().isPresent()
                && !matches(sandbox.accessToken().get(), request.getHeaders().get(TOKEN_HEADER))) {
            throw new HttpFailure(
                    UNAUTHORIZED,
                    "unauthorized access, please provide a valid access token or method signing if supported");
        }
    }

    /**
     * For {@code /files}: the token, or a signature over what is asked.
     *
     * @param operation {@code read} or {@code write}
     * @throws HttpFailure 401; 400 when the expiration is no number
     */
    static void requireTokenOrSignature(EnvdSandbox sandbox, Request request, Fields query, String operation) {
        Optional<String> token = sandbox.accessToken();
        if (token.isEmpty()) {
            return;
        }
        String given = request.getHeaders().get(TOKEN_HEADER);
        if (given != null && !given.isEmpty()) {
            if (!matches(token.get(), given)) {
                throw new HttpFailure(UNAUTHORIZED, "access token present in header but does not match");
            }
            return;
        }
        String signature = query.getValue("signature");
        if (signature == null) {
            throw new HttpFailure(UNAUTHORIZED, "missing signature query parameter");
        }
        String expiration = query.getValue("signature_expiration");
        Long expires = expiration == null ? null : expiration(expiration);
        String expected = sign(
                orEmpty(query.getValue("path")), operation, orEmpty(query.getValue("username")), token.get(), expires);
        if (!matches(expected, signature)) {
            throw new HttpFailure(UNAUTHORIZED, "invalid signature");
        }
        if (expires != null && expires < Instant.now().getEpochSecond()) {
            throw new HttpFailure(UNAUTHORIZED, "signature is already expired");
        }
    }

    private static long expiration(String text) {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException nonsense) {
            throw new HttpFailure(
                    BAD_REQUEST, "signature_expiration must be a unix time in seconds; got '" + text + "'");
        }
    }

    /** The signature of one operation on one file. */
    static String sign(String path, String operation, String user, String token, @Nullable Long expires) {
        String text = path + ":" + operation + ":" + user + ":" + token + (expires == null ? "" : ":" + expires);
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return "v1_" + Base64.getEncoder().withoutPadding().encodeToString(hash);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java has SHA-256", impossible);
        }
    }

    private static String orEmpty(@Nullable String text) {
        return text == null ? "" : text;
    }

    /** In a time that does not depend on where they differ. */
    private static boolean matches(String expected, @Nullable String given) {
        return given != null
                && MessageDigest.isEqual(
                        expected.getBytes(StandardCharsets.UTF_8), given.getBytes(StandardCharsets.UTF_8));
    }
}
