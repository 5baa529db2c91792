package dev.holt.node.image;

import dev.holt.node.pool.Lease;
import java.nio.file.Path;

/** One sandbox's mounted, writable root file system. Closing it unmounts it and frees its disk: close it when nothing runs in it any more. */
public interface RootFileSystem extends Lease {
    /** Where the host sees what the guest sees. */
    Path path();
}
