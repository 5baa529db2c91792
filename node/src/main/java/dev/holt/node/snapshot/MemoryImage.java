package dev.holt.node.snapshot;

import dev.holt.node.guest.AgentToken;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Resources;
import java.util.List;
import java.util.Objects;

/**
 * A guest's memory on disk, and what a guest that goes on from it needs to find as it was.
 *
 * @param isolation whose runtime wrote it and can read it
 * @param resources of the guest
 * @param token that its agent knows
 * @param agent host path of the program that its agent runs
 * @param bindFiles further host files that it sees, in the order of its specification
 * @param files of the image, names below the directory of the record
 */
public record MemoryImage(
        Isolation isolation,
        Resources resources,
        AgentToken token,
        String agent,
        List<Bound> bindFiles,
        List<FileSum> files) {
    /** A host file shown at a path of the guest. */
    public record Bound(String hostFile, String guestPath) {
        public Bound {
            Objects.requireNonNull(hostFile, "hostFile");
            Objects.requireNonNull(guestPath, "guestPath");
        }
    }

    public MemoryImage {
        Objects.requireNonNull(isolation, "isolation");
        Objects.requireNonNull(resources, "resources");
        Objects.requireNonNull(token, "token");
        Objects.requireNonNull(agent, "agent");
        bindFiles = List.copyOf(bindFiles);
        files = List.copyOf(files);
        if (files.isEmpty()) {
            throw new IllegalArgumentException("a memory image without files");
        }
    }

    /** On disk, in bytes. */
    public long bytes() {
        return files.stream().mapToLong(FileSum::size).sum();
    }
}
