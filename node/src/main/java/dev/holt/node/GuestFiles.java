package dev.holt.node;

import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files that make a root file system this sandbox's: its name and its resolvers. They are written into the writable layer
 * rather than bound over it, so that users can change them.
 */
final class GuestFiles {
    private static final Logger log = LoggerFactory.getLogger(GuestFiles.class);
    private static final List<Path> RESOLVER_FILES =
            List.of(Path.of("/etc/resolv.conf"), Path.of("/run/systemd/resolve/resolv.conf"));

    private GuestFiles() {}

    /** Writes them into {@code layer}. */
    static void write(Path layer, SandboxId sandbox, List<String> nameservers) {
        try {
            Path etc = layer.resolve("etc");
            if (!Files.exists(etc)) {
                Files.createDirectory(etc);
                // Whatever the daemon's umask is: /etc of the guest is everybody's to read.
                Files.setPosixFilePermissions(etc, PosixFilePermissions.fromString("rwxr-xr-x"));
            }
            write(etc.resolve("hostname"), sandbox + "\n");
            write(etc.resolve("hosts"), """
                    127.0.0.1\tlocalhost
                    127.0.1.1\t%s
                    ::1\tlocalhost ip6-localhost ip6-loopback
                    """.formatted(sandbox));
            StringBuilder resolvers = new StringBuilder();
            nameservers.forEach(
                    server -> resolvers.append("nameserver ").append(server).append('\n'));
            write(etc.resolve("resolv.conf"), resolvers.toString());
        } catch (IOException e) {
            throw new UncheckedIOException("could not write the files that name sandbox " + sandbox, e);
        }
    }

    private static void write(Path file, String text) throws IOException {
        Files.deleteIfExists(file);
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    }

    /**
     * The host's own IPv4 resolvers that a sandbox can use too: those that are not on the host's loopback. Where a local
     * resolver (systemd-resolved) stands before them, it is asked for those behind it.
     */
    static List<String> hostNameservers() {
        for (Path file : RESOLVER_FILES) {
            List<String> found = new ArrayList<>();
            try (Stream<String> lines = Files.lines(file)) {
                lines.map(line -> line.strip().split("\\s+"))
                        .filter(words -> words.length >= 2 && words[0].equals("nameserver"))
                        .map(words -> words[1])
                        .filter(address -> address.matches("[0-9.]+")
                                && !InetAddress.ofLiteral(address).isLoopbackAddress())
                        .forEach(found::add);
            } catch (NoSuchFileException e) {
                continue;
            } catch (IOException e) {
                throw new UncheckedIOException("could not read " + file, e);
            }
            if (!found.isEmpty()) {
                return found;
            }
        }
        log.warn(
                "this host names no resolver that sandboxes could use: without configured nameservers they resolve no names");
        return List.of();
    }
}
