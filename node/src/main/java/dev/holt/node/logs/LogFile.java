package dev.holt.node.logs;

import dev.holt.nodeapi.LogEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/** One sandbox's log. Each line is one append to the file, which is open only meanwhile. */
final class LogFile implements SandboxLog {
    private static final Logger log = LoggerFactory.getLogger(LogFile.class);
    private static final int LONGEST_TEXT = 1024;

    private final Path current;
    private final Path older;
    private final long mostBytes;
    private final Clock clock;
    private final ReentrantLock lock = new ReentrantLock();
    private boolean failing;

    LogFile(Path current, Path older, long mostBytes, Clock clock) {
        this.current = current;
        this.older = older;
        this.mostBytes = mostBytes;
        this.clock = clock;
    }

    @Override
    public void write(LogEntry.Level level, String message, Map<String, String> fields) {
        Map<String, String> shortened = new HashMap<>();
        fields.forEach((key, value) -> shortened.put(key, shorten(value)));
        LogEntry entry = new LogEntry(clock.instant(), level, shorten(message), shortened);
        byte[] line = JsonMapper.shared().writeValueAsBytes(entry);
        byte[] ended = Arrays.copyOf(line, line.length + 1);
        ended[line.length] = '\n';
        lock.lock();
        try {
            if (Files.exists(current) && Files.size(current) + ended.length > mostBytes) {
                Files.move(current, older, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
            }
            Files.write(current, ended, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            failing = false;
        } catch (IOException e) {
            if (!failing) {
                log.warn("lines of the log {} are lost", current, e);
            }
            failing = true;
        } finally {
            lock.unlock();
        }
    }

    private static String shorten(String text) {
        return text.length() <= LONGEST_TEXT ? text : text.substring(0, LONGEST_TEXT) + "...";
    }
}
