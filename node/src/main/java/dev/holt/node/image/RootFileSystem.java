package dev.holt.node.image;

import dev.holt.node.pool.Lease;
import java.nio.file.Path;
import java.util.Optional;

/**
 * One sandbox's writable root file system and the disk under it. It is mounted, or at rest in {@link #image}. Closing it removes all
 * of it: close it when nothing runs in it any more and nobody wants it back. One thread at a time.
 */
public interface RootFileSystem extends Lease {
    /** Where the host sees what the guest sees, while it is mounted. */
    Path path();

    /** The file that holds everything the sandbox wrote: its whole difference to the layers below. */
    Path image();

    boolean mounted();

    /**
     * Mounts it again; nothing happens when it is mounted.
     *
     * @throws ImageFailure when it can't be; it is at rest then
     */
    void mount();

    /**
     * Unmounts it; when this returns its image is at rest. Nothing happens when it is.
     *
     * @throws ImageFailure when something still uses it
     */
    void unmount();

    /** Makes durable what was written so far. While it is mounted only what nobody writes to meanwhile is also consistent. */
    void sync();

    /**
     * Repairs it after the host stopped while it was mounted; it must be at rest.
     *
     * @return what had to be repaired, for a person
     * @throws ImageFailure when it can't be
     */
    Optional<String> check();

    /**
     * Takes another image in place of its own, which is kept aside; it must be at rest.
     *
     * @param replacement on the same file system as {@link #image}; it is moved
     */
    void swap(Path replacement);

    /** Where {@link #swap} keeps what was before, until one of the next two is called. */
    Path aside();

    /** Removes what was kept aside, if anything was. */
    void dropAside();

    /** Makes what was kept aside its image again, if anything was; it must be at rest. */
    void restoreAside();
}
