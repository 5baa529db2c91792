package dev.holt.control.sandbox;

import dev.holt.control.contract.ApiException;
import dev.holt.control.rest.Answer;
import dev.holt.control.rest.Call;
import dev.holt.control.rest.Json;
import dev.holt.control.rest.Route;
import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.LogQuery;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.id.SandboxId;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Logs and metrics of sandboxes. Logs can be read for a while after the end. */
final class TelemetryRoutes {
    private static final int DEFAULT_LIMIT = 1000;
    private static final Duration LATEST = Duration.ofMinutes(1);

    private final Node node;
    private final Sandboxes sandboxes;
    private final SandboxViews views;
    private final Clock clock;

    TelemetryRoutes(Node node, Sandboxes sandboxes, SandboxViews views, Clock clock) {
        this.node = node;
        this.sandboxes = sandboxes;
        this.views = views;
        this.clock = clock;
    }

    private record Line(Instant timestamp, String line) {}

    private record Entry(Instant timestamp, String level, String message, Map<String, String> fields) {}

    private record Logs(List<Line> logs, List<Entry> logEntries) {}

    private record LogsV2(List<Entry> logs) {}

    private record LatestMetrics(Map<String, SandboxViews.Metric> sandboxes) {}

    Map<String, Route> routes() {
        return Map.of(
                "getSandboxLogs", this::logs,
                "getSandboxLogsV2", this::logsV2,
                "getSandboxMetrics", this::metrics,
                "getLatestMetrics", this::latestMetrics);
    }

    private Answer logs(Call call) {
        Optional<Instant> start = instant(call, "start");
        List<LogEntry> lines = lines(
                call,
                limit -> new LogQuery(start, Optional.empty(), limit, false, LogEntry.Level.DEBUG, Optional.empty()));
        return Answer.ok(new Logs(
                lines.stream().map(TelemetryRoutes::line).toList(),
                lines.stream().map(TelemetryRoutes::entry).toList()));
    }

    private Answer logsV2(Call call) {
        boolean backward = call.text("direction").orElse("backward").equals("backward");
        Optional<Instant> cursor = instant(call, "cursor");
        LogEntry.Level least =
                LogEntry.Level.valueOf(call.text("level").orElse("debug").toUpperCase(Locale.ROOT));
        List<LogEntry> lines = lines(
                call,
                limit -> new LogQuery(
                        backward ? Optional.empty() : cursor,
                        backward ? cursor : Optional.empty(),
                        limit,
                        backward,
                        least,
                        call.text("search")));
        Comparator<LogEntry> order = Comparator.comparing(LogEntry::timestamp);
        return Answer.ok(new LogsV2(lines.stream()
                .sorted(backward ? order.reversed() : order)
                .map(TelemetryRoutes::entry)
                .toList()));
    }

    private interface Query {
        LogQuery limitedTo(int limit);
    }

    private List<LogEntry> lines(Call call, Query query) {
        SandboxId sandbox = sandboxes.knownId(call.team(), call.segment("sandboxID"));
        int limit = (int) call.number("limit").orElse(DEFAULT_LIMIT);
        if (limit == 0) {
            return List.of();
        }
        try {
            return node.logs(sandbox, query.limitedTo(limit));
        } catch (NodeException e) {
            if (e.kind() == NodeException.Kind.NOT_FOUND) {
                throw ApiException.notFound("the logs of sandbox " + sandbox + " are no longer kept");
            }
            throw e;
        }
    }

    private Answer metrics(Call call) {
        SandboxStatus sandbox = sandboxes.get(call.team(), call.segment("sandboxID"));
        Instant start = call.number("start").stream()
                .mapToObj(Instant::ofEpochSecond)
                .findFirst()
                .orElse(sandbox.startedAt());
        Instant end = call.number("end").stream()
                .mapToObj(second -> Instant.ofEpochSecond(second, 999_999_999))
                .findFirst()
                .orElseGet(clock::instant);
        if (end.isBefore(start)) {
            throw ApiException.invalid("end", "must not be before start");
        }
        return Answer.ok(
                samples(sandbox, start, end).stream().map(views::metric).toList());
    }

    private Answer latestMetrics(Call call) {
        Instant now = clock.instant();
        Map<String, SandboxViews.Metric> latest = new TreeMap<>();
        for (String text : call.list("sandbox_ids")) {
            sandboxes.find(call.team(), text).ifPresent(sandbox -> {
                List<MetricSample> samples = samples(sandbox, now.minus(LATEST), now);
                if (!samples.isEmpty()) {
                    latest.put(sandbox.id().value(), views.metric(samples.getLast()));
                }
            });
        }
        return Answer.ok(new LatestMetrics(latest));
    }

    private List<MetricSample> samples(SandboxStatus sandbox, Instant start, Instant end) {
        try {
            return node.metrics(sandbox.id(), start, end);
        } catch (NodeException e) {
            if (e.kind() == NodeException.Kind.NOT_FOUND) {
                throw Sandboxes.unknown(sandbox.id().value());
            }
            throw e;
        }
    }

    private static Optional<Instant> instant(Call call, String parameter) {
        return call.number(parameter).stream().mapToObj(Instant::ofEpochMilli).findFirst();
    }

    private static Entry entry(LogEntry line) {
        return new Entry(
                SandboxViews.time(line.timestamp()),
                line.level().name().toLowerCase(Locale.ROOT),
                line.message(),
                new TreeMap<>(line.fields()));
    }

    /** The line is JSON in a string: the E2B command line parses it and wants a level and a logger in it. */
    private static Line line(LogEntry line) {
        Map<String, String> content = new LinkedHashMap<>();
        content.put("logger", "sandbox");
        content.putAll(new TreeMap<>(line.fields()));
        content.put("level", line.level().name().toLowerCase(Locale.ROOT));
        content.put("message", line.message());
        return new Line(SandboxViews.time(line.timestamp()), Json.MAPPER.writeValueAsString(content));
    }
}
