package dev.holt.control.snapshot;

import dev.holt.control.access.Team;
import dev.holt.control.contract.ApiException;
import dev.holt.control.rest.Failures;
import dev.holt.control.sandbox.Sandboxes;
import dev.holt.control.template.TemplateName;
import dev.holt.control.template.Templates;
import dev.holt.nodeapi.CaptureSandbox;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.TemplateId;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes snapshots, names them and deletes them. A name belongs to a team; under each of its tags stands one build, and a later
 * snapshot of the same name and tag takes the earlier one's place.
 */
final class Snapshots {
    private static final Logger log = LoggerFactory.getLogger(Snapshots.class);
    private static final String LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
    private static final int ID_LENGTH = 20;
    private static final Pattern BUILD_ID = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    private final Node node;
    private final Sandboxes sandboxes;
    private final Templates templates;
    private final SnapshotStore store;
    private final String envdVersion;
    private final SecureRandom random;
    private final Clock clock;

    /** Names whose first snapshot is being made, with the template that it makes: a second at the same time makes no other. */
    private final Map<String, Pending> pending = new HashMap<>();

    private final ReentrantLock pendingLock = new ReentrantLock();

    private record Pending(TemplateId template, int captures) {}

    Snapshots(
            Node node,
            Sandboxes sandboxes,
            Templates templates,
            SnapshotStore store,
            String envdVersion,
            SecureRandom random,
            Clock clock) {
        this.node = node;
        this.sandboxes = sandboxes;
        this.templates = templates;
        this.store = store;
        this.envdVersion = envdVersion;
        this.random = random;
        this.clock = clock;
    }

    /** @throws ApiException 400 for a bad name, 409 in transition, 503 when it could not be captured */
    Snapshot create(Team team, String sandboxText, Optional<String> nameText, boolean keepMemory) {
        Optional<TemplateName> name = nameText.map(text -> checkedName(text, team));
        SandboxStatus sandbox = sandboxes.get(team, sandboxText);
        if (name.isEmpty()) {
            return create(sandbox, newId(), Optional.empty(), TemplateName.DEFAULT_TAG, keepMemory);
        }
        String alias = name.get().name();
        String place = team.id() + "/" + alias;
        TemplateId template = enter(place, alias, team);
        try {
            // A template that has no name is named by its id, and gets none by that.
            Optional<String> given = template.value().equals(alias) ? Optional.empty() : Optional.of(alias);
            return create(sandbox, template, given, name.get().tagOrDefault(), keepMemory);
        } finally {
            leave(place);
        }
    }

    private Snapshot create(
            SandboxStatus sandbox, TemplateId template, Optional<String> alias, String tag, boolean keepMemory) {
        SnapshotBuild build = capture(
                sandbox,
                new CaptureSandbox(
                        UUID.randomUUID(), template, UUID.randomUUID().toString(), false, keepMemory));
        List<String> replaced;
        try {
            replaced = store.record(build, alias, tag, envdVersion);
        } catch (RuntimeException e) {
            log.error("snapshot {} of {} can't be recorded and is deleted", build.buildId(), sandbox.id(), e);
            forget(template, build.buildId());
            throw e;
        }
        templates.reload(template);
        replaced.forEach(old -> forget(template, old));
        return new Snapshot(
                template,
                alias,
                tag,
                build.buildId(),
                sandbox.id().value(),
                build.isolation().wireName(),
                build.memory().wireName(),
                build.resources(),
                build.bytes(),
                build.stood().toMillis(),
                build.createdAt(),
                Optional.empty());
    }

    private static TemplateName checkedName(String text, Team team) {
        TemplateName name = TemplateName.parse(text, "name");
        checkNamespace(name, team);
        if (BUILD_ID.matcher(name.tagOrDefault()).matches()) {
            throw ApiException.invalid("name", "a tag must not look like the id of a build");
        }
        return name;
    }

    private static void checkNamespace(TemplateName name, Team team) {
        if (name.namespace().filter(space -> !space.equals(team.slug())).isPresent()) {
            throw ApiException.invalid(
                    "name",
                    "the namespace '" + name.namespace().orElse("") + "' must be your team's, '" + team.slug() + "'");
        }
    }

    private TemplateId enter(String place, String alias, Team team) {
        pendingLock.lock();
        try {
            Pending others = pending.get(place);
            TemplateId template = others != null
                    ? others.template()
                    : templates.own(alias, team).orElseGet(this::newId);
            pending.put(place, new Pending(template, others == null ? 1 : others.captures() + 1));
            return template;
        } finally {
            pendingLock.unlock();
        }
    }

    private void leave(String place) {
        pendingLock.lock();
        try {
            pending.computeIfPresent(
                    place, (key, now) -> now.captures() == 1 ? null : new Pending(now.template(), now.captures() - 1));
        } finally {
            pendingLock.unlock();
        }
    }

    private TemplateId newId() {
        StringBuilder text = new StringBuilder(ID_LENGTH);
        while (text.length() < ID_LENGTH) {
            text.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
        }
        return new TemplateId(text.toString());
    }

    private SnapshotBuild capture(SandboxStatus sandbox, CaptureSandbox request) {
        try {
            return node.capture(sandbox.id(), request);
        } catch (NodeException e) {
            if (e.kind() == NodeException.Kind.INTERNAL) {
                throw e;
            }
            throw e.kind() == NodeException.Kind.NOT_FOUND
                    ? Sandboxes.unknown(sandbox.id().value())
                    : Failures.ofNode(e, "sandbox_snapshot_failed");
        }
    }

    /** A team's snapshots, of one sandbox or name where that is given; in no order. */
    List<Snapshot> list(Team team, Optional<String> sandbox, Optional<String> nameText) {
        if (nameText.isEmpty()) {
            return store.list(team.id(), sandbox, Optional.empty(), Optional.empty());
        }
        TemplateName name = TemplateName.parse(nameText.get(), "name");
        checkNamespace(name, team);
        return templates
                .own(name.name(), team)
                .map(template -> store.list(team.id(), sandbox, Optional.of(template), name.tag()))
                .orElse(List.of());
    }

    /**
     * Deletes what a name stands for: with a tag in it that tag alone, without one all of them.
     *
     * @throws ApiException 403 for a template that came with the installation, 404 for what is not the team's
     */
    void delete(Team team, String text) {
        TemplateName name = TemplateName.parse(text, "templateID");
        boolean own = templates.own(name.name(), team).isPresent();
        if (!own && templates.resolveWithoutTag(text, team, "templateID").isPublic()) {
            throw new ApiException(
                    403, "templateID: '" + name.name() + "' came with the installation and can't be deleted");
        }
        // Of a name with a tag nothing may be deleted that the tag does not stand for.
        TemplateId template = name.tag().isPresent()
                ? templates.resolve(text, team, "templateID").id()
                : templates.resolveWithoutTag(text, team, "templateID").id();
        List<String> deleted = store.delete(template, name.tag());
        templates.reload(template);
        deleted.forEach(build -> forget(template, build));
    }

    /** What fails here is deleted by a later {@link #compare}: no row speaks of it any more. */
    private void forget(TemplateId template, String build) {
        try {
            node.deleteSnapshot(template, build);
        } catch (NodeException e) {
            if (e.kind() != NodeException.Kind.NOT_FOUND) {
                log.warn("the node can't delete build {} of {} now; it is tried again later", build, template, e);
            }
        }
    }

    /**
     * Deletes builds that no row speaks of, and marks rows whose build the node does not have.
     *
     * @param grace builds younger than this may still be about to get their row
     */
    void compare(Duration grace) {
        // Rows first: one that is written after this must not look as if its build were missing.
        Map<String, SnapshotStore.Known> rows = store.builds();
        List<SnapshotBuild> builds = node.snapshots();
        Instant now = clock.instant();
        for (SnapshotBuild build : builds) {
            if (!rows.containsKey(build.buildId()) && !build.createdAt().isAfter(now.minus(grace))) {
                log.warn(
                        "build {} of sandbox {} was never acknowledged to a client, or was deleted: deleting it",
                        build.buildId(),
                        build.source());
                forget(build.template(), build.buildId());
            }
        }
        Set<String> whole = builds.stream().map(SnapshotBuild::buildId).collect(Collectors.toUnmodifiableSet());
        rows.forEach((build, row) -> {
            if (whole.contains(build) == row.problem().isPresent()) {
                Optional<String> problem = whole.contains(build)
                        ? Optional.empty()
                        : Optional.of("its artifacts are missing on the node, as was noticed at "
                                + now.truncatedTo(ChronoUnit.SECONDS));
                log.warn("snapshot {} of {}: {}", build, row.template(), problem.orElse("its artifacts are back"));
                store.setProblem(build, problem);
                templates.reload(row.template());
            }
        });
    }
}
