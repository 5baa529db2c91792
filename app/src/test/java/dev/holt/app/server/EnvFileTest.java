package dev.holt.app.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EnvFileTest {
    @TempDir
    Path directory;

    @Test
    void writesLinesThatOnlyTheOwnerReads() throws Exception {
        Path file = directory.resolve("client.env");
        Map<String, String> values = new LinkedHashMap<>();
        values.put("E2B_API_URL", "http://127.0.0.1:3000");
        values.put("E2B_API_KEY", "e2b_0a=b");
        EnvFile.write(file, values);
        assertThat(file).hasContent("E2B_API_URL=http://127.0.0.1:3000\nE2B_API_KEY=e2b_0a=b\n");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(EnvFile.read(file)).isEqualTo(values);
    }

    @Test
    void replacesAnOlderFileAndLeavesNothingElse() throws Exception {
        Path file = Files.writeString(directory.resolve("client.env"), "OLD=1\n");
        EnvFile.write(file, Map.of("NEW", "2"));
        assertThat(file).hasContent("NEW=2\n");
        try (var entries = Files.list(directory)) {
            assertThat(entries).containsExactly(file);
        }
    }

    @Test
    void aValueOfTwoLinesWouldForgeAKey() {
        Path file = directory.resolve("client.env");
        assertThatThrownBy(() -> EnvFile.write(file, Map.of("A", "1\nB=2"))).hasMessage("A has more than one line");
        assertThat(file).doesNotExist();
    }

    @Test
    void aMissingDirectoryIsAnErrorAndNotMade() {
        assertThatThrownBy(() -> EnvFile.write(directory.resolve("no/client.env"), Map.of("A", "1")))
                .isInstanceOf(NoSuchFileException.class);
    }
}
