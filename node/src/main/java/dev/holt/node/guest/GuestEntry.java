package dev.holt.node.guest;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A file, directory or whatever else has a path in the guest, looked at without following symlinks.
 *
 * @param type of a symlink: that of its target when that is a file or directory
 * @param path absolute and lexically clean
 * @param size bytes, as stat(2) has it: 0 for files of procfs, whatever they hold
 * @param mode st_mode with the type bits of the entry itself, inode(7)
 * @param modifiedNanoseconds since 1970
 * @param symlinkTarget as readlink(2) has it
 * @param attributes in the {@code user.} namespace, xattr(7)
 */
public record GuestEntry(
        Type type,
        String name,
        String path,
        long size,
        int mode,
        long uid,
        long gid,
        String owner,
        String group,
        long modifiedNanoseconds,
        long inode,
        long device,
        Optional<String> symlinkTarget,
        List<Attribute> attributes) {
    /** What an entry is. */
    public enum Type {
        OTHER,
        FILE,
        DIRECTORY,
        SYMLINK
    }

    /** An extended attribute. */
    public record Attribute(String name, byte[] value) {}

    private static final int ATTRIBUTE_MINIMUM = 2 * Integer.BYTES;

    public GuestEntry {
        attributes = List.copyOf(attributes);
    }

    static GuestEntry decode(Payload payload) {
        int type = payload.u8();
        if (type >= Type.values().length) {
            throw GuestFailure.protocol("an entry of type " + type);
        }
        String name = payload.text();
        String path = payload.text();
        long size = payload.u64();
        int mode = payload.u32();
        long uid = Integer.toUnsignedLong(payload.u32());
        long gid = Integer.toUnsignedLong(payload.u32());
        String owner = payload.text();
        String group = payload.text();
        long modified = payload.u64();
        long inode = payload.u64();
        long device = payload.u64();
        boolean hasTarget = payload.bool();
        String target = payload.text();
        int count = payload.count(ATTRIBUTE_MINIMUM);
        List<Attribute> attributes = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            attributes.add(new Attribute(payload.text(), payload.bytes()));
        }
        if (size < 0) {
            throw GuestFailure.protocol("a size of " + size);
        }
        return new GuestEntry(
                Type.values()[type],
                name,
                path,
                size,
                mode,
                uid,
                gid,
                owner,
                group,
                modified,
                inode,
                device,
                hasTarget ? Optional.of(target) : Optional.empty(),
                attributes);
    }
}
