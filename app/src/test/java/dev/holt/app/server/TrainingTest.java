package dev.holt.app.server;

import static org.assertj.core.api.Assertions.assertThatCode;

import dev.holt.app.settings.SettingsReader;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TrainingTest {
    @Test
    void controlAndEdgeAnswerThroughOneServer() {
        var settings = SettingsReader.read(Map.of(), Map.of(), Optional.empty());
        assertThatCode(() -> Training.run(settings, "1")).doesNotThrowAnyException();
    }
}
