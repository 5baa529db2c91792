package dev.holt.node.network;

import java.net.Inet4Address;
import java.nio.file.Path;

/**
 * A prepared network namespace, held until closed. Closing gives it back to the pool or destroys it.
 *
 * @see dev.holt.node.network
 */
public interface Slot extends AutoCloseable {
    /** Its number, from 0; names its namespace, interface and addresses. */
    int number();

    /** The namespace's path, for example /run/netns/holt7. */
    Path namespace();

    /** The guest's address. */
    Inet4Address guestAddress();

    /** The host's end of the link: the guest's default route, and the only peer of its agent. */
    Inet4Address gatewayAddress();

    @Override
    void close();
}
