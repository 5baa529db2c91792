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
import dev.holt.nodeapi.SandboxState;
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
     * Makes the sandbox that a client wants.
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
        template.problem().ifPresent(problem -> {
            throw ApiException.notFound(
                    "templateID: nothing can start from '" + Validator.shorten(wanted.template()) + "': " + problem);
        });
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
                wanted.lifecycle(timeout),
                wanted.useMemory(),
                stronger(wanted.weakest().orElse(Isolation.CONTAINER), settings.weakestIsolation()),
                Optional.empty());
        return make(
                team,
                request,
                new SandboxStore.Extras(secure, wanted.internetAccess(), wanted.publicTraffic()),
                idempotency);
    }

    /**
     * Makes a sandbox that is described to the end. In order: reserve the quota, ask the node, record. What fails undoes what
     * came before it.
     */
    SandboxStatus make(
            Team team,
            CreateSandbox request,
            SandboxStore.Extras extras,
            Optional<SandboxRow.Idempotency> idempotency) {
        try (Quotas.Reservation room = quotas.reserve(team, request.resources())) {
            SandboxStatus sandbox = start(request);
            room.holdFor(sandbox.id());
            record(new SandboxRow(
                    sandbox,
                    extras.secure(),
                    extras.internetAccess(),
                    extras.publicTraffic(),
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
        // Its end, or a pause, may have been reported before there was a row to change or room to free.
        Optional<SandboxStatus> now = node.find(id);
        if (now.isEmpty()) {
            quotas.release(id);
            store.end(List.of(SandboxStore.End.unobserved(id, clock.instant())));
        } else if (now.get().state() != SandboxState.RUNNING) {
            store.change(List.of(SandboxStore.Change.of(now.get(), clock.instant())));
        }
    }

    /** @throws ApiException 404 for a sandbox that has ended or is another team's, 400 for what can't be an id */
    public SandboxStatus get(Team team, String text) {
        return find(team, text).orElseThrow(() -> unknown(text));
    }

    Optional<SandboxStatus> find(Team team, String text) {
        return SandboxReference.parse(text)
                .flatMap(node::find)
                .filter(found -> found.teamId().equals(team.id()));
    }

    /**
     * The id of a sandbox that the team has or had.
     *
     * @throws ApiException 404 for one that it never had, 400 for what can't be an id
     */
    SandboxId knownId(Team team, String text) {
        SandboxId id = SandboxReference.parse(text).orElseThrow(() -> unknown(text));
        if (find(team, text).isEmpty() && !store.owned(team.id(), id)) {
            throw unknown(text);
        }
        return id;
    }

    /** Every sandbox of a team that has not ended, in no order. */
    List<SandboxStatus> all(Team team) {
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

    /**
     * Moves the end of a running sandbox to {@code seconds} from now, or to the latest that the team's quota allows if that is
     * earlier.
     */
    SandboxStatus setTimeout(Team team, String text, int seconds) {
        SandboxStatus sandbox = running(team, text);
        lifetime(team, seconds, "timeout");
        return move(sandbox, end(team, sandbox, seconds), seconds);
    }

    /** As {@link #setTimeout}, but never to an earlier end. */
    SandboxStatus extend(Team team, String text, int seconds, String field) {
        SandboxStatus sandbox = running(team, text);
        lifetime(team, seconds, field);
        Instant end = end(team, sandbox, seconds);
        return end.isAfter(sandbox.deadline()) ? move(sandbox, end, seconds) : sandbox;
    }

    /** E2B answers 404, too, when the end of a paused sandbox is to be moved. */
    private SandboxStatus running(Team team, String text) {
        SandboxStatus sandbox = get(team, text);
        if (!Quotas.counts(sandbox.state())) {
            throw ApiException.notFound("sandbox " + sandbox.id() + " is "
                    + sandbox.state().wireName() + " and has no end to move: connect to it first");
        }
        return sandbox;
    }

    /**
     * When a running sandbox ends that is to live {@code seconds} from now: the quota, which counts from its start or last
     * resume, may have it end earlier.
     */
    Instant end(Team team, SandboxStatus sandbox, int seconds) {
        Instant since = store.resumedAt(sandbox.id())
                .filter(resumed -> resumed.isAfter(sandbox.startedAt()))
                .orElse(sandbox.startedAt());
        Instant wanted = clock.instant().plusSeconds(seconds);
        Instant latest = since.plus(team.quotas().lifetime());
        return wanted.isAfter(latest) ? latest : wanted;
    }

    /** @throws ApiException 404 when it has ended or is paused by now, 409 in transition */
    SandboxStatus move(SandboxStatus sandbox, Instant end, int seconds) {
        try {
            return node.setDeadline(sandbox.id(), end, NewSandbox.atLeastASecond(seconds));
        } catch (NodeException e) {
            throw switch (e.kind()) {
                case NOT_FOUND -> unknown(sandbox.id().value());
                case CONFLICT ->
                    node.find(sandbox.id())
                            .filter(now -> !Quotas.counts(now.state()))
                            .map(now -> new ApiException(404, String.valueOf(e.getMessage())))
                            .orElseGet(() -> new ApiException(409, String.valueOf(e.getMessage())));
                default -> e;
            };
        }
    }

    /** The answer for a sandbox that is not there, or not the caller's. */
    public static ApiException unknown(String text) {
        return ApiException.notFound("sandbox " + Validator.shorten(text) + " not found");
    }

    static int lifetime(Team team, int seconds, String field) {
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

    String token() {
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
