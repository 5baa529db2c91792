package dev.holt.node.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TurnsTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    private final Turns turns = new Turns();

    @Test
    void oneAfterAnotherInTheOrderOfTheirComing() throws InterruptedException {
        List<Integer> order = new CopyOnWriteArrayList<>();
        List<Thread> threads = new ArrayList<>();
        try (Turns.Turn first = turns.join()) {
            for (int i = 0; i < 20; i++) {
                int number = i;
                Turns.Turn turn = turns.join();
                threads.add(Thread.startVirtualThread(() -> {
                    try (turn) {
                        if (turn.await(LONG)) {
                            order.add(number);
                        }
                    } catch (InterruptedException nobodyDoes) {
                        Thread.currentThread().interrupt();
                    }
                }));
            }
            assertThat(first.await(Duration.ZERO)).isTrue();
            assertThat(turns.length()).isEqualTo(21);
            assertThat(order).isEmpty();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(order).isSorted().hasSize(20);
        assertThat(turns.length()).isZero();
    }

    @Test
    void whoLeavesTheLineIsPassedOver() throws InterruptedException {
        try (Turns.Turn first = turns.join();
                Turns.Turn last = closingTheSecond()) {
            assertThat(last.await(Duration.ZERO)).isFalse();
            first.close();
            assertThat(last.await(LONG)).isTrue();
        }
    }

    private Turns.Turn closingTheSecond() {
        try (Turns.Turn second = turns.join()) {
            assertThat(turns.length()).isEqualTo(2);
            return turns.join();
        }
    }

    @Test
    void awaitingCanBeBroken() throws InterruptedException {
        try (Turns.Turn first = turns.join();
                Turns.Turn second = turns.join()) {
            assertThat(first.await(LONG)).isTrue();
            second.wake();
            assertThat(second.await(LONG)).isFalse();
        }
    }
}
