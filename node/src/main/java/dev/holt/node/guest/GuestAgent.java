package dev.holt.node.guest;

import java.net.InetSocketAddress;

/**
 * The agent of one sandbox, spoken to as guest-agent/PROTOCOL.md says. Safe for use by many threads; unary calls share a few
 * pooled connections, every stream has its own. Closing it closes all of them; the guest goes on.
 */
public final class GuestAgent implements AutoCloseable {
    /** The port that the agent listens on. */
    public static final int PORT = 49982;

    private final InetSocketAddress address;

    /** Connects nothing yet: the first call does. */
    public GuestAgent(InetSocketAddress address, AgentToken token) {
        this.address = address;
    }

    /** Where it listens. */
    public InetSocketAddress address() {
        return address;
    }

    @Override
    public void close() {}
}
