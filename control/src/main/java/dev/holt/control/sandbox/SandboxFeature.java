package dev.holt.control.sandbox;

import dev.holt.control.database.Database;
import dev.holt.control.rest.Route;
import dev.holt.control.template.Templates;
import dev.holt.nodeapi.Node;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** Everything about sandboxes, wired together: the routes, and the upkeep behind them. */
public final class SandboxFeature implements AutoCloseable {
    /** Longer than any team metric looks back. */
    private static final Duration HISTORY = TeamMetrics.LONGEST_INTERVAL.plusDays(1);

    private static final Duration IDEMPOTENCY = Duration.ofDays(1);
    private static final Duration CREATE_GRACE = Duration.ofMinutes(5);

    private final Quotas quotas = new Quotas();
    private final SandboxStore store;
    private final Sandboxes sandboxes;
    private final Reconciler reconciler;
    private final Clock clock;
    private final Map<String, Route> routes;

    /** Brings rows and node into step before it returns. */
    public SandboxFeature(
            Database database,
            Node node,
            Templates templates,
            SandboxSettings settings,
            SecureRandom random,
            Clock clock) {
        this.clock = clock;
        this.store = new SandboxStore(database);
        this.sandboxes = new Sandboxes(node, templates, quotas, store, settings, random, clock);
        SandboxViews views = new SandboxViews(templates, settings);
        Map<String, Route> all = new HashMap<>();
        all.putAll(new SandboxRoutes(sandboxes, new IdempotentCreates(sandboxes, store), store, views, templates)
                .routes());
        all.putAll(new TelemetryRoutes(node, sandboxes, store, views, clock).routes());
        all.putAll(new TeamMetrics(store, clock).routes());
        this.routes = Map.copyOf(all);
        this.reconciler = new Reconciler(node, store, quotas, clock);
    }

    public Map<String, Route> routes() {
        return routes;
    }

    public Quotas quotas() {
        return quotas;
    }

    public Sandboxes sandboxes() {
        return sandboxes;
    }

    /** Compares rows with the node and forgets what is too old to be of use; called every minute. */
    public void maintain() {
        reconciler.compare(CREATE_GRACE);
        store.forgetKeysBefore(clock.instant().minus(IDEMPOTENCY));
        store.forgetEndedBefore(clock.instant().minus(HISTORY));
    }

    @Override
    public void close() {
        reconciler.close();
    }
}
