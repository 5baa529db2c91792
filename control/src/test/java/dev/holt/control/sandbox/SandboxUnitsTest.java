package dev.holt.control.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holt.control.access.Team;
import dev.holt.control.access.TeamQuotas;
import dev.holt.control.contract.ApiException;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.SandboxId;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SandboxUnitsTest {
    private static final Resources SMALL = new Resources(1, 128, 64);

    private static Team team(int sandboxes) {
        return new Team("t", "t", "T", false, new TeamQuotas(sandboxes, 100, 100_000, Duration.ofHours(1)));
    }

    @Test
    void roomIsGivenBackOnceHoweverOftenItIsReturned() {
        Quotas quotas = new Quotas(id -> true);
        Team team = team(2);
        SandboxId id = SandboxId.random(new SecureRandom());
        Quotas.Reservation first = quotas.reserve(team, SMALL);
        first.holdFor(id);
        first.close();
        first.close();
        assertThat(quotas.counts()).isEqualTo(Map.of("t", 1));
        Quotas.Reservation second = quotas.reserve(team, SMALL);
        assertThatThrownBy(() -> quotas.reserve(team, SMALL))
                .isInstanceOfSatisfying(
                        ApiException.class, e -> assertThat(e.status()).isEqualTo(429));
        second.close();
        second.close();
        quotas.release(id);
        quotas.release(id);
        assertThat(quotas.counts()).isEmpty();
    }

    @Test
    void anIdempotentCreateTakesRoomOnce() {
        Quotas quotas = new Quotas(id -> true);
        SandboxId id = SandboxId.random(new SecureRandom());
        for (int i = 0; i < 3; i++) {
            try (Quotas.Reservation room = quotas.reserve(team(2), SMALL)) {
                room.holdFor(id);
            }
        }
        assertThat(quotas.counts()).isEqualTo(Map.of("t", 1));
    }

    @ParameterizedTest
    @CsvSource({
        "8.8.8.8, 8.8.8.8/32",
        "0.0.0.0/0, 0.0.0.0/0",
        "255.255.255.255/1, 128.0.0.0/1",
        "10.20.30.40/12, 10.16.0.0/12",
        "192.168.1.77/31, 192.168.1.76/31"
    })
    void blocksAreCanonical(String given, String expected) {
        assertThat(Egress.block(given, "denyOut")).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"1.2.3", "1.2.3.4/", "1.2.3.4/33", "1.2.3.256", "fe80::1", "a.b", "1.2.3.4/-1", "'1.2.3.4 '"})
    void whatIsNoBlockIsRefused(String given) {
        assertThatThrownBy(() -> Egress.block(given, "denyOut"))
                .isInstanceOf(ApiException.class)
                .hasMessageStartingWith("denyOut: ");
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '`',
            value = {
                "a=b, a, b",
                "a=b=c, a, b=c",
                "a=, a, ``",
                "a%2526b=c, a&b, c",
                "a=x%252Cy, a, `x,y`",
                "a=x+y, a, x y",
                "a=x%252By, a, x+y",
                "a=50%25, a, 50%"
            })
    void metadataIsDecodedOnceOrTwice(String text, String key, String value) {
        assertThat(MetadataFilter.parse(text).wanted()).isEqualTo(Map.of(key, value));
    }

    @Test
    void metricsAreExact() {
        List<SandboxStore.Span> spans = List.of(
                new SandboxStore.Span(0, Optional.of(20_000L), true),
                new SandboxStore.Span(10_000, Optional.of(40_000L), true),
                new SandboxStore.Span(20_000, Optional.empty(), true),
                new SandboxStore.Span(100_000, Optional.empty(), true));
        assertThat(TeamMetrics.points(spans, 5_000, 30_000).stream().map(TeamMetrics.Point::concurrentSandboxes))
                .containsExactly(1, 2, 2, 2, 2, 2);
        assertThat(TeamMetrics.points(spans, 5_000, 30_000).stream().map(TeamMetrics.Point::sandboxStartRate))
                .containsExactly(0f, 0.2f, 0f, 0.2f, 0f, 0f);
        assertThat(TeamMetrics.mostConcurrent(spans, 0).value()).isEqualTo(2);
        assertThat(TeamMetrics.mostConcurrent(spans, 0).timestamp().toEpochMilli())
                .isEqualTo(10_000);
        assertThat(TeamMetrics.mostConcurrent(List.of(), 7_000).value()).isZero();
        assertThat(TeamMetrics.fastestStart(spans, 0).value()).isEqualTo(3 / 30.0);
        assertThat(TeamMetrics.fastestStart(spans, 15_000).value()).isEqualTo(1 / 30.0);
    }
}
