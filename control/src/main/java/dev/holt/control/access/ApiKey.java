package dev.holt.control.access;

import java.time.Instant;
import java.util.Optional;

/** An API key as it may be shown. */
public record ApiKey(
        String id,
        String teamId,
        Optional<String> createdBy,
        String name,
        Mask mask,
        Instant createdAt,
        Optional<Instant> lastUsed) {}
