package dev.holt.node.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** The files beside this package's classes. */
final class Resources {
    private Resources() {}

    /** Writes one to a file. */
    static void copy(String resource, Path file) throws IOException {
        Files.write(file, bytes(resource));
    }

    /** Sixteen digits that change with the content of these resources or with these texts. */
    static String digest(List<String> resources, List<String> texts) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (String resource : resources) {
                digest.update(bytes(resource));
            }
            texts.forEach(text -> digest.update(text.getBytes(StandardCharsets.UTF_8)));
            return HexFormat.of().formatHex(digest.digest()).substring(0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        } catch (IOException e) {
            throw new ImageFailure("could not read this build's own files", e);
        }
    }

    private static byte[] bytes(String resource) throws IOException {
        try (InputStream stream = Resources.class.getResourceAsStream(resource)) {
            if (stream == null) {
                throw new IllegalStateException("this build of Holt has no " + resource + " in it");
            }
            return stream.readAllBytes();
        }
    }
}
