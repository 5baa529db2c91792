package dev.holt.node.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holt.node.runtime.ImageWitness;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ImageSumsTest {
    @TempDir
    Path directory;

    @Test
    void whatWasSeenHasTheSumOfWhatIsThere() throws IOException {
        Random random = new Random(20261125);
        for (int round = 0; round < 60; round++) {
            byte[] content = new byte[random.nextInt(5) * FileBlocks.SIZE + random.nextInt(3)];
            for (int at = 0; at < content.length; at += FileBlocks.SIZE / 2) {
                if (random.nextInt(3) > 0) { // else that half of a block stays zero
                    content[at + random.nextInt(Math.min(FileBlocks.SIZE / 2, content.length - at))] = 1;
                }
            }
            Path file = Files.write(directory.resolve("file" + round), content);
            ImageSums sums = new ImageSums();
            ImageWitness.Content seen = sums.begin(file);
            for (int at = 0; at < content.length; ) {
                int length = Math.min(content.length - at, 1 + random.nextInt(3 * FileBlocks.SIZE));
                seen.bytes(ByteBuffer.wrap(content, at, length));
                at += length;
            }
            seen.end();
            assertThat(sums.of(file, "name")).as("round " + round).isEqualTo(FileSum.of(file, "name"));
        }
    }

    @Test
    void whatWasNotSeenToItsEndIsRead() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "all of it");
        ImageSums sums = new ImageSums();
        sums.begin(file).bytes(ByteBuffer.wrap(new byte[] {1}));
        assertThat(sums.of(file, "name")).isEqualTo(FileSum.of(file, "name"));
    }

    @Test
    void aFileThatIsShorterThanWhatWasSeenIsDamaged() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "half");
        ImageSums sums = new ImageSums();
        ImageWitness.Content seen = sums.begin(file);
        seen.bytes(ByteBuffer.wrap("half of it".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
        seen.end();
        assertThatThrownBy(() -> sums.of(file, "name"))
                .isInstanceOf(SnapshotFailure.class)
                .hasMessageContaining("has 4 bytes and should have 10");
    }
}
