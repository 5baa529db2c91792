package dev.holt.node;

import dev.holt.node.guest.AgentToken;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.Pause;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What the journal says of one sandbox: enough for a new daemon to take it over. Version 1, of Holts that knew no pauses, is read too:
 * what it lacks has one meaning.
 *
 * @param version of this format, {@link #VERSION}
 * @param bootId the host's boot during which its instance was started; no instance survives its host
 * @param slot the number of its network slot, {@link #NO_SLOT} when it has none
 * @param addresses the block that its slot's addresses came from
 * @param token of its agent
 * @param startedAt when it became ready, for a claimed one when it was claimed
 * @param claim what its owner asked for; empty for a warm one
 * @param ending why it is being ended, in phase ENDING
 * @param base the layers below its disk
 * @param pause in phase PAUSED, and as long as that pause is what it would go back to
 * @param generation of its last complete pause; 0 when it was never paused
 * @param transition in the phases that are one
 * @param problem in phase LOST
 */
record JournalEntry(
        int version,
        Phase state,
        SandboxId id,
        SandboxKind kind,
        String bootId,
        int slot,
        String addresses,
        AgentToken token,
        Instant startedAt,
        Optional<Claim> claim,
        Optional<EndReason> ending,
        Base base,
        Optional<Pause> pause,
        Integer generation,
        Optional<Transition> transition,
        Optional<String> problem) {
    static final int VERSION = 2;
    static final int NO_SLOT = -1;
    private static final int FIRST_VERSION = 1;

    JournalEntry {
        if (version < FIRST_VERSION || version > VERSION) {
            throw new IllegalArgumentException(
                    "journal version " + version + ", this daemon reads " + FIRST_VERSION + " to " + VERSION);
        }
        version = VERSION;
        Objects.requireNonNull(state, "state");
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(kind, "kind");
        Objects.requireNonNull(bootId, "bootId");
        Objects.requireNonNull(addresses, "addresses");
        Objects.requireNonNull(token, "token");
        Objects.requireNonNull(startedAt, "startedAt");
        base = orElse(base, new Base(kind.template(), kind.buildId()));
        generation = orElse(generation, 0);
        claim = orElse(claim, Optional.empty());
        ending = orElse(ending, Optional.empty());
        pause = orElse(pause, Optional.empty());
        transition = orElse(transition, Optional.empty());
        problem = orElse(problem, Optional.empty());
        boolean somebodys = state != Phase.WARM && state != Phase.ENDING && state != Phase.ENDED;
        if (somebodys && claim.isEmpty()) {
            throw new IllegalArgumentException("a sandbox in phase " + state + " without an owner");
        }
        if (state == Phase.PAUSED && pause.isEmpty()) {
            throw new IllegalArgumentException("a paused sandbox without a pause");
        }
        if (state.inTransition() && transition.isEmpty()) {
            throw new IllegalArgumentException("a sandbox in phase " + state + " without a transition");
        }
    }

    private static <T> T orElse(@Nullable T value, T absent) {
        return value == null ? absent : value;
    }

    /** The part of a {@link dev.holt.nodeapi.CreateSandbox} that a claimed sandbox lives by. */
    record Claim(
            UUID requestId,
            String teamId,
            Instant deadline,
            Optional<String> accessToken,
            Map<String, String> environment,
            Map<String, String> metadata,
            NetworkPolicy network,
            Lifecycle lifecycle) {
        private static final Duration USUAL_TIMEOUT = Duration.ofSeconds(300);

        Claim {
            Objects.requireNonNull(requestId, "requestId");
            Objects.requireNonNull(teamId, "teamId");
            Objects.requireNonNull(deadline, "deadline");
            Objects.requireNonNull(network, "network");
            environment = Map.copyOf(environment);
            metadata = Map.copyOf(metadata);
            lifecycle = orElse(lifecycle, Lifecycle.killed(USUAL_TIMEOUT));
        }

        Claim until(Instant later, Duration timeout) {
            return new Claim(
                    requestId,
                    teamId,
                    later,
                    accessToken,
                    environment,
                    metadata,
                    network,
                    lifecycle.withTimeout(timeout));
        }
    }

    /** The entry of a sandbox that was just started and is nobody's. */
    static JournalEntry warm(
            SandboxId id,
            SandboxKind kind,
            Base base,
            String bootId,
            int slot,
            String addresses,
            AgentToken token,
            Instant now) {
        return new JournalEntry(
                VERSION,
                Phase.WARM,
                id,
                kind,
                bootId,
                slot,
                addresses,
                token,
                now,
                Optional.empty(),
                Optional.empty(),
                base,
                Optional.empty(),
                0,
                Optional.empty(),
                Optional.empty());
    }

    /** A copy that is about to be changed. */
    Changes with() {
        return new Changes(this);
    }

    JournalEntry claimed(Claim newClaim, Instant when) {
        return with().phase(Phase.RUNNING).claim(newClaim).startedAt(when).entry();
    }

    JournalEntry ending(EndReason reason) {
        return with().phase(Phase.ENDING).ending(reason).entry();
    }

    NetworkPolicy network() {
        return claim.map(Claim::network).orElse(NetworkPolicy.OPEN);
    }

    /** Of a sandbox that is somebody's. */
    Claim owner() {
        return claim.orElseThrow(() -> new IllegalStateException("sandbox " + id + " has no owner"));
    }

    /** Of a sandbox that is on its way. */
    Transition way() {
        return transition.orElseThrow(() -> new IllegalStateException("sandbox " + id + " is in phase " + state));
    }

    /** What the node API tells of it, if anything. */
    Optional<SandboxStatus> status() {
        Optional<SandboxState> told = isKept() ? Optional.of(SandboxState.PAUSED) : state.told();
        return claim.flatMap(owner -> told.map(its -> status(owner, its)));
    }

    /** Whether a pause of it is durable, while what runs of it is perhaps still being freed. */
    boolean isKept() {
        return state == Phase.PAUSED
                || (state == Phase.PAUSING && way().step() == Transition.Step.COMMITTED && pause.isPresent());
    }

    private SandboxStatus status(Claim owner, SandboxState told) {
        return new SandboxStatus(
                id,
                owner.teamId(),
                kind.template(),
                kind.buildId(),
                kind.isolation(),
                kind.resources(),
                startedAt,
                owner.deadline(),
                owner.accessToken(),
                owner.metadata(),
                owner.network(),
                told,
                owner.lifecycle(),
                isKept() ? pause : Optional.empty(),
                state == Phase.LOST ? problem : Optional.empty());
    }

    /** An entry in the making. */
    static final class Changes {
        private final JournalEntry from;
        private Phase phase;
        private String bootId;
        private int slot;
        private String addresses;
        private AgentToken token;
        private Instant startedAt;
        private Optional<Claim> claim;
        private Optional<EndReason> ending;
        private Optional<Pause> pause;
        private int generation;
        private Optional<Transition> transition;
        private Optional<String> problem;

        private Changes(JournalEntry from) {
            this.from = from;
            this.phase = from.state;
            this.bootId = from.bootId;
            this.slot = from.slot;
            this.addresses = from.addresses;
            this.token = from.token;
            this.startedAt = from.startedAt;
            this.claim = from.claim;
            this.ending = from.ending;
            this.pause = from.pause;
            this.generation = from.generation;
            this.transition = from.transition;
            this.problem = from.problem;
        }

        /** The next phase; a transition or a problem of the one before is over with it. */
        Changes phase(Phase next) {
            phase = next;
            transition = Optional.empty();
            problem = Optional.empty();
            return this;
        }

        /** The next phase, which is a transition. */
        Changes phase(Phase next, Transition way) {
            phase(next);
            transition = Optional.of(way);
            return this;
        }

        Changes step(Transition.Step step) {
            transition = transition.map(way -> way.at(step));
            return this;
        }

        /**
         * Its instance is another, which is about to be started.
         *
         * @param known what a restored guest takes for its token until it is told its own
         */
        Changes starting(String boot, int number, String block, AgentToken its, Optional<AgentToken> known) {
            bootId = boot;
            slot = number;
            addresses = block;
            token = its;
            transition = transition.map(way -> way.started(known));
            return this;
        }

        Changes noInstance() {
            slot = NO_SLOT;
            return this;
        }

        Changes startedAt(Instant when) {
            startedAt = when;
            return this;
        }

        Changes claim(Claim its) {
            claim = Optional.of(its);
            return this;
        }

        Changes until(Instant deadline, Duration timeout) {
            claim = claim.map(owner -> owner.until(deadline, timeout));
            return this;
        }

        Changes ending(EndReason reason) {
            ending = Optional.of(reason);
            return this;
        }

        Changes paused(Pause its, int number) {
            pause = Optional.of(its);
            generation = number;
            return this;
        }

        /** It runs on from its pause, or without it: going back to it would undo what it did since. */
        Changes unpaused() {
            pause = Optional.empty();
            return this;
        }

        Changes problem(String what) {
            problem = Optional.of(what);
            return this;
        }

        JournalEntry entry() {
            return new JournalEntry(
                    VERSION,
                    phase,
                    from.id,
                    from.kind,
                    bootId,
                    slot,
                    addresses,
                    token,
                    startedAt,
                    claim,
                    ending,
                    from.base,
                    pause,
                    generation,
                    transition,
                    problem);
        }
    }
}
