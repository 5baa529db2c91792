package dev.holt.control.template;

import dev.holt.control.access.Team;
import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import dev.holt.control.database.Database;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;

/** The templates that sandboxes can start from. Names resolve in memory; counters are read from the database. */
public final class Templates {
    private static final String DEFAULT_TAG = "default";
    /** What clients get for the build of a template that has none: they expect a UUID. */
    private static final String NO_BUILD = new UUID(0, 0).toString();

    private final Database database;
    private final Clock clock;
    private final String envdVersion;
    private final OfferedTemplates offered;
    private volatile Map<String, Template> byName = Map.of();

    /**
     * @param envdVersion the version of the envd service that seeded templates' sandboxes speak
     * @param offered templates that may not be built yet
     */
    public Templates(Database database, Clock clock, String envdVersion, OfferedTemplates offered) {
        this.database = database;
        this.clock = clock;
        this.envdVersion = envdVersion;
        this.offered = offered;
    }

    /** One build of a template. */
    record Build(String id, Resources resources, String envdVersion, Instant createdAt) {}

    /**
     * Writes down the templates that came with the installation, and learns every template's names. One on offer that is not
     * among them has no build on this host any more, whatever the database says.
     */
    public void seed(List<TemplateSeed> seeds) {
        database.write(handle -> {
            for (OfferedTemplates.Offer offer : offered.offers()) {
                handle.execute(
                        "update builds set status = 'lost' where template_id = ? and status = 'ready'",
                        offer.template().value());
            }
            seeds.forEach(seed -> seed(handle, seed));
            return seeds.size();
        });
        learnNames();
    }

    private void learnNames() {
        Map<String, Template> names = new HashMap<>();
        for (Template template : built()) {
            names.put(template.id().value(), template);
            template.aliases().forEach(alias -> names.put(alias, template));
        }
        byName = Map.copyOf(names);
    }

    /**
     * The template that a client wants a sandbox of.
     *
     * @param field what to call the name in errors
     * @throws ApiException 400 for what can't be a name, 404 for an unknown template or tag, 503 with Retry-After for one that is
     *     being built, 409 for one that somebody has to build first
     */
    public Template resolve(String text, Team team, String field) {
        Template template = lookUp(text, team, field);
        if (template.state().equals(Template.READY)) {
            return template;
        }
        return switch (offered.ask(template.id())) {
            case OfferedTemplates.Answer.Ready ready -> {
                database.write(handle -> {
                    seed(handle, ready.seed());
                    return 1;
                });
                learnNames();
                yield lookUp(text, team, field);
            }
            case OfferedTemplates.Answer.NotReady not ->
                throw not.retryAfter()
                        .map(delay -> new ApiException(503, not.problem()).retryAfter(delay))
                        .orElseGet(() -> new ApiException(409, not.problem()));
        };
    }

    /**
     * The template that a client names, which need not be built yet.
     *
     * @throws ApiException 400 and 404 as {@link #resolve}
     */
    public Template lookUp(String text, Team team, String field) {
        TemplateName name = TemplateName.parse(text, field);
        Template template = Optional.ofNullable(byName.get(name.name()))
                .or(() -> unbuilt().stream()
                        .filter(offer -> offer.id().value().equals(name.name())
                                || offer.aliases().contains(name.name()))
                        .findFirst())
                .filter(found -> found.usableBy(team.id()))
                .filter(found -> name.namespace().isEmpty()
                        || (name.namespace().get().equals(team.slug())
                                && found.team().isPresent()))
                .orElseThrow(() -> ApiException.notFound("template '" + Validator.shorten(text) + "' not found"));
        if (!name.tag().orElse(DEFAULT_TAG).equals(DEFAULT_TAG)) {
            throw ApiException.notFound(
                    "template '" + name.name() + "' has no tag '" + name.tag().orElse("") + "'");
        }
        return template;
    }

    /** Those on offer that have no build. */
    private List<Template> unbuilt() {
        return offered.offers().stream()
                .filter(offer -> !byName.containsKey(offer.template().value()))
                .map(offer -> new Template(
                        offer.template(),
                        Optional.empty(),
                        true,
                        offer.aliases(),
                        NO_BUILD,
                        offer.resources(),
                        envdVersion,
                        Instant.EPOCH,
                        Instant.EPOCH,
                        0,
                        Optional.empty(),
                        0,
                        offer.state()))
                .toList();
    }

    /** The template with this id, whoever owns it; names and resources only, its counters may be old. */
    public Optional<Template> known(TemplateId id) {
        return Optional.ofNullable(byName.get(id.value()));
    }

    /** What a team may start from, newest first. */
    List<Template> usableBy(Team team) {
        return all().stream().filter(template -> template.usableBy(team.id())).toList();
    }

    List<Template> everyonesOwn() {
        return all().stream().filter(Template::isPublic).toList();
    }

    /** A template's builds, newest first. */
    List<Build> builds(TemplateId template) {
        return database.read(handle -> handle.createQuery(
                        "select id, cpu_count, memory_mb, disk_mb, envd_version,"
                                + " created_at from builds where template_id = :template and status = 'ready' order by created_at desc, id desc")
                .bind("template", template.value())
                .map((row, context) -> new Build(
                        row.getString("id"),
                        resources(row),
                        row.getString("envd_version"),
                        Instant.ofEpochMilli(row.getLong("created_at"))))
                .list());
    }

    /** Counts one more sandbox, in the transaction that records it. */
    public static void countSpawn(Handle handle, TemplateId template, Instant when) {
        handle.execute(
                "update templates set spawn_count = spawn_count + 1, last_spawned_at = ? where id = ?",
                when.toEpochMilli(),
                template.value());
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

    private List<Template> all() {
        return Stream.concat(built().stream(), unbuilt().stream()).toList();
    }

    private List<Template> built() {
        return database.read(handle -> {
            Map<String, List<String>> aliases = handle
                    .createQuery("select alias, template_id from template_aliases order by alias")
                    .map((row, context) -> Map.entry(row.getString("template_id"), row.getString("alias")))
                    .list()
                    .stream()
                    .collect(Collectors.groupingBy(
                            Map.Entry::getKey, Collectors.mapping(Map.Entry::getValue, Collectors.toList())));
            // The current build of a template is its newest one that is ready.
            return handle.createQuery("select t.id, t.team_id, t.is_public, t.created_at, t.updated_at, t.spawn_count,"
                            + " t.last_spawned_at, b.id as build_id, b.cpu_count, b.memory_mb, b.disk_mb,"
                            + " b.envd_version, (select count(*) from builds c where c.template_id = t.id and c.status = 'ready') as builds"
                            + " from templates t join builds b on b.id = (select n.id from builds n"
                            + " where n.template_id = t.id and n.status = 'ready'"
                            + " order by n.created_at desc, n.id desc limit 1)"
                            + " order by t.created_at desc, t.id desc")
                    .map((row, context) -> template(row, aliases))
                    .list();
        });
    }

    private static Template template(ResultSet row, Map<String, List<String>> aliases) throws SQLException {
        String id = row.getString("id");
        long lastSpawned = row.getLong("last_spawned_at");
        return new Template(
                new TemplateId(id),
                Optional.ofNullable(row.getString("team_id")),
                row.getBoolean("is_public"),
                aliases.getOrDefault(id, List.of()),
                row.getString("build_id"),
                resources(row),
                row.getString("envd_version"),
                Instant.ofEpochMilli(row.getLong("created_at")),
                Instant.ofEpochMilli(row.getLong("updated_at")),
                row.getLong("spawn_count"),
                lastSpawned == 0 ? Optional.empty() : Optional.of(Instant.ofEpochMilli(lastSpawned)),
                row.getInt("builds"),
                Template.READY);
    }

    private static Resources resources(ResultSet row) throws SQLException {
        return new Resources(row.getInt("cpu_count"), row.getInt("memory_mb"), row.getInt("disk_mb"));
    }
}
