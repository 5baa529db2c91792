package dev.holt.app.server;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Lays the guest agent out as a file that sandboxes can run. Its directory is named by its content: sandboxes of an older Holt
 * still run from the file of theirs, which is therefore never written to.
 */
final class AgentProgram {
    private static final String RESOURCE = "/dev/holt/guestagent/holt-agent";

    private AgentProgram() {}

    /** The program's path below {@code directory}, made if it is not there yet. */
    static Path unpack(Path directory) {
        try (InputStream resource = AgentProgram.class.getResourceAsStream(RESOURCE)) {
            if (resource == null) {
                throw new StartFailure(
                        "This build of Holt has no guest agent in it: build again, with musl-tools installed");
            }
            byte[] program = resource.readAllBytes();
            String digest = HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(program))
                    .substring(0, 16);
            Path file = directory.resolve(digest).resolve("agent");
            if (!Files.isExecutable(file)) {
                Files.createDirectories(file.getParent());
                Path unfinished = Files.createTempFile(file.getParent(), "agent", ".new");
                Files.write(unfinished, program);
                Files.setPosixFilePermissions(unfinished, PosixFilePermissions.fromString("r-xr-xr-x"));
                Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
            }
            return file;
        } catch (IOException e) {
            throw new StartFailure("The guest agent can't be laid out in " + directory + ": " + e, e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}
