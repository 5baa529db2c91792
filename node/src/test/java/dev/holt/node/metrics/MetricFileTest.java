package dev.holt.node.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.node.guest.GuestMetrics;
import dev.holt.node.pool.Foreground;
import dev.holt.node.runtime.ResourceUsage;
import dev.holt.nodeapi.MetricSample;
import dev.holt.nodeapi.Resources;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class MetricFileTest {
    private static final Instant START = Instant.parse("2026-03-01T12:00:00Z");

    @TempDir
    Path directory;

    private static MetricSample sample(int second) {
        return new MetricSample(START.plusSeconds(second), 2, second / 10f, second, 512, 3, 4, 5);
    }

    @Test
    void readsWhatWasAppendedAlsoInANewRun() {
        Path path = directory.resolve("metrics");
        new MetricFile(path).append(sample(0));
        new MetricFile(path).append(sample(5));
        MetricFile file = new MetricFile(path);
        assertThat(file.read(Instant.MIN, Instant.MAX, 1000)).containsExactly(sample(0), sample(5));
        assertThat(file.read(START.plusSeconds(1), START.plusSeconds(5), 1000)).containsExactly(sample(5));
        assertThat(new MetricFile(directory.resolve("none")).read(Instant.MIN, Instant.MAX, 10))
                .isEmpty();
    }

    @Test
    void neverGrowsAndNeverForgetsTheStart() throws IOException {
        Path path = directory.resolve("metrics");
        MetricFile file = new MetricFile(path);
        for (int second = 0; second < 5000; second++) {
            file.append(sample(second));
            if (second % 500 == 0) {
                assertThat(Files.size(path)).isLessThan(60_000);
            }
        }
        List<MetricSample> all = file.read(Instant.MIN, Instant.MAX, Integer.MAX_VALUE);
        assertThat(all.getFirst()).isEqualTo(sample(0));
        assertThat(all.getLast()).isEqualTo(sample(4999));
        assertThat(all)
                .isSortedAccordingTo(Comparator.comparing(MetricSample::time))
                .doesNotHaveDuplicates();
        assertThat(all.subList(all.size() - 400, all.size()))
                .as("the newest are complete")
                .startsWith(sample(4600));
        assertThat(file.read(Instant.MIN, Instant.MAX, 100)).hasSize(100).startsWith(sample(0));
    }

    @Test
    void aTornRecordIsDropped() throws IOException {
        Path path = directory.resolve("metrics");
        MetricFile file = new MetricFile(path);
        file.append(sample(1));
        Files.write(path, new byte[20], StandardOpenOption.APPEND);
        file.append(sample(2));
        assertThat(file.read(Instant.MIN, Instant.MAX, 10)).containsExactly(sample(1), sample(2));
    }

    @Test
    void cpuIsTheChangeSinceTheSampleBefore() {
        AtomicLong time = new AtomicLong();
        AtomicLong cpu = new AtomicLong(5_000_000_000L);
        GuestMetrics guest = new GuestMetrics(0, 2, 0, 0, 1000, 400, 50, 900, 600, 1, 1, 1);
        Resources resources = new Resources(2, 512, 5120);
        UsageProbe own = probe(resources, true, time, cpu, guest);
        time.set(1_000_000_000L);
        cpu.addAndGet(1_500_000_000L);
        MetricSample busy = own.sample();
        assertThat(busy.cpuUsedPercent()).isEqualTo(150f);
        assertThat(busy.memoryUsed()).isEqualTo(600);
        assertThat(busy.memoryTotal()).isEqualTo(1000);
        assertThat(busy.memoryCache()).isEqualTo(50);
        assertThat(busy.diskUsed()).isEqualTo(300);
        time.addAndGet(1000);
        assertThat(own.sample().cpuUsedPercent())
                .as("too soon for a figure of its own")
                .isEqualTo(150f);
        time.set(3_000_000_000L);
        assertThat(own.sample().cpuUsedPercent()).isZero();

        MetricSample shared = probe(resources, false, time, cpu, guest).sample();
        assertThat(shared.memoryUsed()).isEqualTo(77);
        assertThat(shared.memoryTotal()).isEqualTo(512L << 20);
        assertThat(shared.memoryCache()).isEqualTo(88);
    }

    private static UsageProbe probe(
            Resources resources, boolean own, AtomicLong time, AtomicLong cpu, GuestMetrics guest) {
        return new UsageProbe(
                resources,
                own,
                () -> new ResourceUsage(cpu.get(), 77, 88),
                () -> guest,
                Clock.fixed(START, ZoneOffset.UTC),
                time::get);
    }

    @Test
    void oneSlowSandboxHoldsUpNoOther() throws InterruptedException {
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger slow = new AtomicInteger();
        CountDownLatch quick = new CountDownLatch(3);
        Sampler.Target stuck = () -> {
            slow.incrementAndGet();
            try {
                goOn.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        };
        Sampler.Target failing = () -> {
            throw new IllegalStateException("ended meanwhile");
        };
        Sampler.Target fine = quick::countDown;
        try (Sampler sampler =
                new Sampler(Duration.ofMillis(10), new Foreground(), () -> List.of(stuck, failing, fine))) {
            assertThat(sampler).isNotNull();
            quick.await();
        }
        assertThat(slow)
                .as("not sampled again while its last sample is being taken")
                .hasValue(1);
        goOn.countDown();
    }
}
