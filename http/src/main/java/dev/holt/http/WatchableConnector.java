package dev.holt.http;

import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/** A connector with one selector that also accepts, and whose endpoints {@link ClientWatch} can watch. */
final class WatchableConnector extends ServerConnector {
    WatchableConnector(Server server, ConnectionFactory... factories) {
        super(server, 0, 1, factories);
    }

    @Override
    protected SocketChannelEndPoint newEndPoint(SocketChannel channel, ManagedSelector selector, SelectionKey key) {
        SocketChannelEndPoint endPoint =
                new WatchableEndPoint(channel, selector, key, getScheduler(), Thread::startVirtualThread);
        endPoint.setIdleTimeout(getIdleTimeout());
        return endPoint;
    }
}
