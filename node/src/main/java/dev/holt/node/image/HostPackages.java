package dev.holt.node.image;

import dev.holt.node.process.HostCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where this host gets Debian's packages from, and what it checks them with: templates get theirs from the same place.
 *
 * @param suite the host's release, "bookworm"
 * @param sources as lines of sources.list
 * @param keyring that the sources are checked with
 * @param proxies the host's apt settings of proxies, needed for the build and for nothing inside
 */
record HostPackages(String suite, List<String> sources, Path keyring, List<String> proxies) {
    private static final Path DEBIAN_KEYRING = Path.of("/usr/share/keyrings/debian-archive-keyring.gpg");
    private static final Pattern SIGNED_BY = Pattern.compile("(?mi)(?:^signed-by:[ \\t]*|\\bsigned-by=)(/[^\\s\\],]+)");

    HostPackages {
        sources = List.copyOf(sources);
        proxies = List.copyOf(proxies);
    }

    /** The release of this host. Reads one file. */
    static String release() {
        try {
            for (String line : Files.readAllLines(Path.of("/etc/os-release"))) {
                if (line.startsWith("VERSION_CODENAME=")) {
                    return line.substring(line.indexOf('=') + 1).replace("\"", "");
                }
            }
        } catch (IOException e) {
            throw new ImageFailure("could not read this host's release", e);
        }
        throw new ImageFailure("/etc/os-release names no VERSION_CODENAME to build templates by");
    }

    /**
     * What this host's apt says.
     *
     * @throws ImageFailure when it knows no Debian sources of the host's release, or the host has no keys to check them with
     */
    static HostPackages find() {
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
                    "templates are built from the host's own package sources, and apt knows none for Debian "
                            + suite + ";"
                            + " run 'apt-get update' first, or add Debian's sources to /etc/apt");
        }
        List<String> sources =
                lines.values().stream().map(line -> "deb " + line).toList();
        return new HostPackages(suite, sources, keyring(files), hostProxies());
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
            throw new ImageFailure("no keys to check Debian's packages with; install them with: apt-get install"
                    + " debian-archive-keyring");
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
}
