package dev.holt.control.sandbox;

import dev.holt.control.database.Database;
import dev.holt.control.rest.Json;
import dev.holt.control.template.Templates;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.Pause;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
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

    /** What a sandbox's row says of its state. */
    record Condition(String state, Optional<String> memory, Optional<String> problem) {
        static Condition of(SandboxStatus sandbox) {
            return new Condition(
                    sandbox.state().wireName(),
                    sandbox.pause().map(pause -> pause.memory().wireName()),
                    sandbox.problem());
        }
    }

    /**
     * A sandbox is in another state.
     *
     * @param runs whether it uses time and memory now
     * @param when it came to run or to rest
     */
    record Change(SandboxId sandbox, Condition condition, boolean runs, Instant when) {
        /** As its node tells it {@code now}. */
        static Change of(SandboxStatus sandbox, Instant now) {
            return new Change(
                    sandbox.id(),
                    Condition.of(sandbox),
                    Quotas.counts(sandbox.state()),
                    sandbox.pause().map(Pause::since).orElse(now));
        }
    }

    /**
     * From when to when a sandbox ran without a pause, in epoch milliseconds.
     *
     * @param first whether it began with the sandbox's start
     */
    record Span(long start, Optional<Long> end, boolean first) {}

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
                                    + " memory_mb, disk_mb, secure, auto_pause, auto_resume, auto_pause_memory,"
                                    + " internet_access, public_traffic, metadata, envd_version, idempotency_key,"
                                    + " request_hash, started_at) values (:id, :team,"
                                    + " :template, :build, 'running', :isolation, :cpu, :memory, :disk, :secure, :pause, :resume, :keep,"
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
                    .bind("pause", sandbox.lifecycle().onTimeout() == Lifecycle.OnTimeout.PAUSE)
                    .bind("resume", sandbox.lifecycle().autoResume())
                    .bind("keep", sandbox.lifecycle().keepMemory())
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

    /** Records that sandboxes are in other states now; those that have ended are left alone. */
    void change(Collection<Change> changes) {
        database.writeSoon(handle -> {
            for (Change change : changes) {
                String id = change.sandbox().value();
                int alive = handle.createUpdate("update sandboxes set state = :state, memory_kept = :memory,"
                                + " problem = :problem where id = :id and ended_at is null")
                        .bind("id", id)
                        .bind("state", change.condition().state())
                        .bind("memory", change.condition().memory().orElse(null))
                        .bind("problem", change.condition().problem().orElse(null))
                        .execute();
                if (alive > 0 && change.runs()) {
                    handle.execute(
                            "update sandbox_pauses set resumed_at = ? where sandbox_id = ? and resumed_at is null",
                            change.when().toEpochMilli(),
                            id);
                } else if (alive > 0) {
                    handle.execute(
                            "insert into sandbox_pauses (sandbox_id, paused_at) select id, ? from sandboxes where id = ?"
                                    + " and not exists (select 1 from sandbox_pauses where sandbox_id = ?"
                                    + " and resumed_at is null) on conflict do nothing",
                            change.when().toEpochMilli(),
                            id,
                            id);
                }
            }
            return changes.size();
        });
    }

    /** The rows that have not ended, and what they say of the state. */
    Map<SandboxId, Condition> alive() {
        return database.read(handle -> handle
                .createQuery("select id, state, memory_kept, problem from sandboxes where ended_at is null")
                .map((row, context) -> Map.entry(
                        new SandboxId(row.getString("id")),
                        new Condition(
                                row.getString("state"),
                                Optional.ofNullable(row.getString("memory_kept")),
                                Optional.ofNullable(row.getString("problem")))))
                .list()
                .stream()
                .collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, Map.Entry::getValue)));
    }

    /** When the sandbox was last resumed, if it ever was. */
    Optional<Instant> resumedAt(SandboxId sandbox) {
        return database.read(handle -> handle.createQuery(
                                "select max(resumed_at) from sandbox_pauses where sandbox_id = :id")
                        .bind("id", sandbox.value())
                        .mapTo(Long.class)
                        .findOne())
                .map(Instant::ofEpochMilli);
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

    private record Life(long start, Optional<Long> end, List<long[]> pauses) {}

    /** When the team's sandboxes ran, for those that did between the two times (epoch milliseconds); by start. */
    List<Span> spans(String teamId, long from, long until) {
        List<Span> spans = new ArrayList<>();
        for (Life life : lives(teamId, from, until)) {
            long start = life.start();
            for (long[] pause : life.pauses()) {
                spans.add(new Span(start, Optional.of(pause[0]), start == life.start()));
                start = pause[1];
            }
            if (start < Long.MAX_VALUE) {
                spans.add(new Span(start, life.end(), start == life.start()));
            }
        }
        return spans.stream()
                .filter(span -> span.start() <= until
                        && span.end().map(end -> end >= from).orElse(true))
                .sorted(Comparator.comparingLong(Span::start))
                .toList();
    }

    /** The pauses are pairs of a start and an end, the latter {@link Long#MAX_VALUE} for one that lasts. */
    private Collection<Life> lives(String teamId, long from, long until) {
        return database.read(handle -> {
            Map<String, Life> lives = new LinkedHashMap<>();
            handle.createQuery("select s.id, s.started_at, s.ended_at, p.paused_at, p.resumed_at from sandboxes s"
                            + " left join sandbox_pauses p on p.sandbox_id = s.id where s.team_id = :team"
                            + " and s.started_at <= :until and (s.ended_at is null or s.ended_at >= :from)"
                            + " order by s.started_at, s.id, p.paused_at")
                    .bind("team", teamId)
                    .bind("from", from)
                    .bind("until", until)
                    .map((row, context) -> {
                        Life life = lives.get(row.getString("id"));
                        if (life == null) {
                            life = new Life(row.getLong("started_at"), number(row, "ended_at"), new ArrayList<>());
                            lives.put(row.getString("id"), life);
                        }
                        Optional<Long> paused = number(row, "paused_at");
                        if (paused.isPresent()) {
                            long resumed = number(row, "resumed_at").orElse(Long.MAX_VALUE);
                            life.pauses().add(new long[] {paused.get(), resumed});
                        }
                        return life;
                    })
                    .list();
            return lives.values();
        });
    }

    private static Optional<Long> number(ResultSet row, String column) throws SQLException {
        long value = row.getLong(column);
        return row.wasNull() ? Optional.empty() : Optional.of(value);
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
