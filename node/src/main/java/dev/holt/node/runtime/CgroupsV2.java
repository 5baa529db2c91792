package dev.holt.node.runtime;

import dev.holt.node.linux.ProcessIdentity;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** Version 2 alone: see Documentation/admin-guide/cgroup-v2.rst in the kernel's source. */
record CgroupsV2(Path root) implements Cgroups {
    @Override
    public List<Path> hierarchies() {
        return List.of(root);
    }

    @Override
    public boolean limitsSwap() {
        return true; // where the kernel has no swap controller an engine leaves the limit out by itself
    }

    @Override
    public ResourceUsage usage(String group) {
        Path directory = root.resolve(group);
        Path statistics = directory.resolve("memory.stat");
        // As in version 1: of the page cache only inactive files can be reclaimed.
        long used = Cgroups.number(directory.resolve("memory.current")) - Cgroups.number(statistics, "inactive_file");
        long cache = Cgroups.number(statistics, "file") - Cgroups.number(statistics, "shmem");
        long cpu = Cgroups.number(directory.resolve("cpu.stat"), "usage_usec") * 1000;
        return new ResourceUsage(cpu, Math.max(0, used), Math.max(0, cache));
    }

    @Override
    public long outOfMemoryKills(String group) {
        return Cgroups.number(root.resolve(group).resolve("memory.events"), "oom_kill");
    }

    @Override
    public boolean frozen(String group) {
        return Cgroups.number(root.resolve(group).resolve("cgroup.events"), "frozen") == 1;
    }

    @Override
    public void freeze(String group, Duration limit) {
        Path directory = root.resolve(group);
        Cgroups.write(directory.resolve("cgroup.freeze"), "1");
        Path events = directory.resolve("cgroup.events");
        if (!Cgroups.becomes(() -> !Files.exists(events) || frozen(group), limit)) {
            thaw(group);
            throw new RuntimeFailure("group " + group + " did not freeze within " + limit.toMillis() + " ms");
        }
    }

    @Override
    public void thaw(String group) {
        Cgroups.write(root.resolve(group).resolve("cgroup.freeze"), "0");
    }

    @Override
    public void kill(String group) {
        Path atOnce = root.resolve(group).resolve("cgroup.kill");
        if (Files.exists(atOnce)) { // since Linux 5.14; takes what is being forked and what is frozen too
            Cgroups.write(atOnce, "1");
            return;
        }
        for (long pid : processes(group)) {
            ProcessIdentity.kill(pid);
        }
        thaw(group);
    }
}
