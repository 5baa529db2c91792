package dev.holt.node.metrics;

import dev.holt.nodeapi.MetricSample;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The samples of one sandbox, 56 bytes each, oldest first. When the file is full every second sample of its older half goes: it
 * never exceeds 58 kB, reaches back to the sandbox's start, and is the coarser the older. Open only while it is read or written.
 */
public final class MetricFile {
    private static final int RECORD = 56;
    private static final int MOST_RECORDS = 1024;

    private final Path file;
    private final ReentrantLock lock = new ReentrantLock();

    /** Reads and writes {@code file}, which need not exist yet. */
    public MetricFile(Path file) {
        this.file = file;
    }

    /** Adds a sample; throws {@link UncheckedIOException} when the disk does not take it. */
    public void append(MetricSample sample) {
        ByteBuffer bytes = ByteBuffer.allocate(RECORD);
        encode(sample, bytes);
        lock.lock();
        try {
            long size = Files.exists(file) ? Files.size(file) : 0;
            if (size % RECORD != 0 || size >= (long) MOST_RECORDS * RECORD) {
                compact();
            }
            Files.write(file, bytes.array(), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException("could not add a sample to " + file, e);
        } finally {
            lock.unlock();
        }
    }

    /** The samples with start &lt;= time &lt;= end, oldest first, thinned evenly to at most {@code most}. */
    public List<MetricSample> read(Instant start, Instant end, int most) {
        List<MetricSample> found;
        lock.lock();
        try {
            found = all();
        } catch (IOException e) {
            throw new UncheckedIOException("could not read " + file, e);
        } finally {
            lock.unlock();
        }
        found.removeIf(sample -> sample.time().isBefore(start) || sample.time().isAfter(end));
        if (found.size() <= most) {
            return found;
        }
        List<MetricSample> thinned = new ArrayList<>(most);
        for (int i = 0; i < most; i++) {
            thinned.add(found.get((int) ((long) i * found.size() / most)));
        }
        return thinned;
    }

    private void compact() throws IOException {
        List<MetricSample> samples = all();
        ByteBuffer bytes = ByteBuffer.allocate(samples.size() * RECORD);
        for (int i = 0; i < samples.size(); i++) {
            if (i >= samples.size() / 2 || i % 2 == 0 || samples.size() < MOST_RECORDS) {
                encode(samples.get(i), bytes);
            }
        }
        byte[] kept = new byte[bytes.position()];
        bytes.flip().get(kept);
        Path temporary = file.resolveSibling(file.getFileName() + ".new");
        Files.write(temporary, kept);
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    }

    private List<MetricSample> all() throws IOException {
        ByteBuffer bytes;
        try {
            bytes = ByteBuffer.wrap(Files.readAllBytes(file));
        } catch (NoSuchFileException e) {
            return new ArrayList<>();
        }
        List<MetricSample> samples = new ArrayList<>(bytes.remaining() / RECORD);
        while (bytes.remaining() >= RECORD) {
            samples.add(new MetricSample(
                    Instant.ofEpochMilli(bytes.getLong()),
                    bytes.getInt(),
                    bytes.getFloat(),
                    bytes.getLong(),
                    bytes.getLong(),
                    bytes.getLong(),
                    bytes.getLong(),
                    bytes.getLong()));
        }
        return samples;
    }

    private static void encode(MetricSample sample, ByteBuffer bytes) {
        bytes.putLong(sample.time().toEpochMilli())
                .putInt(sample.cpuCount())
                .putFloat(sample.cpuUsedPercent())
                .putLong(sample.memoryUsed())
                .putLong(sample.memoryTotal())
                .putLong(sample.memoryCache())
                .putLong(sample.diskUsed())
                .putLong(sample.diskTotal());
    }
}
