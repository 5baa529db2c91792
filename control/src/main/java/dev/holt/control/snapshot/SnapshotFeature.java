package dev.holt.control.snapshot;

import dev.holt.control.access.Team;
import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import dev.holt.control.database.Database;
import dev.holt.control.rest.Answer;
import dev.holt.control.rest.Call;
import dev.holt.control.rest.PageToken;
import dev.holt.control.rest.Route;
import dev.holt.control.sandbox.Sandboxes;
import dev.holt.control.template.Templates;
import dev.holt.nodeapi.Node;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Everything about snapshots, wired together: the routes, and the upkeep behind them. */
public final class SnapshotFeature {
    /** A build without a row is deleted; somebody who lost his database has this long to bring it back. */
    private static final Duration GRACE = Duration.ofHours(1);

    private final Snapshots snapshots;

    /** Brings rows and node into step before it returns. */
    public SnapshotFeature(
            Database database,
            Node node,
            Templates templates,
            Sandboxes sandboxes,
            String envdVersion,
            SecureRandom random,
            Clock clock) {
        snapshots = new Snapshots(node, sandboxes, templates, new SnapshotStore(database), envdVersion, random, clock);
        snapshots.compare(GRACE);
    }

    public Map<String, Route> routes() {
        return Map.of(
                "createSnapshot",
                this::create,
                "listSnapshots",
                this::list,
                "deleteTemplate",
                call -> delete(call, call.segment("templateID")),
                "deleteTemplateInNamespace",
                call -> delete(call, call.segment("namespace") + "/" + call.segment("templateID")));
    }

    /** Compares rows with the node; called every minute. */
    public void maintain() {
        snapshots.compare(GRACE);
    }

    private record Info(String snapshotID, List<String> names, Detail holt) {}

    private record Detail(
            String templateID,
            String buildID,
            String sandboxID,
            String isolation,
            String memory,
            long bytes,
            int cpuCount,
            int memoryMB,
            int diskSizeMB,
            Instant createdAt,
            long stoodMilliseconds,
            Optional<String> problem) {}

    private Answer create(Call call) {
        return Answer.created(info(
                call.team(),
                snapshots.create(
                        call.team(),
                        call.segment("sandboxID"),
                        call.body().path("name").stringValueOpt(),
                        call.body().path("memory").asBoolean(true))));
    }

    private Answer list(Call call) {
        Optional<String> sandbox = call.text("sandboxID").map(SnapshotFeature::withoutClient);
        PageToken.Page<Snapshot> page = PageToken.page(
                call,
                snapshots.list(call.team(), sandbox, call.text("name")),
                true,
                snapshot -> new PageToken(snapshot.createdAt(), snapshot.buildId() + ":" + snapshot.tag()));
        return page.withNextToken()
                .apply(Answer.ok(page.entries().stream()
                        .map(snapshot -> info(call.team(), snapshot))
                        .toList()));
    }

    /** Older SDKs write a client's id behind the sandbox's. */
    private static String withoutClient(String sandbox) {
        if (!sandbox.matches("[a-z0-9]+(-[a-z0-9]+)?")) {
            throw ApiException.invalid(
                    "sandboxID", "an id of a-z and 0-9 expected, got '" + Validator.shorten(sandbox) + "'");
        }
        return sandbox.split("-", 2)[0];
    }

    private Answer delete(Call call, String name) {
        snapshots.delete(call.team(), name);
        return Answer.noContent();
    }

    private static Info info(Team team, Snapshot snapshot) {
        Optional<String> name = snapshot.alias().map(alias -> team.slug() + "/" + alias + ":" + snapshot.tag());
        return new Info(
                name.orElse(snapshot.template() + ":" + snapshot.tag()),
                name.stream().toList(),
                new Detail(
                        snapshot.template().value(),
                        snapshot.buildId(),
                        snapshot.sandbox(),
                        snapshot.isolation(),
                        snapshot.memory(),
                        snapshot.bytes(),
                        snapshot.resources().cpuCount(),
                        snapshot.resources().memoryMegabytes(),
                        snapshot.resources().diskMegabytes(),
                        snapshot.createdAt().truncatedTo(ChronoUnit.MILLIS),
                        snapshot.stoodMilliseconds(),
                        snapshot.problem()));
    }
}
