package dev.holt.control.access;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.holt.control.database.Database;
import java.security.SecureRandom;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.StatementContext;
import org.jspecify.annotations.Nullable;

/**
 * API keys of teams, known by their hashes. Looking one up is cached; a revoked key stops working before its revocation is
 * answered, because the cache computes and forgets a key under the same lock.
 */
public final class ApiKeys {
    private static final Duration CACHED = Duration.ofMinutes(1);
    private static final int MOST_CACHED = 10_000;
    private static final String COLUMNS = "id, team_id, created_by, name, hash, prefix, value_length, mask_prefix,"
            + " mask_suffix, created_at, last_used_at";

    private final Database database;
    private final Teams teams;
    private final SecureRandom random;
    private final Clock clock;
    private final Cache<String, Holder> holders = Caffeine.newBuilder()
            .expireAfterWrite(CACHED)
            .maximumSize(MOST_CACHED)
            .build();
    private final Map<String, Long> usedAt = new ConcurrentHashMap<>();

    public ApiKeys(Database database, Teams teams, SecureRandom random, Clock clock) {
        this.database = database;
        this.teams = teams;
        this.random = random;
        this.clock = clock;
    }

    /** A key and, this once, its clear text. */
    public record Created(ApiKey key, String clear) {}

    /** Whom a valid key speaks for. */
    record Holder(String keyId, Team team, Optional<String> user) {}

    /** What the database knows of a secret. */
    enum Standing {
        UNKNOWN,
        VALID,
        REVOKED
    }

    public Created create(String teamId, Optional<String> createdBy, String name) {
        Secret secret = Secret.random(Secret.API_KEY, random);
        return new Created(insert(secret, teamId, createdBy, name), secret.clear());
    }

    ApiKey insert(Secret secret, String teamId, Optional<String> createdBy, String name) {
        ApiKey key = new ApiKey(
                UUID.randomUUID().toString(),
                teamId,
                createdBy,
                name,
                secret.mask(),
                clock.instant(),
                Optional.empty());
        database.write(
                handle -> handle.createUpdate("insert into api_keys (id, team_id, created_by, name, hash, prefix,"
                                + " value_length, mask_prefix, mask_suffix, created_at) values (:id, :team, :user, :name, :hash,"
                                + " :prefix, :length, :start, :end, :now)")
                        .bind("id", key.id())
                        .bind("team", teamId)
                        .bind("user", createdBy.orElse(null))
                        .bind("name", name)
                        .bind("hash", secret.hash())
                        .bind("prefix", key.mask().prefix())
                        .bind("length", key.mask().valueLength())
                        .bind("start", key.mask().maskedValuePrefix())
                        .bind("end", key.mask().maskedValueSuffix())
                        .bind("now", key.createdAt().toEpochMilli())
                        .execute());
        return key;
    }

    /** The keys of a team that work, oldest first. */
    public List<ApiKey> list(String teamId) {
        return database.read(handle -> handle.createQuery("select " + COLUMNS
                        + " from api_keys where team_id = :team and revoked_at is null order by created_at, id")
                .bind("team", teamId)
                .map(this::key)
                .list());
    }

    /** Whether the team had such a key. */
    public boolean rename(String teamId, String id, String name) {
        return database.write(handle -> handle.createUpdate(
                                "update api_keys set name = :name where id = :id and team_id = :team and revoked_at is null")
                        .bind("name", name)
                        .bind("id", id)
                        .bind("team", teamId)
                        .execute()
                > 0);
    }

    /** Ends a key at once; whether the team had it. */
    public boolean revoke(String teamId, String id) {
        Optional<String> hash = database.write(handle -> {
            int revoked = handle.createUpdate("update api_keys set revoked_at = :now where id = :id and team_id = :team"
                            + " and revoked_at is null")
                    .bind("now", clock.millis())
                    .bind("id", id)
                    .bind("team", teamId)
                    .execute();
            return revoked == 0 ? Optional.<String>empty() : Optional.of(hash(handle, id));
        });
        hash.ifPresent(holders::invalidate);
        return hash.isPresent();
    }

    /** Whom a key speaks for, or empty when it does not work. */
    Optional<Holder> authenticate(String clear) {
        Optional<Secret> secret = Secret.parse(clear);
        if (secret.isEmpty()) {
            return Optional.empty();
        }
        Holder holder = holders.get(secret.get().hash(), this::load);
        if (holder == null) {
            return Optional.empty();
        }
        usedAt.put(holder.keyId(), clock.millis());
        return Optional.of(holder);
    }

    Standing standing(Secret secret) {
        return database.read(handle -> handle.createQuery(
                        "select revoked_at is not null as revoked from api_keys where hash = :hash")
                .bind("hash", secret.hash())
                .map((row, context) -> row.getBoolean("revoked") ? Standing.REVOKED : Standing.VALID)
                .findOne()
                .orElse(Standing.UNKNOWN));
    }

    /** Writes down when keys were last used; called now and then, because a write for each request would cost too much. */
    public void saveLastUse() {
        if (usedAt.isEmpty()) {
            return;
        }
        Map<String, Long> saved = Map.copyOf(usedAt);
        database.writeSoon(handle -> {
            saved.forEach((id, when) -> handle.execute("update api_keys set last_used_at = ? where id = ?", when, id));
            return saved.size();
        });
        saved.forEach(usedAt::remove);
    }

    private @Nullable Holder load(String hash) {
        return database.read(handle -> handle.createQuery(
                        "select " + COLUMNS + " from api_keys where hash = :hash and revoked_at is null")
                .bind("hash", hash)
                .map(this::key)
                .findOne()
                .flatMap(key -> teams.find(key.teamId()).map(team -> new Holder(key.id(), team, key.createdBy())))
                .orElse(null));
    }

    private static String hash(Handle handle, String id) {
        return handle.createQuery("select hash from api_keys where id = :id")
                .bind("id", id)
                .mapTo(String.class)
                .one();
    }

    private ApiKey key(ResultSet row, StatementContext context) throws SQLException {
        String id = row.getString("id");
        long saved = row.getLong("last_used_at");
        long lastUsed = Math.max(saved, usedAt.getOrDefault(id, 0L));
        return new ApiKey(
                id,
                row.getString("team_id"),
                Optional.ofNullable(row.getString("created_by")),
                row.getString("name"),
                new Mask(
                        row.getString("prefix"),
                        row.getInt("value_length"),
                        row.getString("mask_prefix"),
                        row.getString("mask_suffix")),
                Instant.ofEpochMilli(row.getLong("created_at")),
                lastUsed == 0 ? Optional.empty() : Optional.of(Instant.ofEpochMilli(lastUsed)));
    }
}
