package dev.holt.control.admin;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What the kernel says about this host: {@code /proc/meminfo}, {@code /proc/cpuinfo} (man 5 proc) and the file system of the
 * data directory. Control and its node share a host in this version.
 */
final class HostUsage {
    private static final long KIBI = 1024;

    private final Path dataDirectory;

    HostUsage(Path dataDirectory) {
        this.dataDirectory = dataDirectory;
    }

    record Machine(String cpuFamily, String cpuModel, String cpuModelName, String cpuArchitecture) {}

    record Disk(String mountPoint, String device, String filesystemType, long usedBytes, long totalBytes) {}

    record Memory(
            long usedBytes,
            long totalBytes,
            long hugePagesTotal,
            long hugePagesUsed,
            long hugePagesReserved,
            long hugePageSizeBytes) {}

    Machine machine() {
        Map<String, String> cpu = colonLines(Path.of("/proc/cpuinfo"));
        return new Machine(
                cpu.getOrDefault("cpu family", ""),
                cpu.getOrDefault("model", ""),
                cpu.getOrDefault("model name", ""),
                System.getProperty("os.arch"));
    }

    Memory memory() {
        Map<String, String> lines = colonLines(Path.of("/proc/meminfo"));
        long total = number(lines, "MemTotal") * KIBI;
        return new Memory(
                total - number(lines, "MemAvailable") * KIBI,
                total,
                number(lines, "HugePages_Total"),
                number(lines, "HugePages_Total") - number(lines, "HugePages_Free"),
                number(lines, "HugePages_Rsvd"),
                number(lines, "Hugepagesize") * KIBI);
    }

    /** Percent of all CPUs, 0 to 100. */
    int cpuPercent() {
        double load =
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getCpuLoad();
        // Negative while the JVM has nothing to compare with.
        return (int) Math.round(Math.max(0, load) * 100);
    }

    List<Disk> disks() {
        try {
            FileStore store = Files.getFileStore(dataDirectory);
            return List.of(new Disk(
                    dataDirectory.toString(),
                    store.name(),
                    store.type(),
                    store.getTotalSpace() - store.getUnallocatedSpace(),
                    store.getTotalSpace()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The first value of each key. */
    private static Map<String, String> colonLines(Path file) {
        Map<String, String> values = new HashMap<>();
        try (Stream<String> lines = Files.lines(file)) {
            lines.map(line -> line.split(":", 2))
                    .filter(parts -> parts.length == 2)
                    .forEach(parts -> values.putIfAbsent(parts[0].strip(), parts[1].strip()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return values;
    }

    private static long number(Map<String, String> lines, String key) {
        return Long.parseLong(lines.getOrDefault(key, "0").split(" ", 2)[0]);
    }
}
