package dev.holt.node;

import dev.holt.node.guest.AgentToken;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.network.Slot;
import dev.holt.node.pool.Leases;
import dev.holt.node.runtime.RuntimeInstance;

/**
 * What runs of a sandbox.
 *
 * @param token of the agent
 * @param held the leases of all of it
 */
record Body(RuntimeInstance instance, Slot slot, GuestAgent agent, AgentToken token, Leases held) {
    Body with(Leases others) {
        return new Body(instance, slot, agent, token, others);
    }
}
