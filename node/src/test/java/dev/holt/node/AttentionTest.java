package dev.holt.node;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.node.runtime.RuntimeInstance;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class AttentionTest {
    private final List<String> told = new ArrayList<>();
    private long now = 7;

    private final RuntimeInstance instance = (RuntimeInstance) Proxy.newProxyInstance(
            getClass().getClassLoader(), new Class<?>[] {RuntimeInstance.class}, (proxy, method, arguments) -> {
                told.add(method.getName() + " " + arguments[0]);
                return null;
            });

    private final Attention attention = new Attention(() -> Optional.of(instance), Runnable::run, () -> now);

    private void pass(Duration time) {
        now += time.toNanos();
        attention.look();
    }

    @Test
    void aRuntimeIsToldWhenNobodyAsksForAWhileAndWhenSomebodyDoesAgain() {
        pass(Duration.ofSeconds(4));
        assertThat(told).isEmpty();
        attention.asked();
        pass(Duration.ofSeconds(4));
        assertThat(told).as("somebody asked meanwhile").isEmpty();
        pass(Duration.ofSeconds(2));
        pass(Duration.ofSeconds(60));
        assertThat(told).as("once").containsExactly("attend false");
        attention.asked();
        attention.asked();
        assertThat(told).containsExactly("attend false", "attend true");
    }

    @Test
    void anotherInstanceIsAttendedAsItWasStarted() {
        pass(Duration.ofSeconds(6));
        attention.started();
        attention.asked();
        assertThat(told).containsExactly("attend false");
        pass(Duration.ofSeconds(6));
        assertThat(told).containsExactly("attend false", "attend false");
    }
}
