package dev.holt.app.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.app.doctor.Finding.Level;
import dev.holt.app.settings.SettingsReader;
import dev.holt.nodeapi.Isolation;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class DoctorTest {
    @Test
    void aHostThatHasEverythingIsGoodThroughout() {
        assertThat(examine(host -> {})).isNotEmpty().allSatisfy(finding -> {
            assertThat(finding.level()).as(finding.toString()).isEqualTo(Level.GOOD);
            assertThat(finding.remedy()).isEmpty();
        });
    }

    static Stream<Arguments> lacks() {
        return Stream.of(
                lack("system", Level.BROKEN, host -> host.files.put("/etc/os-release", "ID=debian\nVERSION_ID=\"11\"")),
                lack("system", Level.LIMITED, host -> host.files.put("/etc/os-release", "ID=fedora")),
                lack("java", Level.BROKEN, host -> host.java = Runtime.Version.parse("21")),
                lack("privileges", Level.BROKEN, host -> host.files.put("/proc/self/status", "Uid:\t1000\t1000")),
                lack(
                        "privileges",
                        Level.BROKEN,
                        host -> host.files.put("/proc/self/status", "Uid:\t0\t0\nCapEff:\t00000000a80425fb")),
                lack("gvisor", Level.LIMITED, host -> host.broken.add(Isolation.GVISOR)),
                lack("container", Level.LIMITED, host -> host.broken.add(Isolation.CONTAINER)),
                lack("gvisor", Level.BROKEN, host -> host.broken.addAll(EnumSet.allOf(Isolation.class))),
                lack("cgroups", Level.BROKEN, host -> host.files.put("/sys/fs/cgroup/cgroup.controllers", "cpu pids")),
                lack("cgroups", Level.BROKEN, host -> host.files.remove("/sys/fs/cgroup/cgroup.controllers")),
                lack("namespaces", Level.BROKEN, host -> host.paths.remove("/proc/self/ns/net")),
                lack("namespaces", Level.BROKEN, host -> host.answers.put("unshare", new Host.Answer(1, "EPERM"))),
                lack("overlayfs", Level.BROKEN, host -> host.answers.put("unshare", new Host.Answer(1, "EPERM"))),
                lack("overlayfs", Level.BROKEN, host -> {
                    host.files.put("/proc/filesystems", "\text4\n");
                    host.missingPrograms.add("modprobe");
                }),
                lack("loop devices", Level.BROKEN, host -> {
                    host.paths.remove("/dev/loop-control");
                    host.missingPrograms.add("modprobe");
                }),
                lack("nftables", Level.BROKEN, host -> host.missingPrograms.add("nft")),
                lack("programs", Level.BROKEN, host -> host.missingPrograms.add("mmdebstrap")),
                lack("programs", Level.BROKEN, host -> host.missingPrograms.add("ip")),
                lack("memory", Level.BROKEN, host -> host.files.put("/proc/meminfo", "MemAvailable: 500000 kB")),
                lack("memory", Level.LIMITED, host -> host.files.put("/proc/meminfo", "MemAvailable: 1500000 kB")),
                lack("disk", Level.BROKEN, host -> host.freeBytes = 1L << 30),
                lack("disk", Level.LIMITED, host -> host.freeBytes = 5L << 30),
                lack("port 3000", Level.LIMITED, host -> host.takenPorts.add(3000)));
    }

    @ParameterizedTest
    @MethodSource("lacks")
    void whatIsMissingIsSaidWithWhatFollowsAndHowToMendIt(String check, Level level, Consumer<FakeHost> take) {
        assertThat(examine(take))
                .filteredOn(finding -> finding.check().equals(check))
                .singleElement()
                .satisfies(finding -> {
                    assertThat(finding.level()).isEqualTo(level);
                    assertThat(finding.found()).isNotBlank();
                    assertThat(finding.consequence()).isNotBlank();
                    assertThat(finding.remedy()).isNotBlank();
                });
    }

    @Test
    void versionOneOfControlGroupsWillDo() {
        List<Finding> findings = examine(host -> {
            host.files.remove("/sys/fs/cgroup/cgroup.controllers");
            for (String controller : List.of("cpu", "cpuacct", "memory", "pids", "freezer", "devices", "unified")) {
                host.paths.add("/sys/fs/cgroup/" + controller + "/cgroup.procs");
            }
        });
        assertThat(findings)
                .filteredOn(finding -> finding.check().equals("cgroups"))
                .singleElement()
                .satisfies(finding -> assertThat(finding.found()).startsWith("cgroup v1 (hybrid)"));
    }

    @Test
    void theRealHostIsExaminedWithoutAnError() {
        var settings = SettingsReader.read(Map.of(), Map.of(), Optional.empty());
        List<Finding> findings = new Doctor(new LinuxHost(settings), settings).examine();
        assertThat(findings).hasSizeGreaterThan(12);
        assertThat(findings)
                .filteredOn(finding -> finding.check().equals("java"))
                .singleElement()
                .satisfies(finding -> assertThat(finding.level()).isEqualTo(Level.GOOD));
        assertThat(findings)
                .filteredOn(finding -> finding.level() != Level.GOOD)
                .allSatisfy(finding -> {
                    assertThat(finding.consequence()).isNotBlank();
                    assertThat(finding.remedy()).isNotBlank();
                });
    }

    private static Arguments lack(String check, Level level, Consumer<FakeHost> take) {
        return Arguments.of(check, level, take);
    }

    private static List<Finding> examine(Consumer<FakeHost> take) {
        FakeHost host = new FakeHost();
        take.accept(host);
        return new Doctor(host, SettingsReader.read(Map.of(), Map.of(), Optional.empty())).examine();
    }
}
