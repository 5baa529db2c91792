package dev.holt.app.doctor;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** What the kernel and the distribution must bring. */
final class SystemChecks {
    /** capabilities(7): the numbers of those that making a sandbox takes. */
    private static final Map<String, Integer> NEEDED_CAPABILITIES =
            Map.of("CAP_CHOWN", 0, "CAP_KILL", 5, "CAP_NET_ADMIN", 12, "CAP_SYS_ADMIN", 21, "CAP_MKNOD", 27);

    private final Host host;

    SystemChecks(Host host) {
        this.host = host;
    }

    Finding operatingSystem() {
        Map<String, String> release = new HashMap<>();
        host.read("/etc/os-release").orElse("").lines().forEach(line -> {
            int equals = line.indexOf('=');
            if (equals > 0) {
                release.put(
                        line.substring(0, equals), line.substring(equals + 1).replace("\"", ""));
            }
        });
        String kernel =
                host.read("/proc/sys/kernel/osrelease").orElse("unknown").strip();
        String found = release.getOrDefault("PRETTY_NAME", "unknown") + ", Linux " + kernel;
        if (!release.getOrDefault("ID", "").equals("debian")) {
            return Finding.limited(
                    "system", found, "Holt is tested on Debian 12 and later only", "use Debian, or try and see");
        }
        String version = release.getOrDefault("VERSION_ID", "99");
        if (version.matches("[0-9]+") && Integer.parseInt(version) < 12) {
            return Finding.broken("system", found, "its packages are too old", "upgrade to Debian 12 or later");
        }
        return Finding.good("system", found);
    }

    Finding java() {
        Runtime.Version version = host.javaVersion();
        if (version.feature() < 25) {
            return Finding.broken("java", "Java " + version, "Holt needs 25 or later", "install a JDK 25");
        }
        return Finding.good("java", "Java " + version);
    }

    Finding privileges() {
        String status = host.read("/proc/self/status").orElse("");
        boolean root = line(status, "Uid:").map(text -> text.startsWith("0\t")).orElse(false);
        if (!root) {
            return Finding.broken(
                    "privileges", "not root", "making a sandbox takes root", "run holt as root, with sudo for one");
        }
        long effective = line(status, "CapEff:")
                .map(text -> Long.parseUnsignedLong(text, 16))
                .orElse(0L);
        List<String> missing = NEEDED_CAPABILITIES.entrySet().stream()
                .filter(capability -> (effective & (1L << capability.getValue())) == 0)
                .map(Map.Entry::getKey)
                .sorted()
                .toList();
        if (!missing.isEmpty()) {
            return Finding.broken(
                    "privileges",
                    "root without " + String.join(", ", missing),
                    "sandboxes can't be made",
                    "run Holt on the host itself or in a privileged container");
        }
        return Finding.good("privileges", "root");
    }

    Finding kvm() {
        if (!host.exists("/dev/kvm")) {
            return Finding.good("kvm", "no /dev/kvm; nothing needs it: gvisor uses its systrap platform");
        }
        return Finding.good(
                "kvm", host.opens("/dev/kvm") ? "/dev/kvm opens; not used yet" : "/dev/kvm does not open; not needed");
    }

    Finding controlGroups() {
        if (host.exists("/sys/fs/cgroup/cgroup.controllers")) {
            String controllers =
                    host.read("/sys/fs/cgroup/cgroup.controllers").orElse("").strip();
            return needControllers("cgroup v2", List.of(controllers.split("\\s+")), List.of("cpu", "memory", "pids"));
        }
        List<String> mounted = Stream.of("cpu", "cpuacct", "memory", "pids", "freezer", "devices")
                .filter(controller -> host.exists("/sys/fs/cgroup/" + controller + "/cgroup.procs"))
                .toList();
        if (mounted.isEmpty()) {
            return Finding.broken(
                    "cgroups",
                    "nothing is mounted at /sys/fs/cgroup",
                    "sandboxes can't be limited",
                    "mount -t cgroup2 none /sys/fs/cgroup");
        }
        String layout = host.exists("/sys/fs/cgroup/unified/cgroup.procs") ? "cgroup v1 (hybrid)" : "cgroup v1";
        return needControllers(layout, mounted, List.of("cpu", "cpuacct", "memory", "pids", "freezer", "devices"));
    }

    private static Finding needControllers(String layout, List<String> have, List<String> need) {
        List<String> missing = new ArrayList<>(need);
        missing.removeAll(have);
        String found = layout + " with " + String.join(", ", have);
        if (!missing.isEmpty()) {
            return Finding.broken(
                    "cgroups",
                    found,
                    "without " + String.join(", ", missing) + " sandboxes can't be limited",
                    "enable these controllers at boot, or give Holt a cgroup that has them");
        }
        return Finding.good("cgroups", found);
    }

    Finding namespaces() {
        List<String> missing = Stream.of("mnt", "net", "pid", "ipc", "uts")
                .filter(kind -> !host.exists("/proc/self/ns/" + kind))
                .toList();
        if (!missing.isEmpty()) {
            return Finding.broken(
                    "namespaces",
                    "the kernel has no " + String.join(", ", missing) + " namespaces",
                    "sandboxes can't be kept apart",
                    "use a kernel of Debian's");
        }
        Host.Answer made =
                host.run(List.of("unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "true"));
        if (!made.succeeded()) {
            return Finding.broken(
                    "namespaces",
                    "can't be made here: " + made.firstLine(),
                    "sandboxes can't be kept apart",
                    "run Holt on the host itself or in a privileged container");
        }
        return Finding.good("namespaces", "mount, net, pid, ipc, uts can be made");
    }

    Finding overlay() {
        if (fileSystems().noneMatch("overlay"::equals)
                && !host.run(List.of("modprobe", "overlay")).succeeded()) {
            return Finding.broken(
                    "overlayfs",
                    "the kernel has no overlayfs",
                    "sandboxes can't share a template",
                    "modprobe overlay, or use a kernel of Debian's");
        }
        Host.Answer mounted = host.run(List.of(
                "unshare",
                "--mount",
                "sh",
                "-c",
                "mount -t tmpfs tmpfs /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m && "
                        + "mount -t overlay overlay -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w /mnt/m"));
        if (!mounted.succeeded()) {
            return Finding.broken(
                    "overlayfs",
                    "a trial mount failed: " + mounted.firstLine(),
                    "sandboxes can't share a template",
                    "run Holt on the host itself or in a privileged container");
        }
        return Finding.good("overlayfs", "a trial mount worked");
    }

    Finding loopDevices() {
        if (!host.exists("/dev/loop-control")
                && !host.run(List.of("modprobe", "loop")).succeeded()) {
            return Finding.broken(
                    "loop devices", "no /dev/loop-control", "sandboxes' disks can't be mounted", "modprobe loop");
        }
        if (fileSystems().noneMatch("ext4"::equals)
                && !host.run(List.of("modprobe", "ext4")).succeeded()) {
            return Finding.broken(
                    "loop devices", "the kernel has no ext4", "sandboxes' disks can't be mounted", "modprobe ext4");
        }
        return Finding.good("loop devices", "/dev/loop-control and ext4 are there");
    }

    Finding firewall() {
        Host.Answer tables = host.run(List.of("nft", "list", "tables"));
        if (!tables.succeeded()) {
            return Finding.broken(
                    "nftables",
                    tables.firstLine(),
                    "sandboxes can't be kept from networks that they must not reach",
                    "apt-get install nftables, on a kernel with nf_tables");
        }
        String forwarding =
                host.read("/proc/sys/net/ipv4/ip_forward").orElse("").strip();
        return Finding.good(
                "nftables",
                host.run(List.of("nft", "--version")).firstLine()
                        + ("1".equals(forwarding) ? "" : "; Holt will switch net.ipv4.ip_forward on"));
    }

    /** The programs that no other check runs, with the Debian package of each. */
    List<Finding> tools() {
        Map<String, String> packages =
                Map.of("ip", "iproute2", "mkfs.ext4", "e2fsprogs", "losetup", "mount", "mmdebstrap", "mmdebstrap");
        List<String> missing = packages.keySet().stream()
                .filter(program -> host.locate(program).isEmpty())
                .sorted()
                .toList();
        if (missing.isEmpty()) {
            return List.of(Finding.good("programs", "ip, losetup, mkfs.ext4, mmdebstrap are installed"));
        }
        return missing.stream()
                .map(program -> Finding.broken(
                        "programs",
                        program + " is not installed",
                        "Holt can't do its work",
                        "apt-get install " + packages.get(program)))
                .toList();
    }

    private Stream<String> fileSystems() {
        return host.read("/proc/filesystems").orElse("").lines().map(line -> line.substring(line.indexOf('\t') + 1));
    }

    private static Optional<String> line(String text, String label) {
        return text.lines()
                .filter(line -> line.startsWith(label))
                .map(line -> line.substring(label.length()).strip())
                .findFirst();
    }
}
