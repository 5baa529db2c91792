package dev.holt.node.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On whatever file system the temporary directory is; ext4 has attributes, and tmpfs from Linux 6.6 on. */
class ExtendedAttributesTest {
    private static final String PREFIX = "user.e2b.";

    private final Path directory;
    private final Path root;
    private final ExtendedAttributes attributes;

    ExtendedAttributesTest(@TempDir Path directory) throws IOException {
        this.directory = directory;
        root = directory.resolve("root");
        Files.createDirectories(root.resolve("home"));
        Files.writeString(root.resolve("home/file"), "inside");
        Files.writeString(directory.resolve("outside"), "outside");
        attributes = new ExtendedAttributes(root);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void replacesAllOfThePrefixAndNothingElse() throws IOException {
        attributes.replace("/home/file", "user.other", Map.of("user.other", bytes("kept")));
        attributes.replace("/home/file", PREFIX, Map.of(PREFIX + "a", bytes("1"), PREFIX + "b", bytes("")));
        attributes.replace("home/file", PREFIX, Map.of(PREFIX + "a", bytes("zwei ü")));
        assertThat(attributes.read("/home/file", "user.", false))
                .containsOnlyKeys("user.other", PREFIX + "a")
                .containsEntry(PREFIX + "a", bytes("zwei ü"));
        assertThat(attributes.read("/home/file", PREFIX, false)).containsOnlyKeys(PREFIX + "a");
        attributes.replace("/home/file", PREFIX, Map.of());
        assertThat(attributes.read("/home/file", PREFIX, false)).isEmpty();
    }

    @Test
    void neverLeavesItsRoot() throws IOException {
        Files.createSymbolicLink(root.resolve("up"), Path.of("../outside"));
        Files.createSymbolicLink(root.resolve("absolute"), directory.resolve("outside"));
        Files.createSymbolicLink(root.resolve("etc"), Path.of("/home"));
        for (String path :
                new String[] {"/up", "/absolute", "/../outside", "/proc/self/root" + directory + "/outside"}) {
            assertThatThrownBy(() -> attributes.replace(path, PREFIX, Map.of(PREFIX + "a", bytes("1"))))
                    .as(path)
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("No such file");
        }
        assertThat(new ExtendedAttributes(directory).read("/outside", "user.", false))
                .isEmpty();
        attributes.replace("/etc/file", PREFIX, Map.of(PREFIX + "a", bytes("1")));
        assertThat(attributes.read("/home/file", PREFIX, false)).containsOnlyKeys(PREFIX + "a");
    }

    @Test
    void linksHaveNoneOfTheirOwn() throws IOException {
        attributes.replace("/home/file", PREFIX, Map.of(PREFIX + "a", bytes("1")));
        Files.createSymbolicLink(root.resolve("link"), Path.of("home/file"));
        assertThat(attributes.read("/link", PREFIX, true)).containsOnlyKeys(PREFIX + "a");
        assertThat(attributes.read("/link", PREFIX, false)).isEmpty();
        assertThat(attributes.read("/none", PREFIX, false)).isEmpty();
    }
}
