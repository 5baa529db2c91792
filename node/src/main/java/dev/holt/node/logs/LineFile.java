package dev.holt.node.logs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * A file of JSON lines that never grows beyond its bounds: when it is full it becomes the older one, and that is gone. Each line is
 * one append to the file, which is open only meanwhile.
 */
final class LineFile {
    private static final Logger log = LoggerFactory.getLogger(LineFile.class);

    private final Path current;
    private final Path older;
    private final long mostBytes;
    private final ReentrantLock lock = new ReentrantLock();
    private boolean failing;

    /** @param mostBytes of each of the two files */
    LineFile(Path current, Path older, long mostBytes) {
        this.current = current;
        this.older = older;
        this.mostBytes = mostBytes;
    }

    /** Adds a line; one that the disk does not take is lost, and said so once. */
    void append(Object json) {
        byte[] line = JsonMapper.shared().writeValueAsBytes(json);
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
                log.warn("lines of {} are lost", current, e);
            }
            failing = true;
        } finally {
            lock.unlock();
        }
    }

    boolean exists() {
        return Files.exists(current) || Files.exists(older);
    }

    /** Hands every line to {@code reader}, oldest first, but those that were cut short when the daemon or the disk ended. */
    <T> void read(Class<T> type, Consumer<T> reader) {
        for (Path file : List.of(older, current)) {
            try (Stream<String> lines = Files.lines(file, StandardCharsets.UTF_8)) {
                for (String line : (Iterable<String>) lines::iterator) {
                    try {
                        T value = JsonMapper.shared().readValue(line, type);
                        if (value != null) {
                            reader.accept(value);
                        }
                    } catch (JacksonException e) {
                        log.debug("a line of {} was cut short", file, e);
                    }
                }
            } catch (NoSuchFileException e) {
                // Never rotated, or rotated or removed this moment: what is left is all.
                continue;
            } catch (IOException | UncheckedIOException e) {
                log.warn("{} can't be read to its end", file, e);
            }
        }
    }
}
