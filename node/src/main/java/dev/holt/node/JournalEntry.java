package dev.holt.node;

import dev.holt.node.guest.AgentToken;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;

/**
 * What the journal says of one sandbox: enough for a new daemon to take it over.
 *
 * @param version of this format, {@link #VERSION}
 * @param bootId the host's boot during which it was started; no sandbox survives its host
 * @param slot the number of its network slot
 * @param addresses the block that its slot's addresses came from
 * @param token of its agent
 * @param startedAt when it became ready, for a claimed one when it was claimed
 * @param claim what its owner asked for; empty for a warm one
 * @param ending why it is being ended, in state ENDING
 */
record JournalEntry(
        int version,
        SandboxState state,
        SandboxId id,
        SandboxKind kind,
        String bootId,
        int slot,
        String addresses,
        AgentToken token,
        Instant startedAt,
        Optional<Claim> claim,
        Optional<EndReason> ending) {
    static final int VERSION = 1;

    JournalEntry {
        if (version != VERSION) {
            throw new IllegalArgumentException("journal version " + version + ", this daemon reads " + VERSION);
        }
        Objects.requireNonNull(state, "state");
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(kind, "kind");
        Objects.requireNonNull(bootId, "bootId");
        Objects.requireNonNull(addresses, "addresses");
        Objects.requireNonNull(token, "token");
        Objects.requireNonNull(startedAt, "startedAt");
        if (state == SandboxState.RUNNING && claim.isEmpty()) {
            throw new IllegalArgumentException("a running sandbox without an owner");
        }
    }

    /** The part of a {@link dev.holt.nodeapi.CreateSandbox} that a claimed sandbox lives by. */
    record Claim(
            UUID requestId,
            String teamId,
            Instant deadline,
            Optional<String> accessToken,
            Map<String, String> environment,
            Map<String, String> metadata,
            NetworkPolicy network) {
        Claim {
            Objects.requireNonNull(requestId, "requestId");
            Objects.requireNonNull(teamId, "teamId");
            Objects.requireNonNull(deadline, "deadline");
            Objects.requireNonNull(network, "network");
            environment = Map.copyOf(environment);
            metadata = Map.copyOf(metadata);
        }

        Claim withDeadline(Instant later) {
            return new Claim(requestId, teamId, later, accessToken, environment, metadata, network);
        }
    }

    JournalEntry claimed(Claim newClaim, Instant when) {
        return new JournalEntry(
                version,
                SandboxState.RUNNING,
                id,
                kind,
                bootId,
                slot,
                addresses,
                token,
                when,
                Optional.of(newClaim),
                Optional.empty());
    }

    JournalEntry withDeadline(Instant deadline) {
        return new JournalEntry(
                version,
                state,
                id,
                kind,
                bootId,
                slot,
                addresses,
                token,
                startedAt,
                claim.map(c -> c.withDeadline(deadline)),
                ending);
    }

    JournalEntry ending(EndReason reason) {
        return new JournalEntry(
                version,
                SandboxState.ENDING,
                id,
                kind,
                bootId,
                slot,
                addresses,
                token,
                startedAt,
                claim,
                Optional.of(reason));
    }

    NetworkPolicy network() {
        return claim.map(Claim::network).orElse(NetworkPolicy.OPEN);
    }

    /** What the node API tells of a claimed sandbox. */
    SandboxStatus status() {
        Claim owner = claim.orElseThrow(() -> new IllegalStateException("sandbox " + id + " has no owner"));
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
                owner.network());
    }
}
