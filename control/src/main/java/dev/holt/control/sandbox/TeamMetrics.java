package dev.holt.control.sandbox;

import dev.holt.control.contract.ApiException;
import dev.holt.control.rest.Answer;
import dev.holt.control.rest.Call;
import dev.holt.control.rest.Route;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * How many sandboxes a team had running at a time, and how fast it started them, worked out from the sandboxes table: exact
 * for every moment that the table remembers, without sampling. A resume is no start.
 */
final class TeamMetrics {
    private static final Duration DEFAULT_INTERVAL = Duration.ofDays(7);
    static final Duration LONGEST_INTERVAL = Duration.ofDays(31);
    private static final long SHORTEST_STEP = 5_000;
    private static final int MOST_POINTS = 500;
    /** A rate is the starts of half a minute. */
    private static final long RATE_WINDOW = 30_000;

    private final SandboxStore store;
    private final Clock clock;

    TeamMetrics(SandboxStore store, Clock clock) {
        this.store = store;
        this.clock = clock;
    }

    record Point(Instant timestamp, long timestampUnix, int concurrentSandboxes, float sandboxStartRate) {}

    record Maximum(Instant timestamp, long timestampUnix, double value) {}

    private record Interval(long start, long end) {}

    Map<String, Route> routes() {
        return Map.of("getTeamMetrics", this::metrics, "getTeamMetricsMaximum", this::maximum);
    }

    private Answer metrics(Call call) {
        Interval interval = interval(call);
        List<SandboxStore.Span> spans = store.spans(call.team().id(), interval.start(), interval.end());
        return Answer.ok(points(spans, interval.start(), interval.end()));
    }

    private Answer maximum(Call call) {
        Interval interval = interval(call);
        List<SandboxStore.Span> spans = store.spans(call.team().id(), interval.start(), interval.end());
        return Answer.ok(
                call.text("metric").orElse("").equals("concurrent_sandboxes")
                        ? mostConcurrent(spans, interval.start())
                        : fastestStart(spans, interval.start()));
    }

    private Interval interval(Call call) {
        String team = call.segment("teamID");
        if (!team.equals(call.team().id())) {
            throw new ApiException(
                    403, "teamID: you act for team " + call.team().id() + ", not for this one");
        }
        long now = clock.millis();
        long end = call.number("end").stream()
                .mapToObj(second -> second * 1000)
                .findFirst()
                .orElse(now);
        long start = call.number("start").stream()
                .mapToObj(second -> second * 1000)
                .findFirst()
                .orElse(Math.max(0, end - DEFAULT_INTERVAL.toMillis()));
        if (end < start) {
            throw ApiException.invalid("end", "must not be before start");
        }
        if (end - start > LONGEST_INTERVAL.toMillis()) {
            throw ApiException.invalid("start", "must be at most " + LONGEST_INTERVAL.toDays() + " days before end");
        }
        return new Interval(start, end);
    }

    /** @param spans by start */
    static List<Point> points(List<SandboxStore.Span> spans, long start, long end) {
        long step = Math.max(SHORTEST_STEP, (end - start + MOST_POINTS - 1) / MOST_POINTS);
        List<Point> points = new ArrayList<>();
        PriorityQueue<Long> ends = new PriorityQueue<>();
        int running = 0;
        int next = 0;
        for (long time = start; time <= end; time += step) {
            int started = 0;
            while (next < spans.size() && spans.get(next).start() <= time) {
                SandboxStore.Span span = spans.get(next++);
                running++;
                started += span.first() && span.start() > time - step ? 1 : 0;
                span.end().ifPresent(ends::add);
            }
            while (!ends.isEmpty() && ends.element() <= time) {
                ends.remove();
                running--;
            }
            points.add(
                    new Point(Instant.ofEpochMilli(time), Math.floorDiv(time, 1000L), running, started * 1000f / step));
        }
        return points;
    }

    /** @param spans by start */
    static Maximum mostConcurrent(List<SandboxStore.Span> spans, long start) {
        PriorityQueue<Long> ends = new PriorityQueue<>();
        int running = 0;
        int most = 0;
        long when = start;
        for (SandboxStore.Span span : spans) {
            while (!ends.isEmpty() && ends.element() <= span.start()) {
                ends.remove();
                running--;
            }
            running++;
            span.end().ifPresent(ends::add);
            if (running > most) {
                most = running;
                when = Math.max(start, span.start());
            }
        }
        return maximum(when, most);
    }

    /** @param spans by start */
    static Maximum fastestStart(List<SandboxStore.Span> spans, long start) {
        List<Long> starts = spans.stream()
                .filter(SandboxStore.Span::first)
                .map(SandboxStore.Span::start)
                .filter(time -> time >= start)
                .toList();
        int most = 0;
        long when = start;
        int first = 0;
        for (int last = 0; last < starts.size(); last++) {
            while (starts.get(last) - starts.get(first) >= RATE_WINDOW) {
                first++;
            }
            if (last - first + 1 > most) {
                most = last - first + 1;
                when = starts.get(last);
            }
        }
        return maximum(when, most * 1000.0 / RATE_WINDOW);
    }

    private static Maximum maximum(long when, double value) {
        return new Maximum(Instant.ofEpochMilli(when), Math.floorDiv(when, 1000L), value);
    }
}
