package dev.holt.node.pool;

/** Something that must be given back. Closing it gives it back; closing twice is fine. */
public interface Lease extends AutoCloseable {
    @Override
    void close();
}
