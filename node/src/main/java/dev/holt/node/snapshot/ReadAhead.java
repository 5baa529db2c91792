package dev.holt.node.snapshot;

import dev.holt.node.linux.PageCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings memory images into the host's page cache: they went past it to the disk, and a restore reads all of one. The host gives such memory
 * up before any other.
 */
public final class ReadAhead {
    private static final Logger log = LoggerFactory.getLogger(ReadAhead.class);
    /** An image is read ahead when it takes less than this part of the available memory. */
    private static final int PART = 4;

    private ReadAhead() {}

    /** Reads what is in {@code memory}, the directory of an image, if there is room; returns when the disk was asked, and never fails. */
    public static void directory(Path memory) {
        try {
            List<Path> files = Durable.files(memory);
            long bytes = 0;
            for (Path file : files) {
                bytes += Files.size(file);
            }
            if (bytes < PageCache.availableBytes() / PART) {
                for (Path file : files) {
                    PageCache.prefetch(file);
                }
            }
        } catch (IOException | SnapshotFailure e) {
            log.debug("'{}' is not read ahead", memory, e);
        }
    }
}
