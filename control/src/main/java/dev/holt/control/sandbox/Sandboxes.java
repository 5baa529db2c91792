package dev.holt.control.sandbox;

import dev.holt.control.access.Team;
import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import dev.holt.control.template.Template;
import dev.holt.control.template.Templates;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides about sandboxes: who may make one, how long it lives, who may touch it. The node owns what runs; every answer
 * about a running sandbox is the node's.
 */
public final class Sandboxes {
    private static final Logger log = LoggerFactory.getLogger(Sandboxes.class);
    private static final int TOKEN_BYTES = 32;

    private final Node node;
    private final Templates templates;
    private final Quotas quotas;
    private final SandboxStore store;
    private final SandboxSettings settings;
    private final SecureRandom random;
    private final Clock clock;
    private final AtomicLong created = new AtomicLong();
    private final AtomicLong failed = new AtomicLong();
    private final AtomicLong starting = new AtomicLong();

    Sandboxes(
            Node node,
            Templates templates,
            Quotas quotas,
            SandboxStore store,
            SandboxSettings settings,
            SecureRandom random,
            Clock clock) {
        this.node = node;
        this.templates = templates;
        this.quotas = quotas;
        this.store = store;
        this.settings = settings;
        this.random = random;
        this.clock = clock;
    }

    /** How creates went since the start: those that succeeded, those that the node failed, those under way. */
    public record Creates(long succeeded, long failed, long starting) {}

    public Creates creates() {
        return new Creates(created.get(), failed.get(), starting.get());
    }

    /**
     * Makes a sandbox. In order: reserve the quota, ask the node, record. What fails undoes what came before it.
     *
     * @param timeout seconds to live
     * @param requestId the node makes one sandbox for it, however often it is asked
     */
    SandboxStatus create(
            Team team,
            NewSandbox wanted,
            int timeout,
            boolean secure,
            UUID requestId,
            Optional<SandboxRow.Idempotency> idempotency) {
        Template template = templates.resolve(wanted.template(), team, "templateID");
        boolean open = wanted.publicTraffic().orElse(true);
        if (!open && !secure) {
            throw ApiException.invalid("network.allowPublicTraffic", "false needs secure: true");
        }
        CreateSandbox request = new CreateSandbox(
                requestId,
                team.id(),
                template.id(),
                template.buildId(),
                template.resources(),
                clock.instant().plusSeconds(lifetime(team, timeout, "timeout")),
                secure ? Optional.of(token()) : Optional.empty(),
                wanted.environment(),
                wanted.metadata(),
                new NetworkPolicy(
                        wanted.internetAccess().orElse(true),
                        wanted.egress().allowed(),
                        wanted.egress().denied(),
                        open ? Optional.empty() : Optional.of(token()),
                        wanted.maskRequestHost()),
                stronger(wanted.weakest().orElse(Isolation.CONTAINER), settings.weakestIsolation()),
                Optional.empty());
        try (Quotas.Reservation room = quotas.reserve(team, template.resources())) {
            SandboxStatus sandbox = start(request);
            room.holdFor(sandbox.id());
            record(new SandboxRow(
                    sandbox,
                    secure,
                    wanted.internetAccess(),
                    wanted.publicTraffic(),
                    settings.envdVersion(),
                    idempotency));
            return sandbox;
        }
    }

    private SandboxStatus start(CreateSandbox request) {
        starting.incrementAndGet();
        try {
            SandboxStatus sandbox = node.create(request);
            created.incrementAndGet();
            return sandbox;
        } catch (RuntimeException e) {
            failed.incrementAndGet();
            throw e;
        } finally {
            starting.decrementAndGet();
        }
    }

    /** A sandbox without a row would be nobody's: when it can't be recorded it must not run. */
    private void record(SandboxRow row) {
        SandboxId id = row.sandbox().id();
        try {
            store.insert(row);
        } catch (RuntimeException e) {
            log.error("sandbox {} can't be recorded and is killed", id, e);
            try {
                node.kill(id, EndReason.ORPHANED);
            } catch (NodeException gone) {
                log.info("sandbox {} was gone before it could be killed", id, gone);
            }
            quotas.release(id);
            throw e;
        }
        // Its end may have been reported before there was a row to end or room to free.
        if (node.find(id).isEmpty()) {
            quotas.release(id);
            store.end(List.of(SandboxStore.End.unobserved(id, clock.instant())));
        }
    }

    /** @throws ApiException 404 for a sandbox that does not run or is another team's, 400 for what can't be an id */
    SandboxStatus get(Team team, String text) {
        return find(team, text).orElseThrow(() -> unknown(text));
    }

    Optional<SandboxStatus> find(Team team, String text) {
        return SandboxReference.parse(text)
                .flatMap(node::find)
                .filter(found -> found.teamId().equals(team.id()));
    }

    /** Every running sandbox of a team, in no order. */
    List<SandboxStatus> running(Team team) {
        return node.list().stream()
                .filter(sandbox -> sandbox.teamId().equals(team.id()))
                .toList();
    }

    void kill(Team team, String text) {
        SandboxStatus sandbox = get(team, text);
        try {
            node.kill(sandbox.id(), EndReason.KILLED);
        } catch (NodeException e) {
            throw e.kind() == NodeException.Kind.NOT_FOUND ? unknown(text) : e;
        }
    }

    /** Moves the end to {@code seconds} from now, or to the latest that the team's quota allows if that is earlier. */
    SandboxStatus setTimeout(Team team, String text, int seconds) {
        return move(get(team, text), text, deadline(team, text, seconds, "timeout"));
    }

    /** As {@link #setTimeout}, but never to an earlier end. */
    SandboxStatus extend(Team team, String text, int seconds, String field) {
        SandboxStatus sandbox = get(team, text);
        Instant wanted = deadline(team, text, seconds, field);
        return wanted.isAfter(sandbox.deadline()) ? move(sandbox, text, wanted) : sandbox;
    }

    private Instant deadline(Team team, String text, int seconds, String field) {
        Instant wanted = clock.instant().plusSeconds(lifetime(team, seconds, field));
        Instant latest = get(team, text).startedAt().plus(team.quotas().lifetime());
        return wanted.isAfter(latest) ? latest : wanted;
    }

    private SandboxStatus move(SandboxStatus sandbox, String text, Instant deadline) {
        try {
            return node.setDeadline(sandbox.id(), deadline);
        } catch (NodeException e) {
            throw e.kind() == NodeException.Kind.NOT_FOUND ? unknown(text) : e;
        }
    }

    static ApiException unknown(String text) {
        return ApiException.notFound("sandbox " + Validator.shorten(text) + " not found");
    }

    private static int lifetime(Team team, int seconds, String field) {
        Duration most = team.quotas().lifetime();
        if (seconds > most.toSeconds()) {
            throw ApiException.invalid(
                    field,
                    "must be at most " + most.toSeconds() + " seconds, the team's quota for a sandbox's lifetime; got "
                            + seconds);
        }
        return seconds;
    }

    private static Isolation stronger(Isolation one, Isolation other) {
        return one.atLeast(other) ? one : other;
    }

    private String token() {
        byte[] bytes = new byte[TOKEN_BYTES];
        random.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    /** Kills every sandbox of a team; how many it did, and how many it could not. */
    public Map.Entry<Integer, Integer> killAll(String teamId) {
        int killed = 0;
        int left = 0;
        for (SandboxStatus sandbox : node.list()) {
            if (!sandbox.teamId().equals(teamId)) {
                continue;
            }
            try {
                node.kill(sandbox.id(), EndReason.KILLED);
                killed++;
            } catch (NodeException e) {
                // One that ended by itself meanwhile needs no killing.
                if (e.kind() != NodeException.Kind.NOT_FOUND) {
                    log.error("can't kill sandbox {} of team {}", sandbox.id(), teamId, e);
                    left++;
                }
            }
        }
        return Map.entry(killed, left);
    }
}
