package dev.holt.control.sandbox;

import dev.holt.control.access.Team;
import dev.holt.control.contract.ApiException;
import dev.holt.control.rest.Failures;
import dev.holt.control.template.Template;
import dev.holt.control.template.Templates;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.ResumeSandbox;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves of sandboxes between their states, as clients and traffic ask for them. The node decides whether a move is possible and
 * serialises those of one sandbox; here is decided who may ask, and the quota of what is to run is reserved first.
 */
final class Moves {
    private static final Logger log = LoggerFactory.getLogger(Moves.class);

    private final Node node;
    private final Sandboxes sandboxes;
    private final Templates templates;
    private final Quotas quotas;
    private final Clock clock;

    Moves(Node node, Sandboxes sandboxes, Templates templates, Quotas quotas, Clock clock) {
        this.node = node;
        this.sandboxes = sandboxes;
        this.templates = templates;
        this.quotas = quotas;
        this.clock = clock;
    }

    /** @throws ApiException 409 when it is paused, lost or in transition, 503 when it could not be paused and runs on */
    void pause(Team team, String text, boolean keepMemory) {
        SandboxStatus sandbox = sandboxes.get(team, text);
        attempt(sandbox.id(), "sandbox_pause_failed", () -> node.pause(sandbox.id(), keepMemory));
    }

    /**
     * Makes sure that a sandbox runs, {@code seconds} from now on at least.
     *
     * @throws ApiException 409 when it is lost or stays in transition, 429 for a quota, 503 when it could not be brought back
     */
    Resumed connect(Team team, String text, int seconds, boolean useMemory) {
        SandboxStatus sandbox = sandboxes.get(team, text);
        Sandboxes.lifetime(team, seconds, "timeout");
        boolean runs = sandbox.state() == SandboxState.RUNNING;
        Duration timeout = runs ? left(sandboxes.end(team, sandbox, seconds)) : Duration.ofSeconds(seconds);
        Resumed resumed = run(
                team,
                sandbox,
                "sandbox_resume_failed",
                () -> node.resume(sandbox.id(), new ResumeSandbox(timeout, useMemory)));
        if (runs && resumed.way() != Resumed.Way.RAN) {
            // It was paused between the two: its time counts anew.
            SandboxStatus moved =
                    sandboxes.move(resumed.sandbox(), clock.instant().plusSeconds(seconds), seconds);
            return new Resumed(moved, resumed.way(), resumed.fallback());
        }
        return resumed;
    }

    private Duration left(Instant end) {
        Duration left = Duration.between(clock.instant(), end);
        return left.isNegative() ? Duration.ZERO : left;
    }

    /** As {@link #connect}, but 409 for one that runs already. */
    Resumed resume(Team team, String text, int seconds, boolean useMemory) {
        SandboxStatus sandbox = sandboxes.get(team, text);
        if (sandbox.state() == SandboxState.RUNNING || sandbox.state() == SandboxState.CAPTURING) {
            throw new ApiException(409, "sandbox " + sandbox.id() + " is already running");
        }
        return connect(team, text, seconds, useMemory);
    }

    /** @throws ApiException 400 for another sandbox's snapshot, 404 for an unknown one, 503 when it failed */
    Resumed rollback(Team team, String text, String snapshot) {
        SandboxStatus sandbox = sandboxes.get(team, text);
        Template template = templates.resolve(snapshot, team, "snapshotID");
        if (!template.snapshot()) {
            throw ApiException.invalid("snapshotID", "a snapshot of this sandbox expected, but this is a template");
        }
        template.problem().ifPresent(problem -> {
            throw ApiException.notFound("snapshotID: nothing can be made of it: " + problem);
        });
        return run(
                team,
                sandbox,
                "sandbox_rollback_failed",
                () -> node.rollback(sandbox.id(), template.id(), template.buildId()));
    }

    /** @throws ApiException 409 when it is not lost, 503 when nothing could be brought back */
    Resumed recover(Team team, String text) {
        SandboxStatus sandbox = sandboxes.get(team, text);
        return run(team, sandbox, "sandbox_recover_failed", () -> node.recover(sandbox.id()));
    }

    /**
     * Resumes a sandbox because traffic came for one of its ports.
     *
     * @throws NodeException as {@link Node#wake}
     * @throws ApiException 429 for a quota
     */
    Resumed wake(Team team, SandboxStatus sandbox, int port) {
        try (Quotas.Attempt attempt = quotas.reserve(team, sandbox)) {
            Resumed resumed = node.wake(sandbox.id(), port);
            Instant latest = clock.instant().plus(team.quotas().lifetime());
            if (resumed.way() != Resumed.Way.RAN && resumed.sandbox().deadline().isAfter(latest)) {
                shorten(sandbox.id(), latest, team.quotas().lifetime());
            }
            return resumed;
        }
    }

    private void shorten(SandboxId sandbox, Instant deadline, Duration timeout) {
        try {
            node.setDeadline(sandbox, deadline, timeout);
        } catch (NodeException e) {
            log.info("sandbox {} does not run on, so its end can't be moved", sandbox, e);
        }
    }

    private Resumed run(Team team, SandboxStatus sandbox, String failure, Supplier<Resumed> move) {
        try (Quotas.Attempt attempt = quotas.reserve(team, sandbox)) {
            return attempt(sandbox.id(), failure, move);
        }
    }

    /** What the node could not do has a code of its own for each move. */
    private <T> T attempt(SandboxId sandbox, String failure, Supplier<T> move) {
        try {
            return move.get();
        } catch (NodeException e) {
            if (e.kind() == NodeException.Kind.INTERNAL) {
                throw e;
            }
            boolean gone = e.kind() == NodeException.Kind.NOT_FOUND
                    && node.find(sandbox).isEmpty();
            throw gone ? Sandboxes.unknown(sandbox.value()) : Failures.ofNode(e, failure);
        }
    }
}
