package dev.holt.control.sandbox;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import dev.holt.control.template.Template;
import dev.holt.control.template.Templates;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.Pause;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxEvent;
import dev.holt.nodeapi.SandboxStatus;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Sandboxes in the words of the contract. Component names are the JSON's. */
final class SandboxViews {
    /** Clients carry it along; nothing reads it any more. */
    private static final String CLIENT = "holt";

    private static final String RUNNING = "running";
    private static final String PAUSED = "paused";

    private final Templates templates;
    private final SandboxSettings settings;

    SandboxViews(Templates templates, SandboxSettings settings) {
        this.templates = templates;
        this.settings = settings;
    }

    record Connected(
            String templateID,
            String sandboxID,
            String clientID,
            Optional<String> alias,
            String envdVersion,
            Optional<String> envdAccessToken,
            Optional<String> trafficAccessToken,
            Optional<String> domain) {}

    record Listed(
            String templateID,
            String sandboxID,
            String clientID,
            Optional<String> alias,
            Instant startedAt,
            Instant endAt,
            int cpuCount,
            int memoryMB,
            int diskSizeMB,
            Map<String, String> metadata,
            String state,
            String envdVersion,
            List<Object> volumeMounts,
            Condition holt) {}

    /** What of a sandbox's state E2B's two words can't tell. */
    record Condition(String state, Optional<String> memory, Optional<Instant> pausedAt, Optional<String> problem) {}

    /** How a sandbox came to run. */
    record Return(String way, Optional<String> fallback) {}

    record Resumption(@JsonUnwrapped Connected connected, Return holt) {}

    record Event(Instant timestamp, String type, String message, Map<String, String> fields) {}

    record Network(
            boolean allowPublicTraffic,
            List<String> allowOut,
            List<String> denyOut,
            Optional<String> maskRequestHost) {}

    record Lifecycle(boolean autoResume, String onTimeout) {}

    record Detail(
            @JsonUnwrapped Listed listed,
            Optional<String> envdAccessToken,
            Optional<String> pauseMode,
            Optional<Boolean> allowInternetAccess,
            Optional<String> domain,
            Network network,
            Lifecycle lifecycle) {}

    record Metric(
            Instant timestamp,
            long timestampUnix,
            int cpuCount,
            float cpuUsedPct,
            long memUsed,
            long memTotal,
            long memCache,
            long diskUsed,
            long diskTotal) {}

    Connected connected(SandboxStatus sandbox) {
        return new Connected(
                sandbox.template().value(),
                sandbox.id().value(),
                CLIENT,
                alias(sandbox),
                settings.envdVersion(),
                sandbox.accessToken(),
                sandbox.network().trafficAccessToken(),
                settings.domain());
    }

    Listed listed(SandboxStatus sandbox) {
        return new Listed(
                sandbox.template().value(),
                sandbox.id().value(),
                CLIENT,
                alias(sandbox),
                time(sandbox.startedAt()),
                // E2B's clients see the time of the pause here, as a paused sandbox has no end ahead.
                time(sandbox.pause().map(Pause::since).orElse(sandbox.deadline())),
                sandbox.resources().cpuCount(),
                sandbox.resources().memoryMegabytes(),
                sandbox.resources().diskMegabytes(),
                metadata(sandbox),
                sandbox.state().countsAsRunning() ? RUNNING : PAUSED,
                settings.envdVersion(),
                List.of(),
                new Condition(
                        sandbox.state().wireName(),
                        sandbox.pause().map(pause -> pause.memory().wireName()),
                        sandbox.pause().map(pause -> time(pause.since())),
                        sandbox.problem()));
    }

    Detail detail(SandboxStatus sandbox, Optional<Boolean> internetAccess) {
        NetworkPolicy network = sandbox.network();
        return new Detail(
                listed(sandbox),
                sandbox.accessToken(),
                sandbox.pause().map(pause -> pause.memory() == MemoryKept.NONE ? "filesystem" : "full"),
                internetAccess,
                settings.domain(),
                new Network(
                        network.trafficAccessToken().isEmpty(),
                        network.allowOut(),
                        network.denyOut(),
                        network.maskRequestHost()),
                new Lifecycle(
                        sandbox.lifecycle().autoResume(),
                        sandbox.lifecycle().onTimeout().wireName()));
    }

    Resumption resumption(Resumed resumed) {
        return new Resumption(
                connected(resumed.sandbox()), new Return(resumed.way().wireName(), resumed.fallback()));
    }

    static Event event(SandboxEvent event) {
        return new Event(time(event.time()), event.type().wireName(), event.message(), new TreeMap<>(event.fields()));
    }

    Metric metric(MetricSample sample) {
        return new Metric(
                time(sample.time()),
                sample.time().getEpochSecond(),
                sample.cpuCount(),
                sample.cpuUsedPercent(),
                sample.memoryUsed(),
                sample.memoryTotal(),
                sample.memoryCache(),
                sample.diskUsed(),
                sample.diskTotal());
    }

    /** The client's metadata, and how the sandbox is isolated. */
    static Map<String, String> metadata(SandboxStatus sandbox) {
        Map<String, String> metadata = new TreeMap<>(sandbox.metadata());
        metadata.put(NewSandbox.ISOLATION, sandbox.isolation().wireName());
        return metadata;
    }

    /** Milliseconds: more digits than six trip some clients' parsers. */
    static Instant time(Instant time) {
        return time.truncatedTo(ChronoUnit.MILLIS);
    }

    private Optional<String> alias(SandboxStatus sandbox) {
        return templates.known(sandbox.template()).flatMap(Template::alias);
    }
}
