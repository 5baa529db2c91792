package dev.holt.node;

import dev.holt.node.pool.Foreground;
import dev.holt.node.pool.Lease;
import dev.holt.node.pool.Pool;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * A pool of warm sandboxes for each of the most recently used kinds. A kind gets its pool when it is first asked for; when there
 * are too many the one longest unused is drained.
 */
final class WarmPools implements Lease {
    private final NodeConfig.Pools sizes;
    private final Foreground foreground;
    private final Executor background;
    private final Predicate<SandboxKind> worthWarming;
    private final Function<SandboxKind, Sandbox> maker;

    /** In order of use, the longest unused first. */
    private final LinkedHashMap<SandboxKind, Pool<Sandbox>> pools = new LinkedHashMap<>(16, 0.75f, true);

    private boolean started;
    private boolean closed;

    /**
     * @param worthWarming whether sandboxes of a kind are likely to be asked for again
     * @param background where drained pools are closed
     */
    WarmPools(
            NodeConfig.Pools sizes,
            Foreground foreground,
            Executor background,
            Predicate<SandboxKind> worthWarming,
            Function<SandboxKind, Sandbox> maker) {
        this.sizes = sizes;
        this.foreground = foreground;
        this.background = background;
        this.worthWarming = worthWarming;
        this.maker = maker;
    }

    /** Begins to fill: after the warm sandboxes of an earlier run were {@link #offer}ed. */
    synchronized void start() {
        started = true;
        pools.values().forEach(Pool::start);
    }

    /** A warm sandbox if one is ready. */
    Optional<Sandbox> poll(SandboxKind kind) {
        return pool(kind).flatMap(Pool::poll);
    }

    /** Keeps sandboxes of that kind ready from now on. */
    void keep(SandboxKind kind) {
        pool(kind);
    }

    /** Puts a warm sandbox of an earlier run in; false when there is no place for it. */
    boolean offer(Sandbox sandbox) {
        return pool(sandbox.kind()).map(pool -> pool.offer(sandbox)).orElse(false);
    }

    /** Takes a broken one out; false when somebody else has it. */
    boolean remove(Sandbox sandbox) {
        Pool<Sandbox> pool;
        synchronized (this) {
            pool = pools.get(sandbox.kind());
        }
        return pool != null && pool.remove(sandbox);
    }

    /** What sandboxes are kept ready of. */
    synchronized Set<SandboxKind> kinds() {
        return Set.copyOf(pools.keySet());
    }

    synchronized int ready() {
        return pools.values().stream().mapToInt(Pool::ready).sum();
    }

    private synchronized Optional<Pool<Sandbox>> pool(SandboxKind kind) {
        if (closed || sizes.warm() == 0 || !worthWarming.test(kind)) {
            return Optional.empty();
        }
        Pool<Sandbox> pool = pools.get(kind);
        if (pool == null) {
            pool = new Pool<>(
                    "warm sandboxes of template " + kind.template() + " build " + kind.buildId(),
                    sizes.warm(),
                    foreground,
                    count -> List.of(maker.apply(kind)));
            if (started) {
                pool.start();
            }
            pools.put(kind, pool);
            if (pools.size() > sizes.warmTemplates()) {
                Pool<Sandbox> eldest = pools.pollFirstEntry().getValue();
                background.execute(eldest::close);
            }
        }
        return Optional.of(pool);
    }

    @Override
    public void close() {
        List<Pool<Sandbox>> all;
        synchronized (this) {
            closed = true;
            all = new ArrayList<>(pools.values());
            pools.clear();
        }
        all.forEach(Pool::close);
    }
}
