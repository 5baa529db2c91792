package dev.holt.node.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
final class PoolTest {
    private static final class Thing implements Lease {
        final int number;
        final AtomicInteger closes = new AtomicInteger();

        Thing(int number) {
            this.number = number;
        }

        @Override
        public void close() {
            closes.incrementAndGet();
        }
    }

    /** Makes things and remembers all of them; fails while told to. */
    private static final class Workshop implements Pool.Maker<Thing> {
        final Queue<Thing> made = new ConcurrentLinkedQueue<>();
        final AtomicInteger failures = new AtomicInteger();
        volatile boolean broken;

        @Override
        public List<Thing> make(int count) {
            if (broken) {
                failures.incrementAndGet();
                throw new IllegalStateException("no more clay");
            }
            List<Thing> things = new ArrayList<>();
            for (int i = 0; i < Math.min(count, 3); i++) {
                Thing thing = new Thing(made.size());
                made.add(thing);
                things.add(thing);
            }
            return things;
        }
    }

    private final Workshop workshop = new Workshop();
    private final Foreground foreground = new Foreground();

    @Test
    void fillsToItsTargetAndRefillsWhatIsTaken() {
        try (Pool<Thing> pool = new Pool<Thing>("things", 5, foreground, workshop).start()) {
            await(() -> pool.ready() == 5);
            Thing first = pool.take();
            assertThat(first.number).as("the oldest comes first").isZero();
            await(() -> pool.ready() == 5);
        }
    }

    @Test
    void makesNothingAheadBeforeItIsStarted() {
        try (Pool<Thing> pool = new Pool<>("things", 2, foreground, workshop)) {
            assertThat(pool.take().number).isZero();
            assertThat(workshop.made).as("one for who asked, none ahead").hasSize(1);
            pool.start();
            await(() -> pool.ready() == 2);
        }
        try (Pool<Thing> pool = new Pool<>("things", 1, foreground, workshop)) {
            assertThat(pool.ready()).isZero();
        }
    }

    @Test
    void makesAtOnceWhenEmpty() {
        try (Pool<Thing> pool = new Pool<Thing>("things", 0, foreground, workshop).start()) {
            assertThat(pool.poll()).isEmpty();
            assertThat(pool.take().number).isZero();
            assertThat(pool.ready()).isZero();
        }
    }

    @Test
    void failureOfTheMakerReachesWhoTakes() {
        workshop.broken = true;
        try (Pool<Thing> pool = new Pool<Thing>("things", 0, foreground, workshop).start()) {
            assertThatThrownBy(pool::take)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("no more clay");
        }
    }

    @Test
    void recoversFromAMakerThatFailed() {
        workshop.broken = true;
        try (Pool<Thing> pool = new Pool<Thing>("things", 2, foreground, workshop).start()) {
            await(() -> workshop.failures.get() >= 2);
            workshop.broken = false;
            await(() -> pool.ready() == 2);
        }
    }

    @Test
    void refillStepsAsideWhileSomebodyIsWaitedFor() {
        Queue<Integer> activeWhileRefilling = new ConcurrentLinkedQueue<>();
        Lease waiting = foreground.enter();
        try (Pool<Thing> pool = new Pool<Thing>("things", 1, foreground, count -> {
                    activeWhileRefilling.add(foreground.active());
                    return workshop.make(count);
                })
                .start()) {
            waiting.close();
            waiting.close();
            await(() -> pool.ready() == 1);
        }
        assertThat(activeWhileRefilling).containsOnly(0);
    }

    @Test
    void itIsQuietOnlyAfterAPause() throws InterruptedException {
        foreground.enter().close();
        long start = System.nanoTime();
        foreground.awaitQuiet(Duration.ofSeconds(60));
        assertThat(Duration.ofNanos(System.nanoTime() - start))
                .isBetween(Duration.ofMillis(100), Duration.ofSeconds(59));
        foreground.awaitQuiet(Duration.ZERO);
    }

    @Test
    void aLoadThatNeverPausesDoesNotKeepThePoolEmpty() {
        try (Lease waiting = foreground.enter();
                Pool<Thing> pool = new Pool<Thing>("things", 1, foreground, workshop).start()) {
            assertThat(waiting).isNotNull();
            await(() -> pool.ready() == 1);
        }
    }

    @Test
    void closingClosesWhatWasNeverTaken() {
        Pool<Thing> pool = new Pool<Thing>("things", 4, foreground, workshop).start();
        await(() -> pool.ready() == 4);
        Thing taken = pool.take();
        pool.close();
        pool.close();
        assertThat(taken.closes).hasValue(0);
        assertThat(workshop.made).filteredOn(thing -> thing != taken).allMatch(thing -> thing.closes.get() == 1);
    }

    @Test
    void whatIsMadeWhileThePoolClosesIsClosed() throws InterruptedException {
        CountDownLatch making = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        Pool<Thing> pool = new Pool<Thing>("things", 1, foreground, count -> {
                    making.countDown();
                    try {
                        goOn.await();
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                    return workshop.make(count);
                })
                .start();
        making.await();
        Thread closing = Thread.ofVirtual().start(pool::close);
        goOn.countDown();
        closing.join();
        assertThat(workshop.made).hasSize(1).allMatch(thing -> thing.closes.get() == 1);
    }

    @Test
    void takesBackOnlyWhatIsStillThere() {
        try (Pool<Thing> pool = new Pool<Thing>("things", 1, foreground, workshop).start()) {
            await(() -> pool.ready() == 1);
            Thing taken = pool.take();
            assertThat(pool.remove(taken)).isFalse();
            await(() -> pool.ready() == 1);
            Thing broken = List.copyOf(workshop.made).getLast();
            assertThat(pool.remove(broken)).isTrue();
            assertThat(pool.remove(broken)).isFalse();
        }
        assertThat(workshop.made.peek()).isNotNull();
    }

    /** Many takers, brokers and failures at once: nothing is handed out twice, nothing is lost, nothing is closed twice. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void everyThingHasExactlyOneOwner(long seed) throws Exception {
        Set<Thing> owned = Collections.newSetFromMap(new ConcurrentHashMap<>());
        Pool<Thing> pool = new Pool<Thing>("things", 6, foreground, workshop).start();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> workers = new ArrayList<>();
            for (int worker = 0; worker < 8; worker++) {
                Random random = new Random(seed * 100 + worker);
                workers.add(threads.submit(() -> {
                    for (int step = 0; step < 300; step++) {
                        switch (random.nextInt(5)) {
                            case 0 -> workshop.broken = random.nextInt(10) == 0;
                            case 1 ->
                                pool.poll()
                                        .ifPresent(thing ->
                                                assertThat(owned.add(thing)).isTrue());
                            case 2 -> {
                                Thing own = new Thing(-1);
                                workshop.made.add(own);
                                if (!pool.offer(own)) {
                                    assertThat(owned.add(own)).isTrue();
                                }
                            }
                            case 3 -> {
                                List<Thing> all = List.copyOf(workshop.made);
                                if (!all.isEmpty()) {
                                    Thing any = all.get(random.nextInt(all.size()));
                                    if (pool.remove(any)) {
                                        assertThat(owned.add(any)).isTrue();
                                    }
                                }
                            }
                            default -> {
                                try (Lease waiting = foreground.enter()) {
                                    assertThat(waiting).isNotNull();
                                    assertThat(owned.add(pool.take())).isTrue();
                                } catch (IllegalStateException e) {
                                    assertThat(e).hasMessage("no more clay");
                                }
                            }
                        }
                    }
                }));
            }
            for (Future<?> worker : workers) {
                worker.get();
            }
        }
        pool.close();
        assertThat(workshop.made)
                .allSatisfy(thing -> assertThat(thing.closes.get())
                        .as("closes of a thing that was taken: %s", owned.contains(thing))
                        .isEqualTo(owned.contains(thing) ? 0 : 1));
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            try {
                Thread.sleep(2);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
