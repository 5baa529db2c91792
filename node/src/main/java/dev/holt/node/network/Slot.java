package dev.holt.node.network;

import dev.holt.node.pool.Lease;
import dev.holt.nodeapi.NetworkPolicy;
import java.net.Inet4Address;
import java.nio.file.Path;

/**
 * A prepared network namespace, held until closed. A slot is used by one sandbox and then destroyed: what a guest did to its
 * namespace never reaches the next one. Close it when nothing runs in it any more.
 */
public interface Slot extends Lease {
    /** Its number, from 0; names its namespace, interface and addresses. */
    int number();

    /** The namespace's path, for example /run/netns/holt-7. */
    Path namespace();

    /** The guest's address. */
    Inet4Address guestAddress();

    /** The host's end of the link: the guest's default route, and the only peer of its agent. */
    Inet4Address gatewayAddress();

    /**
     * Limits what the guest may reach from now on, established connections included. A new slot is open.
     *
     * @throws IllegalArgumentException when the policy names something that is no IPv4 address or CIDR block
     */
    void restrict(NetworkPolicy policy);

    /** Destroys the namespace, both ends of its link and its rules. */
    @Override
    void close();
}
