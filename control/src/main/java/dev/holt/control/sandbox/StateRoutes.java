package dev.holt.control.sandbox;

import dev.holt.control.access.Team;
import dev.holt.control.contract.ApiException;
import dev.holt.control.rest.Answer;
import dev.holt.control.rest.Call;
import dev.holt.control.rest.Failures;
import dev.holt.control.rest.PageToken;
import dev.holt.control.rest.Route;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/** Pausing, resuming, connecting, forking, rolling back, recovering, and what happened. */
final class StateRoutes {
    private static final int SHORT_TIMEOUT = 15;
    private static final int LONG_TIMEOUT = 300;

    private final Node node;
    private final Sandboxes sandboxes;
    private final Moves moves;
    private final Forks forks;
    private final SandboxViews views;

    StateRoutes(Node node, Sandboxes sandboxes, Moves moves, Forks forks, SandboxViews views) {
        this.node = node;
        this.sandboxes = sandboxes;
        this.moves = moves;
        this.forks = forks;
        this.views = views;
    }

    private record ForkResult(Optional<SandboxViews.Connected> sandbox, Optional<Failures.Body> error) {}

    private record Placed(PageToken place, SandboxEvent event) {}

    Map<String, Route> routes() {
        return Map.of(
                "connectSandbox", this::connect,
                "connectSandboxV2", this::connect,
                "pauseSandbox", this::pause,
                "resumeSandbox", this::resume,
                "forkSandbox", this::fork,
                "rollbackSandbox", this::rollback,
                "recoverSandbox", this::recover,
                "getSandboxEvents", this::events);
    }

    /** The first version's body has a timeout always; the second's may leave it out. */
    private Answer connect(Call call) {
        Resumed resumed = moves.connect(
                call.team(),
                call.segment("sandboxID"),
                call.body().path("timeout").asInt(LONG_TIMEOUT),
                useMemory(call.body()));
        SandboxViews.Resumption answer = views.resumption(resumed);
        return resumed.way() == Resumed.Way.RAN ? Answer.ok(answer) : Answer.created(answer);
    }

    private Answer pause(Call call) {
        moves.pause(call.team(), call.segment("sandboxID"), useMemory(call.body()));
        return Answer.noContent();
    }

    private Answer resume(Call call) {
        refuseOtherEnd(call.team(), call.segment("sandboxID"), call.body().path("autoPause"));
        return Answer.created(views.resumption(moves.resume(
                call.team(),
                call.segment("sandboxID"),
                call.body().path("timeout").asInt(SHORT_TIMEOUT),
                useMemory(call.body()))));
    }

    /** What happens at a sandbox's end is decided when it is created; a deprecated field says it again. */
    private void refuseOtherEnd(Team team, String text, JsonNode autoPause) {
        SandboxStatus sandbox = sandboxes.get(team, text);
        boolean pauses = sandbox.lifecycle().onTimeout() == Lifecycle.OnTimeout.PAUSE;
        if (autoPause.isBoolean() && autoPause.asBoolean() != pauses) {
            throw ApiException.invalid(
                    "autoPause", "sandbox " + sandbox.id() + " was created with " + pauses + ", which stays as it is");
        }
    }

    private Answer fork(Call call) {
        List<Forks.Outcome> outcomes = forks.fork(
                call.team(),
                call.segment("sandboxID"),
                call.body().path("count").asInt(1),
                call.body().path("timeout").asInt(SHORT_TIMEOUT));
        return Answer.created(outcomes.stream()
                .map(outcome -> new ForkResult(
                        outcome.sandbox().map(views::connected),
                        outcome.failure().map(Failures::body)))
                .toList());
    }

    private Answer rollback(Call call) {
        String snapshot = call.body().path("snapshotID").asString();
        return Answer.ok(views.resumption(moves.rollback(call.team(), call.segment("sandboxID"), snapshot)));
    }

    private Answer recover(Call call) {
        return Answer.ok(views.resumption(moves.recover(call.team(), call.segment("sandboxID"))));
    }

    private Answer events(Call call) {
        SandboxId sandbox = sandboxes.knownId(call.team(), call.segment("sandboxID"));
        boolean newestFirst = call.text("order").orElse("asc").equals("desc");
        PageToken.Page<Placed> page = PageToken.page(call, placed(sandbox), newestFirst, Placed::place);
        return page.withNextToken()
                .apply(Answer.ok(page.entries().stream()
                        .map(placed -> SandboxViews.event(placed.event()))
                        .toList()));
    }

    /** Events of the same time keep their order. */
    private List<Placed> placed(SandboxId sandbox) {
        List<Placed> placed = new ArrayList<>();
        Instant last = Instant.MIN;
        int number = 0;
        for (SandboxEvent event : happened(sandbox)) {
            number = event.time().equals(last) ? number + 1 : 0;
            last = event.time();
            placed.add(new Placed(new PageToken(last, "%04d".formatted(number)), event));
        }
        return placed;
    }

    private List<SandboxEvent> happened(SandboxId sandbox) {
        try {
            return node.events(sandbox);
        } catch (NodeException e) {
            if (e.kind() == NodeException.Kind.NOT_FOUND) {
                throw ApiException.notFound("the events of sandbox " + sandbox + " are no longer kept");
            }
            throw e;
        }
    }

    private static boolean useMemory(JsonNode body) {
        return body.path("memory").asBoolean(true);
    }
}
