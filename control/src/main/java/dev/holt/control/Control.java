package dev.holt.control;

import dev.holt.control.access.AccessTokens;
import dev.holt.control.access.ApiKeys;
import dev.holt.control.access.Authenticator;
import dev.holt.control.access.DefaultKeyFile;
import dev.holt.control.access.Team;
import dev.holt.control.access.TeamQuotas;
import dev.holt.control.access.Teams;
import dev.holt.control.admin.KeyRoutes;
import dev.holt.control.admin.NodeRoutes;
import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Contract;
import dev.holt.control.database.Database;
import dev.holt.control.rest.Answer;
import dev.holt.control.rest.RestHandler;
import dev.holt.control.rest.Route;
import dev.holt.control.sandbox.SandboxFeature;
import dev.holt.control.sandbox.SandboxSettings;
import dev.holt.control.snapshot.SnapshotFeature;
import dev.holt.control.template.OfferedTemplates;
import dev.holt.control.template.TemplateRoutes;
import dev.holt.control.template.TemplateSeed;
import dev.holt.control.template.Templates;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.SandboxStatus;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.server.Handler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The control side of one installation. Constructing it opens the database and brings it into step with the node; after that
 * {@link #handler()} may be served. Closing it ends no sandbox.
 */
public final class Control implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Control.class);
    private static final Duration UPKEEP = Duration.ofMinutes(1);

    private final Database database;
    private final ApiKeys keys;
    private final Teams teams;
    private final Team defaultTeam;
    private final DefaultKeyFile defaultKey;
    private final Templates templates;
    private final SandboxFeature sandboxes;
    private final SnapshotFeature snapshots;
    private final Handler handler;
    private final ScheduledThreadPoolExecutor upkeep = new ScheduledThreadPoolExecutor(
            1, Thread.ofVirtual().name("control-upkeep").factory());

    /**
     * @param node must be up: what it runs is compared with the database
     * @param seeds the templates that come with the installation
     */
    public Control(ControlConfig config, Node node, List<TemplateSeed> seeds) {
        this(config, ControlFoundation.open(config), node, seeds, OfferedTemplates.NONE, Clock.systemUTC());
    }

    /**
     * As the other.
     *
     * @param foundation closed with this, and when this can't be made
     * @param offered templates that come with the installation and may not be built yet; those that are, are among the seeds
     */
    public Control(
            ControlConfig config,
            ControlFoundation foundation,
            Node node,
            List<TemplateSeed> seeds,
            OfferedTemplates offered) {
        this(config, foundation, node, seeds, offered, Clock.systemUTC());
    }

    private Control(
            ControlConfig config,
            ControlFoundation foundation,
            Node node,
            List<TemplateSeed> seeds,
            OfferedTemplates offered,
            Clock clock) {
        SecureRandom random = new SecureRandom();
        Contract contract = foundation.contract();
        database = foundation.database();
        SandboxFeature opened = null;
        try {
            teams = new Teams(database, clock);
            keys = new ApiKeys(database, teams, random, clock);
            AccessTokens tokens = new AccessTokens(database, random, clock);
            templates = new Templates(database, clock, config.envdVersion(), offered);
            defaultTeam = teams.ensureDefault(config.quotas());
            defaultKey = new DefaultKeyFile(config.defaultKeyFile(), keys, teams, random);
            templates.seed(seeds);
            opened = new SandboxFeature(
                    database,
                    node,
                    templates,
                    new SandboxSettings(config.domain(), config.envdVersion(), config.weakestIsolation()),
                    random,
                    clock);
            sandboxes = opened;
            snapshots = new SnapshotFeature(
                    database, node, templates, sandboxes.sandboxes(), config.envdVersion(), random, clock);
            Path data = Optional.ofNullable(config.database().toAbsolutePath().getParent())
                    .orElseThrow();
            Map<String, Route> routes = new HashMap<>();
            routes.put("getHealth", call -> Answer.noContent());
            routes.put("getOpenApi", call -> Answer.ok(new Answer.Text("application/yaml", contract.text())));
            routes.putAll(sandboxes.routes());
            routes.putAll(snapshots.routes());
            routes.putAll(new TemplateRoutes(templates).routes());
            routes.putAll(new KeyRoutes(teams, keys, tokens).routes());
            routes.putAll(new NodeRoutes(node, sandboxes, teams, data, config.version(), clock.instant()).routes());
            handler = new RestHandler(contract, new Authenticator(keys, tokens, teams, config.adminToken()), routes);
        } catch (RuntimeException e) {
            if (opened != null) {
                opened.close();
            }
            database.close();
            throw e;
        }
        upkeep.setContinueExistingPeriodicTasksAfterShutdownPolicy(false);
        upkeep.scheduleWithFixedDelay(this::maintain, UPKEEP.toSeconds(), UPKEEP.toSeconds(), TimeUnit.SECONDS);
    }

    /** Answers the whole REST API, unknown paths included. It blocks: serve it on virtual threads. */
    public Handler handler() {
        return handler;
    }

    /**
     * The default team's API key in clear text, the same on every start: it is made on the first one and kept in the file that
     * the configuration names. A key that was put into that file beforehand is taken over; a revoked one is replaced.
     */
    public String ensureDefaultApiKey() {
        return defaultKey.ensure(defaultTeam);
    }

    /** Sandboxes of an offered template start from that build from now on. */
    public void built(TemplateSeed seed) {
        templates.built(seed);
    }

    /** The team that owns the default API key. */
    public Team defaultTeam() {
        return defaultTeam;
    }

    /**
     * A new team with a user of its own.
     *
     * @param slug its name in template names, unique
     */
    public Team createTeam(String slug, String name, TeamQuotas quotas) {
        return teams.create(slug, name, quotas);
    }

    /** A new API key for a team, in clear text; only its hash is kept. */
    public String createApiKey(Team team, String name) {
        return keys.create(team.id(), Optional.of(teams.firstUser(team)), name).clear();
    }

    /**
     * Resumes a sandbox because traffic came for one of its ports, if its lifecycle says so and its team's quotas have room.
     *
     * @return empty when it runs; else why its team's quotas have no room for it
     * @throws dev.holt.nodeapi.NodeException as {@link Node#wake}
     */
    public Optional<String> wake(SandboxStatus sandbox, int port) {
        Team team = teams.find(sandbox.teamId())
                .orElseThrow(() -> new IllegalStateException("sandbox " + sandbox.id() + " has an owner"));
        try {
            sandboxes.wake(team, sandbox, port);
            return Optional.empty();
        } catch (ApiException e) {
            return Optional.of(e.message());
        }
    }

    private void maintain() {
        try {
            sandboxes.maintain();
            snapshots.maintain();
            keys.saveLastUse();
        } catch (RuntimeException e) {
            log.error("upkeep failed; trying again in {}", UPKEEP, e);
        }
    }

    @Override
    public void close() {
        upkeep.close();
        sandboxes.close();
        keys.saveLastUse();
        database.close();
    }
}
