package dev.holt.control.template;

import dev.holt.control.database.Database;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;

/** The tables of templates and builds. */
final class TemplateStore {
    private static final String SNAPSHOT = "snapshot";

    private final Database database;
    private final Clock clock;
    private final String envdVersion;

    TemplateStore(Database database, Clock clock, String envdVersion) {
        this.database = database;
        this.clock = clock;
        this.envdVersion = envdVersion;
    }

    /**
     * Writes down the templates that came with the installation. One on offer that is not among them has no build on this host any
     * more, whatever the database says.
     */
    void seed(List<TemplateSeed> seeds, List<TemplateId> offered) {
        database.write(handle -> {
            for (TemplateId offer : offered) {
                handle.execute(
                        "update builds set status = 'lost' where template_id = ? and status = 'ready'", offer.value());
            }
            seeds.forEach(seed -> seed(handle, seed));
            return seeds.size();
        });
    }

    /** A template's builds that are ready, newest first. */
    List<Templates.Build> builds(TemplateId template) {
        return database.read(handle -> handle.createQuery(
                        "select id, cpu_count, memory_mb, disk_mb, envd_version,"
                                + " created_at from builds where template_id = :template and status = 'ready' order by created_at desc, id desc")
                .bind("template", template.value())
                .map((row, context) -> new Templates.Build(
                        row.getString("id"),
                        resources(row),
                        row.getString("envd_version"),
                        Instant.ofEpochMilli(row.getLong("created_at"))))
                .list());
    }

    /** Every template that is none of snapshots, newest first, with its current build: its newest one that is ready. */
    List<Template> all() {
        return database.read(handle -> {
            Map<String, List<String>> aliases = handle
                    .createQuery("select alias, template_id from template_aliases order by alias")
                    .map((row, context) -> Map.entry(row.getString("template_id"), row.getString("alias")))
                    .list()
                    .stream()
                    .collect(Collectors.groupingBy(
                            Map.Entry::getKey, Collectors.mapping(Map.Entry::getValue, Collectors.toList())));
            return handle.createQuery("select t.id, t.team_id, t.is_public, t.source, t.created_at, t.updated_at,"
                            + " t.spawn_count, t.last_spawned_at, b.id as build_id, b.cpu_count, b.memory_mb, b.disk_mb,"
                            + " b.envd_version, null as problem,"
                            + " (select count(*) from builds c where c.template_id = t.id and c.status = 'ready') as builds"
                            + " from templates t join builds b on b.id = (select n.id from builds n"
                            + " where n.template_id = t.id and n.status = 'ready'"
                            + " order by n.created_at desc, n.id desc limit 1)"
                            + " where t.source = 'template' order by t.created_at desc, t.id desc")
                    .map((row, context) -> template(row, aliases.getOrDefault(row.getString("id"), List.of())))
                    .list();
        });
    }

    /** A template of a team's: each of its tags with its build, the newest first. */
    record Owned(String teamId, TemplateId id, Map<String, Template> tags) {}

    /** Every template of every team's that has a tag; {@code only} one if it is given. */
    List<Owned> owned(Optional<TemplateId> only) {
        return database.read(handle -> {
            Query query = handle.createQuery("select t.id, t.team_id, t.is_public, t.source, t.created_at,"
                            + " t.updated_at, t.spawn_count, t.last_spawned_at, g.tag, b.id as build_id, b.cpu_count,"
                            + " b.memory_mb, b.disk_mb, b.envd_version, s.problem,"
                            + " (select count(*) from builds c where c.template_id = t.id) as builds,"
                            + " (select min(a.alias) from team_aliases a where a.template_id = t.id) as alias"
                            + " from templates t join template_tags g on g.template_id = t.id"
                            + " join builds b on b.id = g.build_id left join snapshots s on s.build_id = b.id"
                            + " where t.team_id is not null and (:all = 1 or t.id = :only)"
                            + " order by g.assigned_at desc, g.tag")
                    .bind("all", only.isEmpty() ? 1 : 0)
                    .bind("only", only.map(TemplateId::value).orElse(""));
            Map<TemplateId, Map<String, Template>> found = new HashMap<>();
            query.map((row, context) -> Map.entry(
                            row.getString("tag"),
                            template(
                                    row,
                                    Optional.ofNullable(row.getString("alias")).stream()
                                            .toList())))
                    .forEach(entry -> found.computeIfAbsent(entry.getValue().id(), id -> new LinkedHashMap<>())
                            .put(entry.getKey(), entry.getValue()));
            return found.entrySet().stream()
                    .map(entry -> new Owned(
                            entry.getValue().values().iterator().next().team().orElseThrow(),
                            entry.getKey(),
                            entry.getValue()))
                    .toList();
        });
    }

    private void seed(Handle handle, TemplateSeed seed) {
        String id = seed.templateId().value();
        String build = seed.buildId().toString();
        long now = clock.millis();
        handle.execute(
                "insert into templates (id, team_id, is_public, created_at, updated_at, spawn_count)"
                        + " values (?, null, true, ?, ?, 0) on conflict (id) do nothing",
                id,
                seed.createdAt().toEpochMilli(),
                seed.createdAt().toEpochMilli());
        int added = handle.createUpdate("insert into builds (id, template_id, status, cpu_count, memory_mb, disk_mb,"
                        + " envd_version, created_at, updated_at, finished_at) values (:id, :template, 'ready', :cpu,"
                        + " :memory, :disk, :envd, :created, :now, :created) on conflict (id) do nothing")
                .bind("id", build)
                .bind("template", id)
                .bind("cpu", seed.resources().cpuCount())
                .bind("memory", seed.resources().memoryMegabytes())
                .bind("disk", seed.resources().diskMegabytes())
                .bind("envd", envdVersion)
                .bind("created", seed.createdAt().toEpochMilli())
                .bind("now", now)
                .execute();
        if (added > 0) {
            handle.execute("update templates set updated_at = ? where id = ?", now, id);
        }
        // The operator may change the limits, and an upgrade the envd version, of the very same build.
        handle.createUpdate(
                        "update builds set status = 'ready', cpu_count = :cpu, memory_mb = :memory, disk_mb = :disk,"
                                + " envd_version = :envd where id = :id")
                .bind("id", build)
                .bind("cpu", seed.resources().cpuCount())
                .bind("memory", seed.resources().memoryMegabytes())
                .bind("disk", seed.resources().diskMegabytes())
                .bind("envd", envdVersion)
                .execute();
        handle.execute("delete from template_aliases where template_id = ?", id);
        for (String alias : seed.aliases()) {
            handle.execute(
                    "insert into template_aliases (alias, template_id) values (?, ?)"
                            + " on conflict (alias) do update set template_id = excluded.template_id",
                    alias,
                    id);
        }
    }

    private static Template template(ResultSet row, List<String> aliases) throws SQLException {
        long lastSpawned = row.getLong("last_spawned_at");
        return new Template(
                new TemplateId(row.getString("id")),
                Optional.ofNullable(row.getString("team_id")),
                row.getBoolean("is_public"),
                row.getString("source").equals(SNAPSHOT),
                aliases,
                row.getString("build_id"),
                resources(row),
                row.getString("envd_version"),
                Instant.ofEpochMilli(row.getLong("created_at")),
                Instant.ofEpochMilli(row.getLong("updated_at")),
                row.getLong("spawn_count"),
                lastSpawned == 0 ? Optional.empty() : Optional.of(Instant.ofEpochMilli(lastSpawned)),
                row.getInt("builds"),
                Optional.ofNullable(row.getString("problem")),
                Template.READY);
    }

    private static Resources resources(ResultSet row) throws SQLException {
        return new Resources(row.getInt("cpu_count"), row.getInt("memory_mb"), row.getInt("disk_mb"));
    }
}
