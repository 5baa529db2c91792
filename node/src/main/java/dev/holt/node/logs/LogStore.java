package dev.holt.node.logs;

import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.LogQuery;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The logs of all sandboxes of a node: one file of JSON lines each, beside it at most one older one. No file is held open, so
 * an idle sandbox costs nothing here. Logs outlive their sandboxes by the retention time.
 */
public final class LogStore {
    private static final Logger log = LoggerFactory.getLogger(LogStore.class);
    private static final String CURRENT = ".jsonl";
    private static final String OLDER = ".jsonl.1";

    /** In each of two files: more than 1000 events of the usual length. */
    private static final long EVENT_BYTES = 256 * 1024;

    private final Path directory;
    private final long mostBytes;
    private final Duration retention;
    private final Clock clock;

    /**
     * @param directory made when absent
     * @param mostBytes of one sandbox's log, both files together; at least 4096
     * @param retention how long a log is kept after its sandbox wrote to it for the last time
     */
    public LogStore(Path directory, long mostBytes, Duration retention, Clock clock) {
        if (mostBytes < 4096) {
            throw new IllegalArgumentException("a sandbox's log needs at least 4096 bytes; got " + mostBytes);
        }
        this.directory = directory;
        this.mostBytes = mostBytes;
        this.retention = retention;
        this.clock = clock;
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException("could not make the log directory " + directory, e);
        }
    }

    /** The log of a sandbox, new or from before a restart. Open one at a time for each sandbox. */
    public SandboxLog open(SandboxId sandbox) {
        return new LogFile(lines(sandbox), clock);
    }

    private LineFile lines(SandboxId sandbox) {
        return new LineFile(directory.resolve(sandbox + CURRENT), directory.resolve(sandbox + OLDER), mostBytes / 2);
    }

    /** The events of a sandbox, new or from before a restart; they are kept as long as its log. */
    public SandboxEvents events(SandboxId sandbox) {
        return new SandboxEvents(
                new LineFile(
                        directory.resolve(sandbox + ".events" + CURRENT),
                        directory.resolve(sandbox + ".events" + OLDER),
                        EVENT_BYTES),
                clock);
    }

    /** The lines that {@code query} asks for; empty when there is no log of that sandbox. */
    public Optional<List<LogEntry>> read(SandboxId sandbox, LogQuery query) {
        LineFile lines = lines(sandbox);
        if (!lines.exists()) {
            return Optional.empty();
        }
        Deque<LogEntry> found = new ArrayDeque<>();
        lines.read(LogEntry.class, entry -> {
            if (!matches(entry, query) || query.limit() == 0) {
                return;
            }
            if (found.size() < query.limit()) {
                found.add(entry);
            } else if (query.newestFirst()) {
                found.pollFirst();
                found.add(entry);
            }
        });
        List<LogEntry> answer = new ArrayList<>(found);
        if (query.newestFirst()) {
            Collections.reverse(answer);
        }
        return Optional.of(List.copyOf(answer));
    }

    /** Removes logs to which nothing was written for the retention time and whose sandboxes are not among {@code running}. */
    public void expire(Collection<SandboxId> running) {
        Instant oldest = clock.instant().minus(retention);
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*.jsonl*")) {
            for (Path file : files) {
                String name = file.getFileName().toString();
                Optional<SandboxId> owner = SandboxId.parse(name.substring(0, name.indexOf('.')));
                if (!owner.map(running::contains).orElse(false)
                        && Files.getLastModifiedTime(file).toInstant().isBefore(oldest)) {
                    Files.deleteIfExists(file);
                }
            }
        } catch (IOException e) {
            log.warn("old logs in {} can't be removed", directory, e);
        }
    }

    private static boolean matches(LogEntry entry, LogQuery query) {
        return entry.level().compareTo(query.least()) >= 0
                && query.from().map(from -> !entry.timestamp().isBefore(from)).orElse(true)
                && query.until().map(until -> !entry.timestamp().isAfter(until)).orElse(true)
                && query.search().map(entry.message()::contains).orElse(true);
    }
}
