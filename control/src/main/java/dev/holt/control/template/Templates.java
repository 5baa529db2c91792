package dev.holt.control.template;

import dev.holt.control.access.Team;
import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import dev.holt.control.database.Database;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;
import java.time.Clock;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;

/**
 * What sandboxes can start from: the installation's templates, which everybody sees, and each team's own. A name without
 * a namespace is first looked for among the team's own. Names resolve in memory; counters are read from the database.
 */
public final class Templates {
    /** What clients get for the build of a template that has none: they expect a UUID. */
    private static final String NO_BUILD = new UUID(0, 0).toString();

    private final TemplateStore store;
    private final String envdVersion;
    private final OfferedTemplates offered;
    private final ReentrantLock reloading = new ReentrantLock();
    private final Map<TemplateId, TemplateStore.Owned> owned = new ConcurrentHashMap<>();
    private final Map<OwnName, TemplateId> ownNames = new ConcurrentHashMap<>();
    private volatile Map<String, Template> everyones = Map.of();

    /**
     * @param envdVersion the version of the envd service that seeded templates' sandboxes speak
     * @param offered templates that may not be built yet
     */
    public Templates(Database database, Clock clock, String envdVersion, OfferedTemplates offered) {
        this.store = new TemplateStore(database, clock, envdVersion);
        this.envdVersion = envdVersion;
        this.offered = offered;
    }

    private record OwnName(String teamId, String name) {}

    /** One build of a template. */
    record Build(String id, Resources resources, String envdVersion, Instant createdAt) {}

    /**
     * Writes down the templates that came with the installation, and learns every template's names. One on offer that is not
     * among them has no build on this host any more, whatever the database says.
     */
    public void seed(List<TemplateSeed> seeds) {
        store.seed(
                seeds,
                offered.offers().stream().map(OfferedTemplates.Offer::template).toList());
        learnEveryones();
        store.owned(Optional.empty()).forEach(this::learn);
    }

    /** Sandboxes of an offered template start from that build from now on. */
    public void built(TemplateSeed seed) {
        store.seed(List.of(seed), List.of());
        learnEveryones();
    }

    private void learnEveryones() {
        Map<String, Template> names = new HashMap<>();
        for (Template template : store.all()) {
            names.put(template.id().value(), template);
            template.aliases().forEach(alias -> names.put(alias, template));
        }
        everyones = Map.copyOf(names);
    }

    /** Learns what a transaction made of a team's template; one without a tag is forgotten. */
    public void reload(TemplateId id) {
        reloading.lock();
        try {
            List<TemplateStore.Owned> now = store.owned(Optional.of(id));
            TemplateStore.Owned before = owned.get(id);
            now.forEach(this::learn);
            if (before != null && now.isEmpty()) {
                owned.remove(id);
                names(before).forEach(name -> ownNames.remove(name, id));
            }
        } finally {
            reloading.unlock();
        }
    }

    private void learn(TemplateStore.Owned template) {
        owned.put(template.id(), template);
        names(template).forEach(name -> ownNames.put(name, template.id()));
    }

    private static List<OwnName> names(TemplateStore.Owned template) {
        String team = template.teamId();
        OwnName id = new OwnName(team, template.id().value());
        return template.tags().values().iterator().next().aliases().stream()
                .findFirst()
                .map(alias -> List.of(id, new OwnName(team, alias)))
                .orElse(List.of(id));
    }

    /**
     * The template, and its build, that a client names.
     *
     * @param field what to call the name in errors
     * @throws ApiException 400 for what can't be a name, 404 for an unknown template or tag, 503 with Retry-After for one that is
     *     being built, 409 for one that somebody has to build first
     */
    public Template resolve(String text, Team team, String field) {
        TemplateName name = TemplateName.parse(text, field);
        Optional<TemplateStore.Owned> own = own(name, team);
        if (own.isPresent()) {
            Map<String, Template> tags = own.get().tags();
            return Optional.ofNullable(tags.get(name.tagOrDefault()))
                    .or(() -> tags.values().stream()
                            .filter(build -> build.buildId().equals(name.tagOrDefault()))
                            .findFirst())
                    .orElseThrow(() -> noTag(name, tags));
        }
        Template template = everyones(name, team)
                .orElseThrow(() -> ApiException.notFound("template '" + Validator.shorten(text) + "' not found"));
        if (!name.tagOrDefault().equals(TemplateName.DEFAULT_TAG)) {
            throw noTag(name, Map.of(TemplateName.DEFAULT_TAG, template));
        }
        return template.state().equals(Template.READY) ? template : asked(template, name, team);
    }

    /** One on offer, if it has been built meanwhile. */
    private Template asked(Template template, TemplateName name, Team team) {
        return switch (offered.ask(template.id())) {
            case OfferedTemplates.Answer.Ready ready -> {
                built(ready.seed());
                yield everyones(name, team).orElse(template);
            }
            case OfferedTemplates.Answer.NotReady not ->
                throw not.retryAfter()
                        .map(delay -> new ApiException(503, not.problem()).retryAfter(delay))
                        .orElseGet(() -> new ApiException(409, not.problem()));
        };
    }

    /** Those on offer that have no build. */
    private List<Template> unbuilt() {
        return offered.offers().stream()
                .filter(offer -> !everyones.containsKey(offer.template().value()))
                .map(offer -> new Template(
                        offer.template(),
                        Optional.empty(),
                        true,
                        false,
                        offer.aliases(),
                        NO_BUILD,
                        offer.resources(),
                        envdVersion,
                        Instant.EPOCH,
                        Instant.EPOCH,
                        0,
                        Optional.empty(),
                        0,
                        Optional.empty(),
                        offer.state()))
                .toList();
    }

    private List<Template> all() {
        return Stream.concat(store.all().stream(), unbuilt().stream()).toList();
    }

    /**
     * The template that a client names, whatever the tag, which need not be built yet.
     *
     * @throws ApiException 400 and 404 as {@link #resolve}
     */
    public Template resolveWithoutTag(String text, Team team, String field) {
        TemplateName name = TemplateName.parse(text, field);
        return own(name, team)
                .map(found -> found.tags().values().iterator().next())
                .or(() -> everyones(name, team))
                .orElseThrow(() -> ApiException.notFound("template '" + Validator.shorten(text) + "' not found"));
    }

    /** The id of a template of the team's own, by its alias or id. */
    public Optional<TemplateId> own(String name, Team team) {
        return Optional.ofNullable(ownNames.get(new OwnName(team.id(), name)));
    }

    private Optional<TemplateStore.Owned> own(TemplateName name, Team team) {
        if (name.namespace().isPresent() && !name.namespace().get().equals(team.slug())) {
            return Optional.empty();
        }
        return own(name.name(), team).map(owned::get);
    }

    private Optional<Template> everyones(TemplateName name, Team team) {
        return Optional.ofNullable(everyones.get(name.name()))
                .or(() -> unbuilt().stream()
                        .filter(offer -> offer.id().value().equals(name.name())
                                || offer.aliases().contains(name.name()))
                        .findFirst())
                .filter(found -> found.usableBy(team.id()))
                .filter(found -> name.namespace().isEmpty()
                        || (name.namespace().get().equals(team.slug())
                                && found.team().isPresent()));
    }

    private static ApiException noTag(TemplateName name, Map<String, Template> tags) {
        return ApiException.notFound("template '" + name.name() + "' has no tag '" + name.tagOrDefault() + "', only "
                + String.join(", ", tags.keySet()));
    }

    /** The template with this id, whoever owns it; names and resources only, its counters may be old. */
    public Optional<Template> known(TemplateId id) {
        return Optional.ofNullable(owned.get(id))
                .map(found -> found.tags().values().iterator().next())
                .or(() -> Optional.ofNullable(everyones.get(id.value())));
    }

    /** What a team may start from, snapshots not listed, newest first. */
    List<Template> usableBy(Team team) {
        return all().stream().filter(template -> template.usableBy(team.id())).toList();
    }

    List<Template> everyonesOwn() {
        return all().stream().filter(Template::isPublic).toList();
    }

    /** A template's builds, newest first. */
    List<Build> builds(TemplateId template) {
        return store.builds(template);
    }

    /** Counts one more sandbox, in the transaction that records it. */
    public static void countSpawn(Handle handle, TemplateId template, Instant when) {
        handle.execute(
                "update templates set spawn_count = spawn_count + 1, last_spawned_at = ? where id = ?",
                when.toEpochMilli(),
                template.value());
    }
}
