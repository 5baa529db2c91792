package dev.holt.node.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holt.nodeapi.NetworkPolicy;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class Ipv4BlockTest {
    @ParameterizedTest
    @CsvSource({
        "10.91.0.0/16, 10.91.0.0/16",
        "203.0.113.77, 203.0.113.77/32",
        "203.0.113.77/24, 203.0.113.0/24",
        "0.0.0.0/0, 0.0.0.0/0",
        "255.255.255.255, 255.255.255.255/32",
        "1.2.3.4/0, 0.0.0.0/0",
    })
    void readsBlocks(String text, String canonical) {
        assertThat(Ipv4Block.parse(text)).hasToString(canonical);
        assertThat(Ipv4Block.parse(canonical)).isEqualTo(Ipv4Block.parse(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "1.2.3",
                "1.2.3.256",
                "1.2.3.4/33",
                "1.2.3.4/",
                "::1",
                "example.com",
                "1.2.3.4 ",
                "1.2.3.4/-1"
            })
    void refusesWhatIsNone(String text) {
        assertThatThrownBy(() -> Ipv4Block.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'" + text + "'");
    }

    @Test
    void anAddressIsInABlockWhenItsBitsSaySo() {
        Random random = new Random(7);
        for (int i = 0; i < 1000; i++) {
            Ipv4Block address = new Ipv4Block(random.nextInt(), 32);
            int length = random.nextInt(33);
            assertThat(new Ipv4Block(address.first(), length).contains(address)).isTrue();
            if (length > 0) {
                int flipped = address.first() ^ 1 << (32 - 1 - random.nextInt(length));
                assertThat(new Ipv4Block(flipped, length).contains(address)).isFalse();
            }
            assertThat(Ipv4Block.of(address.address(0))).isEqualTo(address);
        }
    }

    @Test
    void blocksInsideOthersAreDropped() {
        assertThat(Ipv4Block.withoutOverlaps(List.of(
                        Ipv4Block.parse("10.1.2.0/24"),
                        Ipv4Block.parse("10.0.0.0/8"),
                        Ipv4Block.parse("10.0.0.0/8"),
                        Ipv4Block.parse("192.0.2.1"))))
                .containsExactly(Ipv4Block.parse("10.0.0.0/8"), Ipv4Block.parse("192.0.2.1"));
    }

    @Test
    void allowedWinsOverDenied() {
        EgressRules rules = EgressRules.of(new NetworkPolicy(
                true, List.of("203.0.113.0/25"), List.of("203.0.113.0/24"), Optional.empty(), Optional.empty()));
        assertThat(rules.permits(Ipv4Block.parse("203.0.113.5"))).isTrue();
        assertThat(rules.permits(Ipv4Block.parse("203.0.113.200"))).isFalse();
        assertThat(rules.permits(Ipv4Block.parse("198.51.100.1"))).isTrue();
        assertThat(rules.open()).isFalse();
        assertThat(EgressRules.of(NetworkPolicy.OPEN).open()).isTrue();
    }

    @Test
    void numbersComeBackAsLateAsPossible() {
        SlotNumbers numbers = new SlotNumbers(3);
        assertThat(numbers.take(1)).containsExactly(0);
        numbers.release(0);
        assertThat(numbers.take(2)).containsExactly(1, 2);
        assertThat(numbers.take(1)).containsExactly(0);
        assertThatThrownBy(() -> numbers.take(1))
                .isInstanceOf(NetworkFailure.class)
                .hasMessageContaining("all 3");
        numbers.release(1);
        assertThatThrownBy(() -> numbers.take(2)).isInstanceOf(NetworkFailure.class);
        assertThat(numbers.take(1)).as("a failed take took nothing").containsExactly(1);
    }
}
