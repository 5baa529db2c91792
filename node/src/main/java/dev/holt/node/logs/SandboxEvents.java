package dev.holt.node.logs;

import dev.holt.nodeapi.SandboxEvent;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;

/** What happened to one sandbox, and why: a bounded file beside its log. */
public final class SandboxEvents {
    private static final int MOST = 1000;

    private final LineFile lines;
    private final Clock clock;

    SandboxEvents(LineFile lines, Clock clock) {
        this.lines = lines;
        this.clock = clock;
    }

    /** Notes an event with the present time; never fails. */
    public void add(SandboxEvent.Type type, String message, Map<String, String> fields) {
        lines.append(new SandboxEvent(clock.instant(), type, LogFile.shorten(message), LogFile.shorten(fields)));
    }

    /** Whether anything is known. */
    public boolean exist() {
        return lines.exists();
    }

    /** The newest 1000, oldest first. */
    public List<SandboxEvent> read() {
        Deque<SandboxEvent> newest = new ArrayDeque<>();
        lines.read(SandboxEvent.class, event -> {
            newest.add(event);
            if (newest.size() > MOST) {
                newest.pollFirst();
            }
        });
        return List.copyOf(newest);
    }
}
