package dev.holt.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A command of {@code holt} that serves until it is told to stop. */
final class Background implements AutoCloseable {
    private final Process process;
    private final Path log;

    private Background(Process process, Path log) {
        this.process = process;
        this.log = log;
    }

    static Background start(Holt holt, String... arguments) {
        try {
            Path log = Files.createTempFile("holt-e2e-", ".log");
            return new Background(holt.startCli(log, arguments), log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The first group of the first match of {@code pattern} in what it prints, now or within a minute. */
    String awaitLine(Pattern pattern) {
        Instant limit = Instant.now().plus(Duration.ofMinutes(1));
        try {
            while (true) {
                String printed = Files.readString(log);
                Matcher matcher = pattern.matcher(printed);
                if (matcher.find()) {
                    return matcher.group(1);
                }
                if (!process.isAlive() || Instant.now().isAfter(limit)) {
                    throw new AssertionError("nothing like " + pattern + " was printed:\n" + printed);
                }
                Thread.sleep(20);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }

    /** Ends it as a service manager does; it must end by itself. */
    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(60, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
                throw new AssertionError("it did not stop when told to:\n" + Files.readString(log));
            }
            if (process.exitValue() != 0) {
                throw new AssertionError("exit code " + process.exitValue() + ":\n" + Files.readString(log));
            }
            Files.deleteIfExists(log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }
}
