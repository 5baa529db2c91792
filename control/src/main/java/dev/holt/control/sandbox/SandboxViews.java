package dev.holt.control.sandbox;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import dev.holt.control.template.Template;
import dev.holt.control.template.Templates;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.NetworkPolicy;
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
            List<Object> volumeMounts) {}

    record Network(
            boolean allowPublicTraffic,
            List<String> allowOut,
            List<String> denyOut,
            Optional<String> maskRequestHost) {}

    record Lifecycle(boolean autoResume, String onTimeout) {}

    record Detail(
            @JsonUnwrapped Listed listed,
            Optional<String> envdAccessToken,
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
                time(sandbox.deadline()),
                sandbox.resources().cpuCount(),
                sandbox.resources().memoryMegabytes(),
                sandbox.resources().diskMegabytes(),
                metadata(sandbox),
                RUNNING,
                settings.envdVersion(),
                List.of());
    }

    Detail detail(SandboxStatus sandbox, Optional<Boolean> internetAccess) {
        NetworkPolicy network = sandbox.network();
        return new Detail(
                listed(sandbox),
                sandbox.accessToken(),
                internetAccess,
                settings.domain(),
                new Network(
                        network.trafficAccessToken().isEmpty(),
                        network.allowOut(),
                        network.denyOut(),
                        network.maskRequestHost()),
                new Lifecycle(false, "kill"));
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
