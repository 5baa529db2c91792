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
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The recipe of template {@code base}: a small Debian of the host's own release, from the host's own package sources, checked with
 * the host's own keys, by mmdebstrap. Its user is {@code user} (1000), with bash and sudo without a password.
 *
 * @param suite the release, "bookworm"
 * @param sources as lines of sources.list
 * @param keyring that the sources are checked with
 * @param proxies the host's apt settings of proxies, needed for the build and for nothing inside
 */
record BaseTemplate(String suite, List<String> sources, Path keyring, List<String> proxies) {
    static final TemplateId ID = new TemplateId("base");
    /** Raised with every change of what this class puts into a template: builds by an older one are out of date. */
    private static final int VERSION = 3;

    private static final Duration BUILD_LIMIT = Duration.ofMinutes(30);
    private static final Path DEBIAN_KEYRING = Path.of("/usr/share/keyrings/debian-archive-keyring.gpg");
    private static final String INSTALL_HINT =
            "install it with: apt-get install mmdebstrap gpgv debian-archive-keyring";
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
    private static final Pattern SIGNED_BY = Pattern.compile("(?mi)(?:^signed-by:[ \\t]*|\\bsigned-by=)(/[^\\s\\],]+)");

    BaseTemplate {
        sources = List.copyOf(sources);
        proxies = List.copyOf(proxies);
    }

    /** Identifies the recipe on this host: changes whenever its product would. Reads one file. */
    static String recipe() {
        return "base-" + VERSION + "-" + release();
    }

    private static String release() {
        try {
            for (String line : Files.readAllLines(Path.of("/etc/os-release"))) {
                if (line.startsWith("VERSION_CODENAME=")) {
                    return line.substring(line.indexOf('=') + 1).replace("\"", "");
                }
            }
        } catch (IOException e) {
            throw new ImageFailure("could not read this host's release", e);
        }
        throw new ImageFailure("/etc/os-release names no VERSION_CODENAME to build template base by");
    }

    /**
     * The recipe for this host, with what its apt says.
     *
     * @throws ImageFailure when the host's apt knows no Debian sources, or mmdebstrap is missing
     */
    static BaseTemplate ofHost() {
        if (HostCommand.locate("mmdebstrap").isEmpty()) {
            throw new ImageFailure("template base is built by mmdebstrap, which this host lacks; " + INSTALL_HINT);
        }
        String format = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(LABEL)|$(SOURCESENTRY)";
        Map<String, StringBuilder> lines = new TreeMap<>();
        List<Path> files = new ArrayList<>();
        String suite = release();
        for (String line : HostCommand.of("apt-get", "indextargets", "--format", format, "Created-By: Packages")
                .runOrFail()
                .output()
                .lines()
                .toList()) {
            String[] fields = line.split("\\|", -1);
            boolean debian = fields[4].equals("Debian") || fields[4].equals("Debian-Security");
            if (!fields[3].equals("Debian") || !debian || !fields[1].startsWith(suite)) {
                continue;
            }
            lines.computeIfAbsent(fields[0] + " " + fields[1], key -> new StringBuilder(key))
                    .append(' ')
                    .append(fields[2]);
            files.add(Path.of(fields[5].substring(0, fields[5].lastIndexOf(':'))));
        }
        if (lines.isEmpty()) {
            throw new ImageFailure(
                    "template base is built from the host's own package sources, and apt knows none for Debian "
                            + suite + ";"
                            + " run 'apt-get update' first, or add Debian's sources to /etc/apt");
        }
        List<String> sources =
                lines.values().stream().map(line -> "deb " + line).toList();
        return new BaseTemplate(suite, sources, keyring(files), hostProxies());
    }

    private static Path keyring(List<Path> sourceFiles) {
        for (Path file : sourceFiles) {
            try {
                Matcher matcher = SIGNED_BY.matcher(Files.readString(file));
                if (matcher.find() && Files.exists(Path.of(matcher.group(1)))) {
                    return Path.of(matcher.group(1));
                }
            } catch (IOException e) {
                throw new ImageFailure("could not read '" + file + "'", e);
            }
        }
        if (!Files.exists(DEBIAN_KEYRING)) {
            throw new ImageFailure("no keys to check Debian's packages with; " + INSTALL_HINT);
        }
        return DEBIAN_KEYRING;
    }

    private static List<String> hostProxies() {
        return HostCommand.of("apt-config", "dump")
                .runOrFail()
                .output()
                .lines()
                .filter(line -> line.matches("(?i)Acquire::https?::(.*::)?Proxy(-Auto-Detect)? .*"))
                .toList();
    }

    /**
     * Builds it in an empty directory.
     *
     * @return the packages installed, as "name version"
     */
    List<String> build(Path root, Consumer<String> progress) throws IOException {
        List<String> words = new ArrayList<>(List.of(
                "mmdebstrap",
                "--mode=root",
                "--variant=minbase",
                "--format=directory",
                "--keyring=" + keyring,
                "--include=" + String.join(",", PACKAGES),
                "--dpkgopt=force-unsafe-io")); // synced as a whole when it is complete
        APT_SETTINGS.lines().forEach(line -> words.add("--aptopt=" + line));
        proxies.forEach(line -> words.add("--aptopt=" + line));
        LEFT_OUT.forEach(line -> words.add("--dpkgopt=" + line));
        words.add("--customize-hook=chroot \"$1\" useradd --uid 1000 --user-group --create-home"
                + " --home-dir /home/user --shell /bin/bash user");
        words.addAll(List.of(suite, root.toString(), "-"));
        progress.accept("building template " + ID + " (Debian " + suite + ") by mmdebstrap, once");
        HostCommand.of(words)
                .withInput(String.join("\n", sources) + "\n")
                .withLimit(BUILD_LIMIT)
                .runWithLines(progress);
        List<String> packages = HostCommand.of(
                        "dpkg-query",
                        "--admindir=" + root.resolve("var/lib/dpkg"),
                        "--show",
                        "-f=${Package} ${Version}\\n")
                .runOrFail()
                .output()
                .lines()
                .toList();
        finish(root);
        return packages;
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
