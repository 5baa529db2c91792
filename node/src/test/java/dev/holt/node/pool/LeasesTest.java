package dev.holt.node.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class LeasesTest {
    private final List<String> closed = new ArrayList<>();

    @Test
    void closesInReverseOrderAndOnce() {
        Leases leases = new Leases();
        leases.add(() -> closed.add("slot"));
        leases.add(() -> closed.add("disk"));
        leases.close();
        leases.close();
        assertThat(closed).containsExactly("disk", "slot");
    }

    @Test
    void closesAllEvenWhenSomeFail() {
        Leases leases = new Leases();
        leases.add(() -> closed.add("slot"));
        leases.add(() -> {
            throw new IllegalStateException("busy");
        });
        leases.add(() -> {
            throw new IllegalStateException("gone");
        });
        assertThatThrownBy(leases::close)
                .hasMessage("gone")
                .satisfies(e -> assertThat(e.getSuppressed())
                        .singleElement()
                        .satisfies(s -> assertThat(s).hasMessage("busy")));
        assertThat(closed).containsExactly("slot");
    }

    @Test
    void keptLeasesAreClosedByTheirNewHolder() {
        Leases kept;
        try (Leases leases = new Leases()) {
            leases.add(() -> closed.add("slot"));
            kept = leases.keep();
        }
        assertThat(closed).isEmpty();
        kept.close();
        assertThat(closed).containsExactly("slot");
    }
}
