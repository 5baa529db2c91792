package dev.holt.node.guest;

import java.util.Optional;

/** Who has connections into a guest besides its agent's client. They must not be there while the guest is checkpointed. */
public interface Companion {
    /**
     * The guest is about to be held or cut off, and still answers. Closes every connection and returns when the guest has noticed, or
     * soon; none may be made until {@link GuestAgent#awaitMoving} returns. Does not fail.
     *
     * @param cutOff why clients are cut off for good; empty when everything goes on in a moment
     */
    void rest(Optional<String> cutOff);
}
