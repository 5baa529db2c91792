package dev.holt.node.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** On the version 2 hierarchy that a hybrid host has too, without controllers there: what needs none of them. Needs root. */
class CgroupsV2Test {
    private static final String GROUP = "holt-test-" + ProcessHandle.current().pid();

    private static Path hierarchy() {
        return Files.exists(Cgroups.MOUNTED_AT.resolve("cgroup.controllers"))
                ? Cgroups.MOUNTED_AT
                : Cgroups.MOUNTED_AT.resolve("unified");
    }

    @Test
    void freezesThawsKillsAndRemoves() throws IOException, InterruptedException {
        Path root = hierarchy();
        assumeThat(root.resolve("cgroup.procs")).exists();
        Cgroups cgroups = new CgroupsV2(root);
        Path group = root.resolve(GROUP);
        Files.createDirectories(group.resolve("inner"));
        Process busy = new ProcessBuilder("sh", "-c", "while :; do :; done").start();
        try {
            Files.writeString(group.resolve("cgroup.procs"), Long.toString(busy.pid()));
            assertThat(cgroups.children("")).contains(GROUP);
            assertThat(cgroups.processes(GROUP)).isEqualTo(Set.of(busy.pid()));
            assertThat(cgroups.remove(GROUP)).as("while it runs").isFalse();

            cgroups.freeze(GROUP);
            assertThat(group.resolve("cgroup.events")).content().contains("frozen 1");
            cgroups.thaw(GROUP);
            cgroups.thaw(GROUP);
            assertThat(group.resolve("cgroup.freeze")).content().isEqualTo("0\n");
            assertThat(busy.isAlive()).isTrue();

            cgroups.freeze(GROUP);
            cgroups.kill(GROUP);
            assertThat(busy.waitFor(20, TimeUnit.SECONDS))
                    .as("frozen as it was")
                    .isTrue();
            boolean removed = cgroups.remove(GROUP);
            for (int i = 0; i < 2000 && !removed; i++) {
                Thread.sleep(5);
                removed = cgroups.remove(GROUP);
            }
            assertThat(group).doesNotExist();
            cgroups.freeze(GROUP); // gone: nothing to do, and no waiting for it
            cgroups.thaw(GROUP);
            assertThat(cgroups.usage(GROUP)).isEqualTo(new ResourceUsage(0, 0, 0));
        } finally {
            busy.destroyForcibly().waitFor();
            cgroups.remove(GROUP);
        }
    }
}
