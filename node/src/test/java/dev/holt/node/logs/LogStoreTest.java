package dev.holt.node.logs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.nodeapi.LogEntry;
import dev.holt.nodeapi.LogQuery;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LogStoreTest {
    private static final Instant START = Instant.parse("2026-03-01T12:00:00Z");

    @TempDir
    Path directory;

    private final SandboxId sandbox = SandboxId.random(new SecureRandom());

    private LogStore at(Instant now) {
        return new LogStore(directory, 8192, Duration.ofHours(1), Clock.fixed(now, ZoneOffset.UTC));
    }

    private static LogQuery query(int limit, boolean newestFirst) {
        return new LogQuery(
                Optional.empty(), Optional.empty(), limit, newestFirst, LogEntry.Level.DEBUG, Optional.empty());
    }

    @Test
    void filtersByTimeLevelAndText() {
        for (int minute = 0; minute < 10; minute++) {
            LogEntry.Level level = minute % 2 == 0 ? LogEntry.Level.INFO : LogEntry.Level.ERROR;
            at(START.plusSeconds(60L * minute)).open(sandbox).write(level, "line " + minute, Map.of("n", "" + minute));
        }
        LogStore store = at(START);
        assertThat(messages(store, query(100, false))).hasSize(10).startsWith("line 0");
        assertThat(messages(store, query(2, false))).containsExactly("line 0", "line 1");
        assertThat(messages(store, query(2, true))).containsExactly("line 9", "line 8");
        assertThat(messages(store, query(0, true))).isEmpty();
        LogQuery grave = new LogQuery(
                Optional.of(START.plusSeconds(120)),
                Optional.of(START.plusSeconds(300)),
                100,
                false,
                LogEntry.Level.WARN,
                Optional.empty());
        assertThat(messages(store, grave)).containsExactly("line 3", "line 5");
        LogQuery seven =
                new LogQuery(Optional.empty(), Optional.empty(), 100, false, LogEntry.Level.DEBUG, Optional.of("7"));
        assertThat(messages(store, seven)).containsExactly("line 7");
        assertThat(store.read(sandbox, query(1, false)).orElseThrow().getFirst().fields())
                .containsEntry("n", "0");
    }

    @Test
    void staysWithinItsSizeAndKeepsTheNewest() throws IOException {
        LogStore store = at(START);
        SandboxLog log = store.open(sandbox);
        for (int i = 0; i < 1000; i++) {
            log.write(LogEntry.Level.INFO, "line " + i + "x".repeat(i % 7 == 0 ? 5000 : 10), Map.of());
        }
        long bytes = 0;
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                bytes += Files.size(file);
            }
        }
        assertThat(bytes).isLessThanOrEqualTo(8192);
        List<String> messages = messages(store, query(10_000, false));
        assertThat(messages.getLast()).startsWith("line 999");
        assertThat(messages).hasSizeGreaterThan(5);
    }

    @Test
    void survivesARestartAndATornLine() throws IOException {
        at(START).open(sandbox).write(LogEntry.Level.INFO, "before", Map.of());
        Files.writeString(directory.resolve(sandbox + ".jsonl"), "{\"timestamp\":\"2026-\n", StandardOpenOption.APPEND);
        at(START).open(sandbox).write(LogEntry.Level.INFO, "after", Map.of());
        assertThat(messages(at(START), query(10, false))).containsExactly("before", "after");
    }

    @Test
    void logsExpireWhenTheirSandboxIsGone() throws IOException {
        LogStore store = at(START);
        SandboxId running = SandboxId.random(new SecureRandom());
        SandboxId recent = SandboxId.random(new SecureRandom());
        for (SandboxId id : List.of(sandbox, running, recent)) {
            store.open(id).write(LogEntry.Level.INFO, "here", Map.of());
            Files.setLastModifiedTime(
                    directory.resolve(id + ".jsonl"),
                    FileTime.from(id.equals(recent) ? START : START.minusSeconds(3601)));
        }
        store.expire(List.of(running));
        assertThat(store.read(sandbox, query(1, false))).isEmpty();
        assertThat(store.read(running, query(1, false))).isPresent();
        assertThat(store.read(recent, query(1, false))).isPresent();
    }

    @Test
    void aStoreThatCannotWriteLosesLinesQuietly() throws IOException {
        LogStore store = at(START);
        SandboxLog log = store.open(sandbox);
        Files.createDirectory(directory.resolve(sandbox + ".jsonl"));
        log.write(LogEntry.Level.INFO, "lost", Map.of());
        Files.delete(directory.resolve(sandbox + ".jsonl"));
        log.write(LogEntry.Level.INFO, "kept", Map.of());
        assertThat(messages(store, query(10, false))).containsExactly("kept");
    }

    private List<String> messages(LogStore store, LogQuery query) {
        return store.read(sandbox, query).orElseThrow().stream()
                .map(LogEntry::message)
                .toList();
    }
}
