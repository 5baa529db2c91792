package dev.holt.app.doctor;

import dev.holt.app.server.RuntimeTrial;
import dev.holt.nodeapi.Isolation;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A machine that has everything until a test takes something away. */
final class FakeHost implements Host {
    final Map<String, String> files = new HashMap<>(Map.of(
            "/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 13\"\nID=debian\nVERSION_ID=\"13\"\n",
            "/proc/sys/kernel/osrelease", "6.12.0\n",
            "/proc/self/status", "Name:\tjava\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
            "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n",
            "/proc/filesystems", "nodev\toverlay\n\text4\n",
            "/proc/sys/net/ipv4/ip_forward", "0\n",
            "/proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n"));
    final Set<String> paths = new HashSet<>(Set.of(
            "/proc/self/ns/mnt",
            "/proc/self/ns/net",
            "/proc/self/ns/pid",
            "/proc/self/ns/ipc",
            "/proc/self/ns/uts",
            "/dev/loop-control",
            "/dev/kvm"));
    final Set<String> missingPrograms = new HashSet<>();
    final Map<String, Answer> answers = new HashMap<>();
    final Set<Isolation> broken = EnumSet.noneOf(Isolation.class);
    final Set<Integer> takenPorts = new HashSet<>();
    long freeBytes = 100L << 30;
    Runtime.Version java = Runtime.Version.parse("25.0.1");

    @Override
    public Optional<String> read(String path) {
        return Optional.ofNullable(files.get(path));
    }

    @Override
    public boolean exists(String path) {
        return paths.contains(path) || files.containsKey(path);
    }

    @Override
    public boolean opens(String path) {
        return exists(path);
    }

    @Override
    public Optional<Path> locate(String program) {
        String name = name(program);
        return missingPrograms.contains(name) ? Optional.empty() : Optional.of(Path.of("/usr/bin", name));
    }

    @Override
    public Answer run(List<String> command) {
        String name = name(command.getFirst());
        return missingPrograms.contains(name)
                ? new Answer(-1, name + " was not found")
                : answers.getOrDefault(name, new Answer(0, ""));
    }

    @Override
    public RuntimeTrial tryRuntime(Isolation isolation) {
        return broken.contains(isolation) ? new RuntimeTrial(false, "was not found") : new RuntimeTrial(true, "works");
    }

    @Override
    public long freeBytes(Path path) {
        return freeBytes;
    }

    @Override
    public boolean canListen(InetSocketAddress address) {
        return !takenPorts.contains(address.getPort());
    }

    @Override
    public Runtime.Version javaVersion() {
        return java;
    }

    private static String name(String program) {
        return program.substring(program.lastIndexOf('/') + 1);
    }
}
