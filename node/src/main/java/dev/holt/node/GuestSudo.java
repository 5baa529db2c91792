package dev.holt.node;

import dev.holt.node.runtime.InstanceSpec.BindFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** The program that takes the place of sudo in guests whose kernel ignores set-user-id: guest-agent/PROTOCOL.md. */
final class GuestSudo {
    private static final String RESOURCE = "/dev/holt/guestagent/holt-sudo";
    private static final String DIRECTORY = "usr/bin";

    private GuestSudo() {}

    /**
     * Lays the program out in {@code directory}, in a file named by its content: guests of an older Holt still see the file of
     * theirs, which is therefore never written to.
     */
    static Path unpack(Path directory) {
        try (InputStream resource = GuestSudo.class.getResourceAsStream(RESOURCE)) {
            if (resource == null) {
                throw new IllegalStateException(
                        "this build has no " + RESOURCE + " in it: build the module guest-agent");
            }
            byte[] program = resource.readAllBytes();
            String digest = HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(program));
            Path file = directory.resolve("sudo-" + digest.substring(0, 16));
            if (!Files.isExecutable(file)) {
                Files.createDirectories(directory);
                Path unfinished = Files.createTempFile(directory, "sudo", ".new");
                Files.write(unfinished, program);
                Files.setPosixFilePermissions(unfinished, PosixFilePermissions.fromString("r-xr-xr-x"));
                Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
            }
            return file;
        } catch (IOException e) {
            throw new UncheckedIOException("could not lay sudo for guests out in '" + directory + "'", e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }

    /** What is bound in that root file system: nothing where there is no /usr/bin to find it in. */
    static List<BindFile> over(Path rootFileSystem, Path program) {
        boolean hasDirectory = Files.isDirectory(rootFileSystem.resolve(DIRECTORY), LinkOption.NOFOLLOW_LINKS);
        return hasDirectory ? List.of(new BindFile(program, "/" + DIRECTORY + "/sudo")) : List.of();
    }
}
