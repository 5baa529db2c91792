package dev.holt.node.runtime;

import dev.holt.node.linux.ProcessIdentity;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** Version 1, hybrid or not: see Documentation/admin-guide/cgroup-v1 in the kernel's source. */
record CgroupsV1(Path root, List<Path> hierarchies) implements Cgroups {
    CgroupsV1 {
        hierarchies = List.copyOf(hierarchies);
    }

    static CgroupsV1 mountedBelow(Path root) {
        List<Path> hierarchies = Cgroups.mountedHierarchies(root);
        if (!Files.exists(root.resolve("memory/cgroup.procs"))) {
            throw new RuntimeFailure("no control groups for memory at '" + root
                    + "': mount cgroup version 2 there, or version 1 with its memory controller");
        }
        return new CgroupsV1(root, hierarchies);
    }

    @Override
    public boolean limitsSwap() {
        return Files.exists(root.resolve("memory/memory.memsw.limit_in_bytes"));
    }

    @Override
    public ResourceUsage usage(String group) {
        Path memory = root.resolve("memory").resolve(group);
        Path statistics = memory.resolve("memory.stat");
        // Page cache that is shared memory can't be reclaimed, and gVisor's guest memory is such: only the inactive
        // files can.
        long used = Cgroups.number(memory.resolve("memory.usage_in_bytes"))
                - Cgroups.number(statistics, "total_inactive_file");
        long cache = Cgroups.number(statistics, "total_cache") - Cgroups.number(statistics, "total_shmem");
        long cpu = Cgroups.number(root.resolve("cpuacct").resolve(group).resolve("cpuacct.usage"));
        return new ResourceUsage(cpu, Math.max(0, used), Math.max(0, cache));
    }

    @Override
    public long outOfMemoryKills(String group) {
        return Cgroups.number(root.resolve("memory").resolve(group).resolve("memory.oom_control"), "oom_kill");
    }

    private Path freezer(String group) {
        return root.resolve("freezer").resolve(group).resolve("freezer.state");
    }

    @Override
    public boolean frozen(String group) {
        return Cgroups.lines(freezer(group)).equals(List.of("FROZEN"));
    }

    @Override
    public void freeze(String group, Duration limit) {
        Path state = freezer(group);
        // Asked again each time: what is forked while the group freezes may be left out by the first request.
        boolean frozen = Cgroups.becomes(
                () -> {
                    Cgroups.write(state, "FROZEN");
                    return !Files.exists(state) || frozen(group);
                },
                limit);
        if (!frozen) {
            Cgroups.write(state, "THAWED");
            throw new RuntimeFailure("group " + group + " did not freeze within " + limit.toMillis() + " ms");
        }
    }

    @Override
    public void thaw(String group) {
        Cgroups.write(freezer(group), "THAWED");
    }

    @Override
    public void kill(String group) {
        for (long pid : processes(group)) {
            ProcessIdentity.kill(pid);
        }
        thaw(group); // the frozen die only when thawed
    }
}
