package dev.holt.control.sandbox;

import dev.holt.control.access.Team;
import dev.holt.control.access.TeamQuotas;
import dev.holt.control.contract.ApiException;
import dev.holt.nodeapi.Resources;
import dev.holt.nodeapi.SandboxState;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;

/**
 * What each team uses now. Whoever makes a sandbox run, by a create or a resume, reserves before he asks the node, so that two
 * at once never both take the last place. A sandbox holds its room while it runs, or while somebody tries to make it run;
 * one that is paused holds none. Whether it runs is asked of the node each time, so reports may come late or not at all.
 */
public final class Quotas {
    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final Usage NONE = new Usage(0, 0, 0);

    private final Predicate<SandboxId> runs;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<String, Usage> byTeam = new HashMap<>();
    private final Map<SandboxId, Held> bySandbox = new HashMap<>();

    /** @param runs what the node says at this moment; cheap */
    Quotas(Predicate<SandboxId> runs) {
        this.runs = runs;
    }

    private record Usage(int sandboxes, int cpuCount, long memoryMegabytes) {
        Usage plus(Resources more) {
            return new Usage(sandboxes + 1, cpuCount + more.cpuCount(), memoryMegabytes + more.memoryMegabytes());
        }

        Usage minus(Resources less) {
            return new Usage(sandboxes - 1, cpuCount - less.cpuCount(), memoryMegabytes - less.memoryMegabytes());
        }
    }

    /** The room of one sandbox, and how many are about to make it run. */
    private static final class Held {
        private final String teamId;
        private final Resources resources;
        private int reservations;

        Held(String teamId, Resources resources) {
            this.teamId = teamId;
            this.resources = resources;
        }
    }

    /** Whether a sandbox in this state takes of its team's quotas. */
    static boolean counts(SandboxState state) {
        return state != SandboxState.PAUSED && state != SandboxState.LOST;
    }

    /** Room for one sandbox that is being made. Closing gives it back, unless a sandbox holds it by then. */
    public final class Reservation implements AutoCloseable {
        private final Held held;
        private final AtomicBoolean open = new AtomicBoolean(true);

        private Reservation(Held held) {
            this.held = held;
        }

        /** Hands the room to the sandbox that was made; it is free again when that has ended or is paused. */
        public void holdFor(SandboxId sandbox) {
            if (!open.compareAndSet(true, false)) {
                return;
            }
            lock.lock();
            try {
                if (bySandbox.putIfAbsent(sandbox, held) != null) {
                    // A report came first, or an idempotent create returned a sandbox that holds its room already.
                    giveBack(held);
                }
                settle(sandbox);
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void close() {
            if (open.compareAndSet(true, false)) {
                lock.lock();
                try {
                    giveBack(held);
                } finally {
                    lock.unlock();
                }
            }
        }
    }

    /** Closing ends the attempt to make a sandbox run: it keeps its room if it does. */
    interface Attempt extends AutoCloseable {
        @Override
        void close();
    }

    /** @throws ApiException 429 with Retry-After when the team has no such room left */
    public Reservation reserve(Team team, Resources resources) {
        lock.lock();
        try {
            take(team, resources);
            return new Reservation(new Held(team.id(), resources));
        } finally {
            lock.unlock();
        }
    }

    /**
     * Room for a sandbox that is to run; one that runs has it, and so has one that somebody else is making run.
     *
     * @throws ApiException 429 with Retry-After when the team has no such room left
     */
    Attempt reserve(Team team, SandboxStatus sandbox) {
        SandboxId id = sandbox.id();
        lock.lock();
        try {
            Held held = bySandbox.get(id);
            if (held == null) {
                take(team, sandbox.resources());
                held = new Held(team.id(), sandbox.resources());
                bySandbox.put(id, held);
            }
            held.reservations++;
        } finally {
            lock.unlock();
        }
        AtomicBoolean open = new AtomicBoolean(true);
        return () -> {
            if (open.compareAndSet(true, false)) {
                attemptEnded(id);
            }
        };
    }

    private void attemptEnded(SandboxId sandbox) {
        lock.lock();
        try {
            Held held = bySandbox.get(sandbox);
            if (held != null) {
                held.reservations--;
                settle(sandbox);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Counts a sandbox if it runs, whatever the quotas, which may have shrunk since; frees its room if it does not. */
    public void follow(SandboxStatus sandbox) {
        lock.lock();
        try {
            if (runs.test(sandbox.id()) && !bySandbox.containsKey(sandbox.id())) {
                Held held = new Held(sandbox.teamId(), sandbox.resources());
                byTeam.merge(held.teamId, NONE.plus(held.resources), (used, first) -> used.plus(held.resources));
                bySandbox.put(sandbox.id(), held);
            }
            settle(sandbox.id());
        } finally {
            lock.unlock();
        }
    }

    /** Frees what a sandbox that has ended held; doing so twice is fine. */
    public void release(SandboxId sandbox) {
        lock.lock();
        try {
            Held held = bySandbox.get(sandbox);
            if (held != null && held.reservations == 0) {
                bySandbox.remove(sandbox);
                giveBack(held);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Sandboxes by team, those being made included; teams without any are left out. */
    public Map<String, Integer> counts() {
        lock.lock();
        try {
            Map<String, Integer> counts = new HashMap<>();
            byTeam.forEach((team, usage) -> {
                if (usage.sandboxes() > 0) {
                    counts.put(team, usage.sandboxes());
                }
            });
            return counts;
        } finally {
            lock.unlock();
        }
    }

    private void settle(SandboxId sandbox) {
        Held held = bySandbox.get(sandbox);
        if (held == null) {
            return;
        }
        if (!runs.test(sandbox) && held.reservations == 0) {
            bySandbox.remove(sandbox);
            giveBack(held);
        }
    }

    private void take(Team team, Resources resources) {
        Usage wanted = Optional.ofNullable(byTeam.get(team.id())).orElse(NONE).plus(resources);
        check(team.quotas(), wanted, resources);
        byTeam.put(team.id(), wanted);
    }

    private void giveBack(Held held) {
        byTeam.computeIfPresent(held.teamId, (id, used) -> {
            Usage left = used.minus(held.resources);
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
                                + more + " more: end or pause a sandbox, or wait")
                .retryAfter(RETRY);
    }
}
