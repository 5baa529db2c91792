package dev.holt.control.sandbox;

import dev.holt.control.access.Team;
import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import dev.holt.control.rest.Answer;
import dev.holt.control.rest.Call;
import dev.holt.control.rest.PageToken;
import dev.holt.control.rest.Route;
import dev.holt.control.template.Templates;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.TemplateId;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** Creating, finding, prolonging and ending sandboxes. */
final class SandboxRoutes {
    private static final int DEFAULT_TIMEOUT = 15;
    private static final int DEFAULT_TIMEOUT_V2 = 300;
    private static final String RUNNING = "running";

    private final Sandboxes sandboxes;
    private final IdempotentCreates idempotent;
    private final SandboxStore store;
    private final SandboxViews views;
    private final Templates templates;

    SandboxRoutes(
            Sandboxes sandboxes,
            IdempotentCreates idempotent,
            SandboxStore store,
            SandboxViews views,
            Templates templates) {
        this.sandboxes = sandboxes;
        this.idempotent = idempotent;
        this.store = store;
        this.views = views;
        this.templates = templates;
    }

    Map<String, Route> routes() {
        return Map.ofEntries(
                Map.entry("createSandbox", this::create),
                Map.entry("createSandboxV2", this::createV2),
                Map.entry("listRunningSandboxes", this::listRunning),
                Map.entry("listSandboxes", this::list),
                Map.entry("getSandbox", this::get),
                Map.entry("killSandbox", this::kill),
                Map.entry("setSandboxTimeout", this::setTimeout),
                Map.entry("refreshSandbox", this::refresh),
                Map.entry("connectSandbox", this::connect),
                Map.entry("connectSandboxV2", this::connect));
    }

    private Answer create(Call call) {
        NewSandbox wanted = NewSandbox.read(call.body());
        SandboxStatus sandbox = sandboxes.create(
                call.team(),
                wanted,
                wanted.timeout().orElse(DEFAULT_TIMEOUT),
                wanted.secure(),
                UUID.randomUUID(),
                Optional.empty());
        return Answer.created(views.connected(sandbox));
    }

    private Answer createV2(Call call) {
        NewSandbox wanted = NewSandbox.read(call.body());
        int timeout = wanted.timeout().orElse(DEFAULT_TIMEOUT_V2);
        SandboxStatus sandbox = call.text("Idempotency-Key")
                .map(key -> idempotent.create(call.team(), key, call.body(), wanted, timeout))
                .orElseGet(() ->
                        sandboxes.create(call.team(), wanted, timeout, true, UUID.randomUUID(), Optional.empty()));
        return Answer.created(views.connected(sandbox));
    }

    private Answer get(Call call) {
        SandboxStatus sandbox = sandboxes.get(call.team(), call.segment("sandboxID"));
        Optional<Boolean> internetAccess = store.extras(sandbox.id()).flatMap(SandboxStore.Extras::internetAccess);
        return Answer.ok(views.detail(sandbox, internetAccess));
    }

    private Answer kill(Call call) {
        sandboxes.kill(call.team(), call.segment("sandboxID"));
        return Answer.noContent();
    }

    private Answer setTimeout(Call call) {
        int timeout = call.body().path("timeout").asInt();
        sandboxes.setTimeout(call.team(), call.segment("sandboxID"), timeout);
        return Answer.noContent();
    }

    private Answer refresh(Call call) {
        int duration = call.body().path("duration").asInt(DEFAULT_TIMEOUT);
        sandboxes.extend(call.team(), call.segment("sandboxID"), Math.max(DEFAULT_TIMEOUT, duration), "duration");
        return Answer.noContent();
    }

    /** The first version's body has a timeout always; the second's may leave it out. */
    private Answer connect(Call call) {
        int timeout = call.body().path("timeout").asInt(DEFAULT_TIMEOUT_V2);
        SandboxStatus sandbox = sandboxes.extend(call.team(), call.segment("sandboxID"), timeout, "timeout");
        return Answer.ok(views.connected(sandbox));
    }

    private Answer listRunning(Call call) {
        MetadataFilter filter = call.text("metadata").map(MetadataFilter::parse).orElse(MetadataFilter.NONE);
        return Answer.ok(sandboxes.running(call.team()).stream()
                .filter(sandbox -> filter.matches(SandboxViews.metadata(sandbox)))
                .sorted(Comparator.comparing(SandboxRoutes::place).reversed())
                .map(views::listed)
                .toList());
    }

    private Answer list(Call call) {
        MetadataFilter filter = call.text("metadata").map(MetadataFilter::parse).orElse(MetadataFilter.NONE);
        Optional<Instant> startedAfter = call.text("startedAfter").map(SandboxRoutes::timestamp);
        Optional<TemplateFilter> template = call.text("template").map(text -> template(call.team(), text));
        List<String> states = call.list("state");
        boolean wantsRunning = states.isEmpty() || states.contains(RUNNING);
        // Nothing is paused in this version, so a list of paused sandboxes is an empty one.
        List<SandboxStatus> matching = wantsRunning
                ? sandboxes.running(call.team()).stream()
                        .filter(sandbox -> filter.matches(SandboxViews.metadata(sandbox)))
                        .filter(sandbox ->
                                startedAfter.isEmpty() || !sandbox.startedAt().isBefore(startedAfter.get()))
                        .filter(sandbox -> template.isEmpty() || template.get().matches(sandbox))
                        .toList()
                : List.of();
        PageToken.Page<SandboxStatus> page =
                PageToken.page(call, matching, call.text("order").orElse("desc").equals("desc"), SandboxRoutes::place);
        Answer answer = page.withNextToken()
                .apply(Answer.ok(page.entries().stream().map(views::listed).toList()));
        return wantsRunning ? answer.withHeader("X-Total-Running", Integer.toString(matching.size())) : answer;
    }

    private record TemplateFilter(Optional<TemplateId> template) {
        boolean matches(SandboxStatus sandbox) {
            return template.filter(sandbox.template()::equals).isPresent();
        }
    }

    /** A template that the team does not know has no sandboxes to list. */
    private TemplateFilter template(Team team, String text) {
        try {
            return new TemplateFilter(
                    Optional.of(templates.lookUp(text, team, "template").id()));
        } catch (ApiException e) {
            if (e.status() == 404) {
                return new TemplateFilter(Optional.empty());
            }
            throw e;
        }
    }

    private static PageToken place(SandboxStatus sandbox) {
        return new PageToken(sandbox.startedAt(), sandbox.id().value());
    }

    private static Instant timestamp(String text) {
        try {
            return OffsetDateTime.parse(text).toInstant();
        } catch (DateTimeException e) {
            throw ApiException.invalid(
                    "startedAfter",
                    "an RFC 3339 time such as 2026-01-31T12:00:00Z expected (a + must be sent as %2B), got '"
                            + Validator.shorten(text) + "'");
        }
    }
}
