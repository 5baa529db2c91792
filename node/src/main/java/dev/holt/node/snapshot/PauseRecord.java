package dev.holt.node.snapshot;

import dev.holt.nodeapi.MemoryKept;
import dev.holt.wire.id.SandboxId;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;

/**
 * That a pause is complete. It is written last: where there is none, there was no pause.
 *
 * @param version of this format, {@link #VERSION}
 * @param generation counts the pauses of one sandbox, from 1
 * @param since when it was written
 * @param memory what is kept of the memory
 * @param image in {@code memory} DISK
 * @param disk what the image of the sandbox's disk must be; empty while it is still mounted: after the host stopped it has to be checked
 * @param copy what the copy of the disk in the generation's directory must be, where there is one
 */
public record PauseRecord(
        int version,
        SandboxId sandbox,
        int generation,
        Instant since,
        MemoryKept memory,
        Optional<MemoryImage> image,
        Optional<FileSum> disk,
        Optional<FileSum> copy) {
    public static final int VERSION = 1;

    public PauseRecord {
        if (version != VERSION) {
            throw new IllegalArgumentException(
                    "a pause of format version " + version + "; this Holt reads version " + VERSION);
        }
        Objects.requireNonNull(sandbox, "sandbox");
        Objects.requireNonNull(since, "since");
        Objects.requireNonNull(memory, "memory");
        if (image.isPresent() != (memory == MemoryKept.DISK)) {
            throw new IllegalArgumentException("memory " + memory + " and an image, or none, do not fit together");
        }
    }

    /** The same once the disk is at rest. */
    public PauseRecord withDisk(FileSum sum) {
        return new PauseRecord(version, sandbox, generation, since, memory, image, Optional.of(sum), copy);
    }

    /** The same when the disk was mounted since, and not unmounted in order. */
    public PauseRecord withoutDisk() {
        return new PauseRecord(version, sandbox, generation, since, memory, image, Optional.empty(), copy);
    }

    /** The same with a copy of the disk, or without any more. */
    public PauseRecord withCopy(Optional<FileSum> sum) {
        return new PauseRecord(version, sandbox, generation, since, memory, image, disk, sum);
    }

    /** The same without its memory. */
    public PauseRecord withoutMemory() {
        return new PauseRecord(version, sandbox, generation, since, MemoryKept.NONE, Optional.empty(), disk, copy);
    }
}
