package dev.holt.node.image;

import dev.holt.node.process.HostCommand;
import dev.holt.node.runtime.InstanceSpec;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The recipe of template {@code base}: a small Debian of the host's own release, from the host's own package sources, by
 * mmdebstrap. Its user is {@code user} (1000), with bash and sudo without a password.
 */
final class BaseTemplate implements Recipe {
    static final TemplateId ID = new TemplateId("base");
    /** Raised with every change of what this class puts into a template: builds by an older one are out of date. */
    private static final int VERSION = 3;

    private static final Duration BUILD_LIMIT = Duration.ofMinutes(30);
    private static final List<String> PACKAGES = List.of(
            "attr",
            "bash",
            "ca-certificates",
            "curl",
            "file",
            "git",
            "iproute2",
            "iputils-ping",
            "less",
            "netcat-openbsd",
            "openssh-client",
            "procps",
            "psmisc",
            "python-is-python3",
            "python3",
            "python3-pip",
            "python3-venv",
            "sudo",
            "unzip",
            "vim-tiny",
            "wget",
            "xz-utils",
            "zip");
    /** Documentation and translations: a third of the size. Copyright notices stay, as their licences ask. */
    private static final List<String> LEFT_OUT = List.of(
            "path-exclude=/usr/share/man/*",
            "path-exclude=/usr/share/doc/*",
            "path-include=/usr/share/doc/*/copyright",
            "path-exclude=/usr/share/locale/*",
            "path-include=/usr/share/locale/locale.alias",
            "path-exclude=/usr/share/info/*",
            "path-exclude=/usr/share/lintian/*");

    private static final String APT_SETTINGS = "Acquire::Languages \"none\";\nAPT::Install-Recommends \"false\";\n";

    @Override
    public TemplateId id() {
        return ID;
    }

    @Override
    public String version() {
        return "base-" + VERSION + "-" + HostPackages.release();
    }

    @Override
    public void build(Path root, List<Path> below, Path scratch, Consumer<String> progress) throws IOException {
        if (HostCommand.locate("mmdebstrap").isEmpty()) {
            throw new ImageFailure("template base is built by mmdebstrap, which this host lacks; install it with:"
                    + " apt-get install mmdebstrap gpgv debian-archive-keyring");
        }
        HostPackages host = HostPackages.find();
        List<String> words = new ArrayList<>(List.of(
                "mmdebstrap",
                "--mode=root",
                "--variant=minbase",
                "--format=directory",
                "--keyring=" + host.keyring(),
                "--include=" + String.join(",", PACKAGES),
                "--dpkgopt=force-unsafe-io")); // synced as a whole when it is complete
        APT_SETTINGS.lines().forEach(line -> words.add("--aptopt=" + line));
        host.proxies().forEach(line -> words.add("--aptopt=" + line));
        LEFT_OUT.forEach(line -> words.add("--dpkgopt=" + line));
        words.add("--customize-hook=chroot \"$1\" useradd --uid 1000 --user-group --create-home"
                + " --home-dir /home/user --shell /bin/bash user");
        words.addAll(List.of(host.suite(), root.toString(), "-"));
        progress.accept("building template " + ID + " (Debian " + host.suite() + ") by mmdebstrap, once");
        HostCommand.of(words)
                .withInput(String.join("\n", host.sources()) + "\n")
                .withLimit(BUILD_LIMIT)
                .runWithLines(progress);
        finish(root);
    }

    /** What a sandbox needs beyond packages, and no trace of the building. */
    private static void finish(Path root) throws IOException {
        write(root.resolve("etc/sudoers.d/user"), "user ALL=(ALL:ALL) NOPASSWD: ALL\n", "r--r-----");
        write(root.resolve("etc/default/locale"), "LANG=C.UTF-8\nLC_ALL=C.UTF-8\n", "rw-r--r--");
        // Every command of an SDK starts a login shell: asking bash itself who it is saves it a process, half of its
        // time.
        Path profile = root.resolve("etc/profile");
        write(profile, Files.readString(profile).replace("$(id -u)", "${EUID:-$(id -u)}"), "rw-r--r--");
        write(root.resolve("etc/hosts"), "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n", "rw-r--r--");
        write(root.resolve("etc/hostname"), "localhost\n", "rw-r--r--");
        write(root.resolve("etc/resolv.conf"), "", "rw-r--r--");
        write(root.resolve("etc/machine-id"), "", "r--r--r--");
        write(root.resolve("etc/apt/apt.conf.d/90holt"), APT_SETTINGS, "rw-r--r--");
        Files.deleteIfExists(root.resolve("etc/apt/apt.conf.d/99mmdebstrap")); // holds the host's proxies

        Path agent = root.resolve(InstanceSpec.GUEST_AGENT.substring(1));
        Files.createDirectories(agent.resolveSibling(""));
        write(agent, "", "r-xr-xr-x");
        Path screens = Files.createDirectory(root.resolve("tmp/.X11-unix"));
        Files.setAttribute(screens, "unix:mode", 01777);

        for (String logs : List.of("var/log", "var/log/apt", "var/cache/debconf", "var/lib/dpkg")) {
            try (Stream<Path> files = Files.list(root.resolve(logs))) {
                for (Path file : files.toList()) {
                    String name = file.getFileName().toString();
                    if (Files.isRegularFile(file) && (logs.startsWith("var/log") || name.endsWith("-old"))) {
                        Files.delete(file);
                    }
                }
            }
        }
    }

    private static void write(Path file, String text, String permissions) throws IOException {
        Files.deleteIfExists(file);
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions));
    }
}
