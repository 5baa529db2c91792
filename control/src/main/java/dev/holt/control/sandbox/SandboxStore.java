package dev.holt.control.sandbox;

import dev.holt.control.database.Database;
import dev.holt.control.rest.Json;
import dev.holt.control.template.Templates;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The sandboxes table: a history. Whether a sandbox runs, and until when, only its node knows; rows follow what it reports.
 */
final class SandboxStore {
    private final Database database;

    SandboxStore(Database database) {
        this.database = database;
    }

    /** The end of a sandbox. */
    record End(SandboxId sandbox, String reason, Instant when) {
        /** As its node reported it. */
        static End reported(SandboxId sandbox, EndReason reason, Instant when) {
            return new End(sandbox, reason.name().toLowerCase(Locale.ROOT), when);
        }

        /** It is gone, and nobody was there to hear why. */
        static End unobserved(SandboxId sandbox, Instant noticed) {
            return new End(sandbox, "unobserved", noticed);
        }
    }

    /** From when to when a sandbox ran, in epoch milliseconds. */
    record Span(long start, Optional<Long> end) {}

    /** The sandbox that an idempotency key made. */
    record Made(SandboxId sandbox, String requestHash) {}

    /** What a row says beyond the node's knowledge. */
    record Extras(boolean secure, Optional<Boolean> internetAccess, Optional<Boolean> publicTraffic) {}

    /** Records a new sandbox. A power cut may undo it, but ends the sandbox as well. */
    void insert(SandboxRow row) {
        SandboxStatus sandbox = row.sandbox();
        database.writeSoon(handle -> {
            handle.createUpdate(
                            "insert into sandboxes (id, team_id, template_id, build_id, state, isolation, cpu_count,"
                                    + " memory_mb, disk_mb, secure, auto_pause, auto_resume, internet_access, public_traffic,"
                                    + " metadata, envd_version, idempotency_key, request_hash, started_at) values (:id, :team,"
                                    + " :template, :build, 'running', :isolation, :cpu, :memory, :disk, :secure, false, false,"
                                    + " :internet, :public, :metadata, :envd, :key, :hash, :started)")
                    .bind("id", sandbox.id().value())
                    .bind("team", sandbox.teamId())
                    .bind("template", sandbox.template().value())
                    .bind("build", sandbox.buildId())
                    .bind("isolation", sandbox.isolation().wireName())
                    .bind("cpu", sandbox.resources().cpuCount())
                    .bind("memory", sandbox.resources().memoryMegabytes())
                    .bind("disk", sandbox.resources().diskMegabytes())
                    .bind("secure", row.secure())
                    .bind("internet", row.internetAccess().orElse(null))
                    .bind("public", row.publicTraffic().orElse(null))
                    .bind("metadata", Json.MAPPER.writeValueAsString(sandbox.metadata()))
                    .bind("envd", row.envdVersion())
                    .bind(
                            "key",
                            row.idempotency().map(SandboxRow.Idempotency::key).orElse(null))
                    .bind(
                            "hash",
                            row.idempotency()
                                    .map(SandboxRow.Idempotency::requestHash)
                                    .orElse(null))
                    .bind("started", sandbox.startedAt().toEpochMilli())
                    .execute();
            Templates.countSpawn(handle, sandbox.template(), sandbox.startedAt());
            return 1;
        });
    }

    /** Ends rows; one that has ended already keeps its first end. */
    void end(Collection<End> ends) {
        database.writeSoon(handle -> {
            for (End end : ends) {
                handle.createUpdate("update sandboxes set state = 'ended', ended_at = :when, end_reason = :reason"
                                + " where id = :id and ended_at is null")
                        .bind("id", end.sandbox().value())
                        .bind("when", end.when().toEpochMilli())
                        .bind("reason", end.reason())
                        .execute();
            }
            return ends.size();
        });
    }

    /** The ids of rows that have not ended. */
    Set<SandboxId> running() {
        return database
                .read(handle -> handle.createQuery("select id from sandboxes where state = 'running'")
                        .mapTo(String.class)
                        .list())
                .stream()
                .map(SandboxId::new)
                .collect(Collectors.toUnmodifiableSet());
    }

    /** Whether the team owns, or owned, the sandbox. */
    boolean owned(String teamId, SandboxId sandbox) {
        return database.read(handle -> handle.createQuery("select 1 from sandboxes where id = :id and team_id = :team")
                .bind("id", sandbox.value())
                .bind("team", teamId)
                .mapTo(Integer.class)
                .findOne()
                .isPresent());
    }

    Optional<Extras> extras(SandboxId sandbox) {
        return database.read(handle -> handle.createQuery(
                        "select secure, internet_access, public_traffic from sandboxes where id = :id")
                .bind("id", sandbox.value())
                .map((row, context) ->
                        new Extras(row.getBoolean("secure"), flag(row, "internet_access"), flag(row, "public_traffic")))
                .findOne());
    }

    Optional<Made> madeBy(String teamId, String idempotencyKey) {
        return database.read(handle -> handle.createQuery(
                        "select id, request_hash from sandboxes where team_id = :team and idempotency_key = :key")
                .bind("team", teamId)
                .bind("key", idempotencyKey)
                .map((row, context) -> new Made(new SandboxId(row.getString("id")), row.getString("request_hash")))
                .findOne());
    }

    /** When the team's sandboxes ran, for those that did between the two times (epoch milliseconds); by start. */
    List<Span> spans(String teamId, long from, long until) {
        return database.read(handle -> handle.createQuery("select started_at, ended_at from sandboxes"
                        + " where team_id = :team and started_at <= :until"
                        + " and (ended_at is null or ended_at >= :from) order by started_at")
                .bind("team", teamId)
                .bind("from", from)
                .bind("until", until)
                .map((row, context) -> {
                    long end = row.getLong("ended_at");
                    return new Span(row.getLong("started_at"), row.wasNull() ? Optional.empty() : Optional.of(end));
                })
                .list());
    }

    /** Forgets sandboxes that ended before {@code when}. */
    void forgetEndedBefore(Instant when) {
        database.writeSoon(handle -> handle.execute("delete from sandboxes where ended_at < ?", when.toEpochMilli()));
    }

    /** Forgets idempotency keys of sandboxes that started before {@code when}. */
    void forgetKeysBefore(Instant when) {
        database.writeSoon(handle -> handle.execute(
                "update sandboxes set idempotency_key = null, request_hash = null"
                        + " where idempotency_key is not null and started_at < ?",
                when.toEpochMilli()));
    }

    private static Optional<Boolean> flag(ResultSet row, String column) throws SQLException {
        boolean value = row.getBoolean(column);
        return row.wasNull() ? Optional.empty() : Optional.of(value);
    }
}
