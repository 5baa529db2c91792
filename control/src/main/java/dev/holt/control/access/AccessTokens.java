package dev.holt.control.access;

import dev.holt.control.database.Database;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/** Access tokens of users: they speak for every team that the user is in. Looked up in the database each time. */
public final class AccessTokens {
    private final Database database;
    private final SecureRandom random;
    private final Clock clock;

    public AccessTokens(Database database, SecureRandom random, Clock clock) {
        this.database = database;
        this.random = random;
        this.clock = clock;
    }

    /** A new token and, this once, its clear text. */
    public record Created(String id, String name, String clear, Mask mask, Instant createdAt) {}

    public Created create(String userId, String name) {
        Secret secret = Secret.random(Secret.ACCESS_TOKEN, random);
        Created token = new Created(UUID.randomUUID().toString(), name, secret.clear(), secret.mask(), clock.instant());
        database.write(handle -> handle.createUpdate("insert into access_tokens (id, user_id, name, hash, prefix,"
                        + " value_length, mask_prefix, mask_suffix, created_at) values (:id, :user, :name, :hash,"
                        + " :prefix, :length, :start, :end, :now)")
                .bind("id", token.id())
                .bind("user", userId)
                .bind("name", name)
                .bind("hash", secret.hash())
                .bind("prefix", token.mask().prefix())
                .bind("length", token.mask().valueLength())
                .bind("start", token.mask().maskedValuePrefix())
                .bind("end", token.mask().maskedValueSuffix())
                .bind("now", token.createdAt().toEpochMilli())
                .execute());
        return token;
    }

    /** Ends a token at once; whether the user had it. */
    public boolean revoke(String userId, String id) {
        return database.write(handle -> handle.createUpdate("update access_tokens set revoked_at = :now where id = :id"
                                + " and user_id = :user and revoked_at is null")
                        .bind("now", clock.millis())
                        .bind("id", id)
                        .bind("user", userId)
                        .execute()
                > 0);
    }

    /** The user whom a token speaks for, or empty when it does not work. */
    Optional<String> authenticate(String clear) {
        return Secret.parse(clear)
                .flatMap(secret -> database.read(handle -> handle.createQuery(
                                "select user_id from access_tokens where hash = :hash and revoked_at is null")
                        .bind("hash", secret.hash())
                        .mapTo(String.class)
                        .findOne()));
    }
}
