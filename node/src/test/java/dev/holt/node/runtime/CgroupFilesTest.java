package dev.holt.node.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What both layouts' files mean, on copies of them. */
class CgroupFilesTest {
    private final Path root;

    CgroupFilesTest(@TempDir Path root) {
        this.root = root;
    }

    private void write(String directory, Map<String, String> files) throws IOException {
        Path path = Files.createDirectories(root.resolve(directory));
        for (Map.Entry<String, String> file : files.entrySet()) {
            Files.writeString(path.resolve(file.getKey()), file.getValue());
        }
    }

    @Test
    void readsVersion2() throws IOException {
        write(
                "holt/one",
                Map.of(
                        "memory.current", "5000000\n",
                        "memory.stat", "anon 1000000\nfile 3000000\nshmem 500000\ninactive_file 2000000\n",
                        "memory.events", "low 0\noom 4\noom_kill 3\noom_group_kill 0\n",
                        "cpu.stat", "usage_usec 1234567\nuser_usec 1000000\n",
                        "cgroup.procs", "17\n4\n"));
        Cgroups cgroups = new CgroupsV2(root);
        assertThat(cgroups.usage("holt/one")).isEqualTo(new ResourceUsage(1_234_567_000, 3_000_000, 2_500_000));
        assertThat(cgroups.outOfMemoryKills("holt/one")).isEqualTo(3);
        assertThat(cgroups.processes("holt/one")).containsExactly(17L, 4L);
        assertThat(cgroups.children("holt")).containsExactly("one");
        assertThat(cgroups.usage("holt/none")).isEqualTo(new ResourceUsage(0, 0, 0));
        assertThat(cgroups.outOfMemoryKills("holt/none")).isZero();
    }

    @Test
    void readsVersion1() throws IOException {
        for (String hierarchy : List.of("memory", "cpuacct", "freezer")) {
            write(hierarchy, Map.of("cgroup.procs", "1\n"));
        }
        write(
                "memory/holt/one",
                Map.of(
                        "memory.usage_in_bytes", "5000000\n",
                        "memory.stat",
                                "cache 1\ntotal_cache 3000000\ntotal_shmem 500000\ntotal_inactive_file 2000000\n",
                        "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
                        "cgroup.procs", "17\n"));
        write("cpuacct/holt/one", Map.of("cpuacct.usage", "987654321\n", "cgroup.procs", "17\n18\n"));
        Cgroups cgroups = CgroupsV1.mountedBelow(root);
        assertThat(cgroups.usage("holt/one")).isEqualTo(new ResourceUsage(987_654_321, 3_000_000, 2_500_000));
        assertThat(cgroups.outOfMemoryKills("holt/one")).isEqualTo(2);
        assertThat(cgroups.processes("holt/one")).as("in whichever hierarchy").containsExactlyInAnyOrder(17L, 18L);
        assertThat(cgroups.limitsSwap()).isFalse();
    }

    @Test
    void namesWhatIsMissing() {
        assertThatThrownBy(() -> CgroupsV1.mountedBelow(root))
                .isInstanceOf(RuntimeFailure.class)
                .hasMessageContaining("no control groups for memory");
    }
}
