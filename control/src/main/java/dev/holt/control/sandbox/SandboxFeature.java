package dev.holt.control.sandbox;

import dev.holt.control.access.Team;
import dev.holt.control.database.Database;
import dev.holt.control.rest.Route;
import dev.holt.control.template.Templates;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxStatus;
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

    private final Quotas quotas;
    private final Moves moves;
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
        this.quotas = new Quotas(id ->
                node.find(id).filter(found -> Quotas.counts(found.state())).isPresent());
        this.sandboxes = new Sandboxes(node, templates, quotas, store, settings, random, clock);
        this.moves = new Moves(node, sandboxes, templates, quotas, clock);
        SandboxViews views = new SandboxViews(templates, settings);
        Map<String, Route> all = new HashMap<>();
        all.putAll(new SandboxRoutes(sandboxes, new IdempotentCreates(sandboxes, store), store, views, templates)
                .routes());
        all.putAll(new StateRoutes(node, sandboxes, moves, new Forks(node, sandboxes, store, clock), views).routes());
        all.putAll(new TelemetryRoutes(node, sandboxes, views, clock).routes());
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

    /**
     * Resumes a sandbox because traffic came for one of its ports, within its team's quotas.
     *
     * @throws dev.holt.nodeapi.NodeException as {@link Node#wake}
     * @throws dev.holt.control.contract.ApiException 429 for a quota
     */
    public Resumed wake(Team team, SandboxStatus sandbox, int port) {
        return moves.wake(team, sandbox, port);
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
