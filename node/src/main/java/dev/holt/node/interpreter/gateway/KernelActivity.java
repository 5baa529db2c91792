package dev.holt.node.interpreter.gateway;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** What the kernels do that somebody is connected to: only that is seen. Kernels are told apart by key. */
final class KernelActivity {
    /**
     * @param state as the kernel told it last: {@code starting}, {@code busy} or {@code idle}
     * @param last when it said anything
     */
    record Seen(String state, Instant last, int connections) {}

    private final Map<String, Seen> kernels = new ConcurrentHashMap<>();

    Optional<Seen> of(String kernel) {
        return Optional.ofNullable(kernels.get(kernel));
    }

    /** Counts a connection, unless there are {@code most} to kernels whose keys begin so. */
    synchronized boolean connect(String sandbox, String kernel, int most) {
        int connections = kernels.entrySet().stream()
                .filter(entry -> entry.getKey().startsWith(sandbox))
                .mapToInt(entry -> entry.getValue().connections)
                .sum();
        if (connections >= most) {
            return false;
        }
        kernels.merge(
                kernel,
                new Seen("starting", Instant.now(), 1),
                (old, first) -> new Seen(old.state, old.last, old.connections + 1));
        return true;
    }

    synchronized void disconnect(String kernel) {
        kernels.computeIfPresent(
                kernel,
                (key, seen) -> seen.connections == 1 ? null : new Seen(seen.state, seen.last, seen.connections - 1));
    }

    void saw(String kernel, Optional<String> state) {
        kernels.computeIfPresent(
                kernel, (key, seen) -> new Seen(state.orElse(seen.state), Instant.now(), seen.connections));
    }
}
