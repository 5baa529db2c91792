package dev.holt.node.network;

import dev.holt.node.pool.Lease;
import dev.holt.nodeapi.NetworkPolicy;
import java.util.List;
import java.util.Map;

/** Where slots come from: the seam between the node's lifecycle and the host's network. {@link #start} comes first. */
public interface SlotSource extends Lease {
    /** Whether a slot of an earlier run is still there. */
    boolean exists(int number);

    /**
     * Prepares the host and destroys every slot of an earlier run that is not in {@code inUse}.
     *
     * @param inUse the slots of sandboxes that still run, with their policies; {@link #adopt} each of them
     * @throws NetworkFailure when the host's network can't be prepared
     */
    void start(Map<Integer, NetworkPolicy> inUse);

    /**
     * Makes slots; all or, when it fails, none.
     *
     * @throws NetworkFailure when the address block has no room for so many, or the host's tools refuse
     */
    List<Slot> make(int count);

    /** A slot that {@link #start} was told to be in use. */
    Slot adopt(int number, NetworkPolicy policy);

    /** Leaves the host as it was found if no slot is in use; otherwise the rules stay for those that are. */
    @Override
    void close();
}
