package dev.holt.app.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InstanceLockTest {
    @TempDir
    Path directory;

    @Test
    void keepsASecondOneOutUntilItIsClosed() throws Exception {
        Path state = directory.resolve("state");
        try (InstanceLock first = InstanceLock.take(state)) {
            assertThat(first).isNotNull();
            assertThatThrownBy(() -> InstanceLock.take(state))
                    .isInstanceOf(StartFailure.class)
                    .hasMessageContaining("process " + ProcessHandle.current().pid())
                    .hasMessageContaining(state.toString());
        }
        InstanceLock.take(state).close();
    }

    @Test
    void aDirectoryThatIsAFileIsNamed() throws Exception {
        Path file = Files.writeString(directory.resolve("state"), "");
        assertThatThrownBy(() -> InstanceLock.take(file))
                .isInstanceOf(StartFailure.class)
                .hasMessageContaining("The state directory " + file + " can't be used");
    }
}
