package dev.holt.node.snapshot;

import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.TemplateId;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * That a build made from a sandbox is complete. It is written last.
 *
 * @param version of this format, {@link #VERSION}
 * @param build what the node API tells of it
 * @param base the template whose layers its disk stands on
 * @param baseBuild the build of that template
 * @param passing whether it is for forks only and does not outlive the daemon
 * @param environment of the sandbox it was made from
 * @param disk everything the sandbox wrote
 * @param image its memory, where that is kept
 */
public record SnapshotRecord(
        int version,
        SnapshotBuild build,
        TemplateId base,
        String baseBuild,
        boolean passing,
        Map<String, String> environment,
        FileSum disk,
        Optional<MemoryImage> image) {
    public static final int VERSION = 1;

    public SnapshotRecord {
        if (version != VERSION) {
            throw new IllegalArgumentException(
                    "a snapshot of format version " + version + "; this Holt reads version " + VERSION);
        }
        Objects.requireNonNull(build, "build");
        Objects.requireNonNull(base, "base");
        Objects.requireNonNull(baseBuild, "baseBuild");
        Objects.requireNonNull(disk, "disk");
        environment = Map.copyOf(environment);
    }
}
