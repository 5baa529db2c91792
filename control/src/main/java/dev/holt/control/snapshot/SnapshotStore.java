package dev.holt.control.snapshot;

import dev.holt.control.database.Database;
import dev.holt.nodeapi.Resources;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.TemplateId;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;

/** The rows of snapshots: templates, names, tags and builds. Which builds are whole only their node knows. */
final class SnapshotStore {
    private static final String COLUMNS = "t.id as template_id, (select min(a.alias) from team_aliases a"
            + " where a.template_id = t.id) as alias, g.tag, b.id as build_id, b.cpu_count, b.memory_mb, b.disk_mb,"
            + " s.sandbox_id, s.isolation, s.memory, s.bytes, s.stood_ms, s.problem, s.created_at";
    private static final String TABLES = " from snapshots s join builds b on b.id = s.build_id"
            + " join templates t on t.id = b.template_id join template_tags g on g.build_id = b.id";

    private final Database database;

    SnapshotStore(Database database) {
        this.database = database;
    }

    /** A build that a row speaks of. */
    record Known(TemplateId template, Optional<String> problem) {}

    /**
     * Records a build under a tag, which it takes from the build that had it. Durable when it returns.
     *
     * @param alias the template's name within the team, if it has one
     * @return the builds that no tag stands for any more; they are forgotten here
     */
    List<String> record(SnapshotBuild build, Optional<String> alias, String tag, String envdVersion) {
        String template = build.template().value();
        long created = build.createdAt().toEpochMilli();
        return database.write(handle -> {
            handle.execute(
                    "insert into templates (id, team_id, is_public, created_at, updated_at, spawn_count, source)"
                            + " values (?, ?, false, ?, ?, 0, 'snapshot')"
                            + " on conflict (id) do update set updated_at = excluded.updated_at",
                    template,
                    build.teamId(),
                    created,
                    created);
            alias.ifPresent(name -> handle.execute(
                    "insert into team_aliases (team_id, alias, template_id) values (?, ?, ?)"
                            + " on conflict (team_id, alias) do nothing",
                    build.teamId(),
                    name,
                    template));
            insert(handle, build, envdVersion);
            handle.execute(
                    "insert into template_tags (template_id, tag, build_id, assigned_at) values (?, ?, ?, ?)"
                            + " on conflict (template_id, tag) do update set build_id = excluded.build_id,"
                            + " assigned_at = excluded.assigned_at",
                    template,
                    tag,
                    build.buildId(),
                    created);
            return forgetUntagged(handle, build.template());
        });
    }

    private static void insert(Handle handle, SnapshotBuild build, String envdVersion) {
        long created = build.createdAt().toEpochMilli();
        handle.createUpdate("insert into builds (id, template_id, status, cpu_count, memory_mb, disk_mb, envd_version,"
                        + " created_at, updated_at, finished_at) values (:id, :template, 'ready', :cpu, :memory, :disk,"
                        + " :envd, :created, :created, :created)")
                .bind("id", build.buildId())
                .bind("template", build.template().value())
                .bind("cpu", build.resources().cpuCount())
                .bind("memory", build.resources().memoryMegabytes())
                .bind("disk", build.resources().diskMegabytes())
                .bind("envd", envdVersion)
                .bind("created", created)
                .execute();
        handle.createUpdate("insert into snapshots (build_id, team_id, sandbox_id, isolation, memory, bytes, stood_ms,"
                        + " created_at) values (:id, :team, :sandbox, :isolation, :memory, :bytes, :stood, :created)")
                .bind("id", build.buildId())
                .bind("team", build.teamId())
                .bind("sandbox", build.source().value())
                .bind("isolation", build.isolation().wireName())
                .bind("memory", build.memory().wireName())
                .bind("bytes", build.bytes())
                .bind("stood", build.stood().toMillis())
                .bind("created", created)
                .execute();
    }

    /**
     * Forgets a template's tags, or only what one tag or build id stands for, and with its last tag the template.
     *
     * @return the builds that are forgotten
     */
    List<String> delete(TemplateId template, Optional<String> tagOrBuild) {
        return database.write(handle -> {
            handle.createUpdate("delete from template_tags where template_id = :template"
                            + " and (:all = 1 or tag = :one or build_id = :one)")
                    .bind("template", template.value())
                    .bind("all", tagOrBuild.isEmpty() ? 1 : 0)
                    .bind("one", tagOrBuild.orElse(""))
                    .execute();
            List<String> builds = forgetUntagged(handle, template);
            handle.execute(
                    "delete from templates where id = ? and source = 'snapshot'"
                            + " and not exists (select 1 from template_tags g where g.template_id = templates.id)",
                    template.value());
            return builds;
        });
    }

    private static List<String> forgetUntagged(Handle handle, TemplateId template) {
        String untagged = " from builds where template_id = :template and id in (select build_id from snapshots)"
                + " and not exists (select 1 from template_tags g where g.build_id = builds.id)";
        List<String> builds = handle.createQuery("select id" + untagged)
                .bind("template", template.value())
                .mapTo(String.class)
                .list();
        handle.createUpdate("delete" + untagged)
                .bind("template", template.value())
                .execute();
        return builds;
    }

    /** A team's snapshots, of one sandbox, template or tag where that is given; in no order. */
    List<Snapshot> list(String teamId, Optional<String> sandbox, Optional<TemplateId> template, Optional<String> tag) {
        return database.read(handle -> handle.createQuery("select " + COLUMNS + TABLES + " where s.team_id = :team"
                        + " and (:anySandbox = 1 or s.sandbox_id = :sandbox)"
                        + " and (:anyTemplate = 1 or t.id = :template) and (:anyTag = 1 or g.tag = :tag)")
                .bind("team", teamId)
                .bind("anySandbox", sandbox.isEmpty() ? 1 : 0)
                .bind("sandbox", sandbox.orElse(""))
                .bind("anyTemplate", template.isEmpty() ? 1 : 0)
                .bind("template", template.map(TemplateId::value).orElse(""))
                .bind("anyTag", tag.isEmpty() ? 1 : 0)
                .bind("tag", tag.orElse(""))
                .map((row, context) -> snapshot(row))
                .list());
    }

    /** Every build that was made from a sandbox, by its id. */
    Map<String, Known> builds() {
        return database.read(handle -> handle
                .createQuery("select s.build_id, b.template_id, s.problem from snapshots s"
                        + " join builds b on b.id = s.build_id")
                .map((row, context) -> Map.entry(
                        row.getString("build_id"),
                        new Known(
                                new TemplateId(row.getString("template_id")),
                                Optional.ofNullable(row.getString("problem")))))
                .list()
                .stream()
                .collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, Map.Entry::getValue)));
    }

    void setProblem(String buildId, Optional<String> problem) {
        database.write(handle -> handle.createUpdate("update snapshots set problem = :problem where build_id = :id")
                .bind("problem", problem.orElse(null))
                .bind("id", buildId)
                .execute());
    }

    private static Snapshot snapshot(ResultSet row) throws SQLException {
        return new Snapshot(
                new TemplateId(row.getString("template_id")),
                Optional.ofNullable(row.getString("alias")),
                row.getString("tag"),
                row.getString("build_id"),
                row.getString("sandbox_id"),
                row.getString("isolation"),
                row.getString("memory"),
                new Resources(row.getInt("cpu_count"), row.getInt("memory_mb"), row.getInt("disk_mb")),
                row.getLong("bytes"),
                row.getLong("stood_ms"),
                Instant.ofEpochMilli(row.getLong("created_at")),
                Optional.ofNullable(row.getString("problem")));
    }
}
