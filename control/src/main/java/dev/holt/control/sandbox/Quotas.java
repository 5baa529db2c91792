package dev.holt.control.sandbox;

import dev.holt.control.access.Team;
import dev.holt.control.access.TeamQuotas;
import dev.holt.control.contract.ApiException;
import dev.holt.nodeapi.Resources;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * What each team uses now. A create reserves before it asks the node, so that two at once never both take the last place;
 * what it reserved is held by the sandbox until that ends, or given back when the create fails.
 */
public final class Quotas {
    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final Usage NONE = new Usage(0, 0, 0);

    private final Map<String, Usage> byTeam = new ConcurrentHashMap<>();
    private final Map<SandboxId, Held> bySandbox = new ConcurrentHashMap<>();

    private record Usage(int sandboxes, int cpuCount, long memoryMegabytes) {
        Usage plus(Resources more) {
            return new Usage(sandboxes + 1, cpuCount + more.cpuCount(), memoryMegabytes + more.memoryMegabytes());
        }

        Usage minus(Resources less) {
            return new Usage(sandboxes - 1, cpuCount - less.cpuCount(), memoryMegabytes - less.memoryMegabytes());
        }
    }

    private record Held(String teamId, Resources resources) {}

    /** Room for one sandbox that is being made. Closing gives it back, unless a sandbox holds it by then. */
    public final class Reservation implements AutoCloseable {
        private final Held held;
        private final AtomicBoolean open = new AtomicBoolean(true);

        private Reservation(Held held) {
            this.held = held;
        }

        /** Hands the room to the sandbox that was made; it is free again when that has ended. */
        public void holdFor(SandboxId sandbox) {
            if (open.compareAndSet(true, false) && bySandbox.putIfAbsent(sandbox, held) != null) {
                // An idempotent create returned a sandbox that holds its room already.
                giveBack(held);
            }
        }

        @Override
        public void close() {
            if (open.compareAndSet(true, false)) {
                giveBack(held);
            }
        }
    }

    /** @throws ApiException 429 with Retry-After when the team has no such room left */
    public Reservation reserve(Team team, Resources resources) {
        byTeam.compute(team.id(), (id, used) -> {
            Usage wanted = Optional.ofNullable(used).orElse(NONE).plus(resources);
            check(team.quotas(), wanted, resources);
            return wanted;
        });
        return new Reservation(new Held(team.id(), resources));
    }

    /** Counts a sandbox that runs already; quotas may have shrunk since it was made. */
    public void adopt(SandboxStatus sandbox) {
        Held held = new Held(sandbox.teamId(), sandbox.resources());
        if (bySandbox.putIfAbsent(sandbox.id(), held) == null) {
            byTeam.merge(held.teamId(), NONE.plus(held.resources()), (used, first) -> used.plus(held.resources()));
        }
    }

    /** Frees what a sandbox held; doing so twice is fine. */
    public void release(SandboxId sandbox) {
        Held held = bySandbox.remove(sandbox);
        if (held != null) {
            giveBack(held);
        }
    }

    /** Sandboxes by team, those being made included; teams without any are left out. */
    public Map<String, Integer> counts() {
        Map<String, Integer> counts = new HashMap<>();
        byTeam.forEach((team, usage) -> {
            if (usage.sandboxes() > 0) {
                counts.put(team, usage.sandboxes());
            }
        });
        return counts;
    }

    private void giveBack(Held held) {
        byTeam.computeIfPresent(held.teamId(), (id, used) -> {
            Usage left = used.minus(held.resources());
            return left.equals(NONE) ? null : left;
        });
    }

    private static void check(TeamQuotas quotas, Usage wanted, Resources more) {
        if (wanted.sandboxes() > quotas.sandboxes()) {
            throw exceeded("concurrent sandboxes", wanted.sandboxes() - 1L, quotas.sandboxes(), 1);
        }
        if (wanted.cpuCount() > quotas.cpuCount()) {
            throw exceeded("vCPUs", wanted.cpuCount() - more.cpuCount(), quotas.cpuCount(), more.cpuCount());
        }
        if (wanted.memoryMegabytes() > quotas.memoryMegabytes()) {
            throw exceeded(
                    "MiB of memory",
                    wanted.memoryMegabytes() - more.memoryMegabytes(),
                    quotas.memoryMegabytes(),
                    more.memoryMegabytes());
        }
    }

    private static ApiException exceeded(String what, long used, long most, long more) {
        return new ApiException(
                        429,
                        "the team's quota is " + most + " " + what + "; " + used + " are in use and this would take "
                                + more + " more: end a sandbox or wait")
                .retryAfter(RETRY);
    }
}
