package dev.holt.node.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class KernelStarterTest {
    @ParameterizedTest
    @CsvSource({
        "0100007F:8710, true",
        "3500027F:0035, true",
        "00005D0A:A782, false",
        "00000000:0000, false",
        "00000000000000000000000001000000:8710, true",
        "0000000000000000FFFF00000100007F:8710, true",
        "0000000000000000FFFF000000005D0A:8710, false",
        "000080FE00000000000000000100007F:8710, false",
        "rem_address, false"
    })
    void knowsAGuestsConnectionsWithItself(String address, boolean loopback) {
        assertThat(KernelStarter.isLoopback(address)).isEqualTo(loopback);
    }
}
