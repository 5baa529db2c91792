package dev.holt.control.template;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import dev.holt.control.access.Team;
import dev.holt.control.contract.ApiException;
import dev.holt.control.rest.Answer;
import dev.holt.control.rest.Call;
import dev.holt.control.rest.PageToken;
import dev.holt.control.rest.Route;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Listing templates and looking them up. */
public final class TemplateRoutes {
    private final Templates templates;

    public TemplateRoutes(Templates templates) {
        this.templates = templates;
    }

    public Map<String, Route> routes() {
        return Map.of(
                "listTemplates", this::list,
                "listTemplatesV2", this::page,
                "listDefaultTemplates", this::defaults,
                "getTemplate", this::get,
                "getTemplateAlias", this::alias);
    }

    private Answer list(Call call) {
        checkTeam(call);
        return Answer.ok(
                templates.usableBy(call.team()).stream().map(ListedTemplate::of).toList());
    }

    private Answer page(Call call) {
        checkTeam(call);
        PageToken.Page<Template> page = PageToken.page(
                call,
                templates.usableBy(call.team()),
                true,
                template -> new PageToken(template.createdAt(), template.id().value()));
        return page.withNextToken()
                .apply(Answer.ok(page.entries().stream().map(ListedTemplate::of).toList()));
    }

    private Answer defaults(Call call) {
        return Answer.ok(
                templates.everyonesOwn().stream().map(ListedTemplate::of).toList());
    }

    private Answer get(Call call) {
        Template named = templates.lookUp(call.segment("templateID"), call.team(), "templateID");
        Template template = templates.usableBy(call.team()).stream()
                .filter(candidate -> candidate.id().equals(named.id()))
                .findFirst()
                .orElse(named);
        PageToken.Page<Templates.Build> builds = PageToken.page(
                call, templates.builds(template.id()), true, build -> new PageToken(build.createdAt(), build.id()));
        return builds.withNextToken()
                .apply(Answer.ok(new TemplateWithBuilds(
                        template.id().value(),
                        template.isPublic(),
                        template.aliases(),
                        template.aliases(),
                        template.createdAt(),
                        template.updatedAt(),
                        template.lastSpawnedAt().orElse(null),
                        template.spawnCount(),
                        builds.entries().stream().map(ListedBuild::of).toList())));
    }

    private Answer alias(Call call) {
        Template template = templates.lookUp(call.segment("alias"), call.team(), "alias");
        return Answer.ok(new FoundAlias(template.id().value(), template.isPublic()));
    }

    /** E2B lets the older credentials name a team; the team is the caller's own or the answer is 403. */
    private static void checkTeam(Call call) {
        Team team = call.team();
        Optional<String> asked = call.text("teamID");
        if (asked.isPresent() && !asked.get().equals(team.id())) {
            throw new ApiException(403, "teamID: you act for team " + team.id() + ", not for " + asked.get());
        }
    }

    private record FoundAlias(
            String templateID, @JsonProperty("public") boolean isPublic) {}

    private record ListedTemplate(
            String templateID,
            String buildID,
            int cpuCount,
            int memoryMB,
            int diskSizeMB,
            @JsonProperty("public") boolean isPublic,
            List<String> aliases,
            List<String> names,
            Instant createdAt,
            Instant updatedAt,

            @JsonInclude(JsonInclude.Include.ALWAYS) @Nullable
            Object createdBy,

            @JsonInclude(JsonInclude.Include.ALWAYS) @Nullable
            Instant lastSpawnedAt,

            long spawnCount,
            int buildCount,
            String envdVersion,
            String buildStatus) {
        static ListedTemplate of(Template template) {
            return new ListedTemplate(
                    template.id().value(),
                    template.buildId(),
                    template.resources().cpuCount(),
                    template.resources().memoryMegabytes(),
                    template.resources().diskMegabytes(),
                    template.isPublic(),
                    template.aliases(),
                    template.aliases(),
                    template.createdAt(),
                    template.updatedAt(),
                    null,
                    template.lastSpawnedAt().orElse(null),
                    template.spawnCount(),
                    template.buildCount(),
                    template.envdVersion(),
                    template.state());
        }
    }

    private record TemplateWithBuilds(
            String templateID,
            @JsonProperty("public") boolean isPublic,
            List<String> aliases,
            List<String> names,
            Instant createdAt,
            Instant updatedAt,

            @JsonInclude(JsonInclude.Include.ALWAYS) @Nullable
            Instant lastSpawnedAt,

            long spawnCount,
            List<ListedBuild> builds) {}

    private record ListedBuild(
            String buildID,
            String status,
            Instant createdAt,
            Instant updatedAt,
            Instant finishedAt,
            int cpuCount,
            int memoryMB,
            int diskSizeMB,
            String envdVersion) {
        static ListedBuild of(Templates.Build build) {
            return new ListedBuild(
                    build.id(),
                    "ready",
                    build.createdAt(),
                    build.createdAt(),
                    build.createdAt(),
                    build.resources().cpuCount(),
                    build.resources().memoryMegabytes(),
                    build.resources().diskMegabytes(),
                    build.envdVersion());
        }
    }
}
