package dev.holt.control.sandbox;

import dev.holt.control.access.Team;
import dev.holt.control.contract.ApiException;
import dev.holt.nodeapi.SandboxStatus;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import tools.jackson.databind.JsonNode;

/**
 * Creates with an {@code Idempotency-Key}: however often a client repeats one, it gets the same sandbox. A key belongs to a
 * team and to one request body, and is remembered for a day.
 */
final class IdempotentCreates {
    private static final Duration RETRY = Duration.ofSeconds(1);

    private final Sandboxes sandboxes;
    private final SandboxStore store;
    private final Set<String> underWay = ConcurrentHashMap.newKeySet();

    IdempotentCreates(Sandboxes sandboxes, SandboxStore store) {
        this.sandboxes = sandboxes;
        this.store = store;
    }

    /**
     * @throws ApiException 409 while the first request is under way, or when its sandbox has ended; 422 for a key that came
     *     with another body
     */
    SandboxStatus create(Team team, String key, JsonNode body, NewSandbox wanted, int timeout) {
        String place = team.id() + " " + key;
        if (!underWay.add(place)) {
            throw new ApiException(409, "Idempotency-Key: the first request with this key is still under way")
                    .withErrorCode("idempotency_in_progress")
                    .withHeader("Should-Retry", "true")
                    .retryAfter(RETRY);
        }
        try {
            String hash = hash(body);
            Optional<SandboxStore.Made> made = store.madeBy(team.id(), key);
            if (made.isPresent()) {
                return repeat(team, made.get(), hash);
            }
            // A sandbox is recorded before its request is answered, so a key without a row has no sandbox.
            return sandboxes.create(
                    team, wanted, timeout, true, UUID.randomUUID(), Optional.of(new SandboxRow.Idempotency(key, hash)));
        } finally {
            underWay.remove(place);
        }
    }

    private SandboxStatus repeat(Team team, SandboxStore.Made made, String hash) {
        if (!made.requestHash().equals(hash)) {
            throw new ApiException(422, "Idempotency-Key: this key came with another request body before")
                    .withErrorCode("idempotency_request_mismatch");
        }
        String id = made.sandbox().value();
        return sandboxes
                .find(team, id)
                .orElseThrow(() ->
                        new ApiException(409, "Idempotency-Key: sandbox " + id + ", which this key made, has ended"));
    }

    private static String hash(JsonNode body) {
        try {
            byte[] digest =
                    MessageDigest.getInstance("SHA-256").digest(body.toString().getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
