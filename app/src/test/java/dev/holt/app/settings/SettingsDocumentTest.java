package dev.holt.app.settings;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class SettingsDocumentTest {
    @Test
    void theCommittedDocumentIsTheGeneratedOne() throws Exception {
        assertThat(Files.readString(Path.of("../docs/configuration.md")))
                .as("renew it with: ./holt document-settings docs/configuration.md")
                .isEqualTo(SettingsDocument.text());
    }

    @Test
    void noTwoSettingsShareAName() {
        assertThat(SettingsTable.ALL.stream().map(Setting::variable).collect(Collectors.toSet()))
                .hasSameSizeAs(SettingsTable.ALL)
                .doesNotContainAnyElementsOf(SettingsReader.OTHER_VARIABLES);
    }
}
