package dev.holt.node;

import dev.holt.node.image.RootFileSystems;
import dev.holt.node.network.SlotSource;
import dev.holt.node.pool.Foreground;
import dev.holt.node.pool.Pool;
import dev.holt.node.runtime.SandboxRuntime;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;

/**
 * What a node is put together from. All of it stays the caller's: closing the node closes none of it but {@code slots} and {@code pools}.
 *
 * @param runtimes those that work on this host, strongest first, at least one that may be offered
 * @param agent host path of the guest agent's program
 * @param foreground whom making things ahead of need steps aside for
 * @param pools started when what an earlier run left was swept, and closed with the node
 * @param steps hears of each step of each flow; see {@link FlowStep.Listener}
 * @param warmUp what warm sandboxes hold besides themselves
 */
record NodeParts(
        List<SandboxRuntime> runtimes,
        RootFileSystems rootFileSystems,
        SlotSource slots,
        Path agent,
        Foreground foreground,
        List<Pool<?>> pools,
        Clock clock,
        FlowStep.Listener steps,
        WarmUp warmUp) {
    NodeParts {
        runtimes = List.copyOf(runtimes);
        pools = List.copyOf(pools);
        if (runtimes.isEmpty()) {
            throw new IllegalArgumentException("a node needs at least one runtime that works on this host");
        }
    }
}
