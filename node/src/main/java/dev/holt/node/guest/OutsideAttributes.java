package dev.holt.node.guest;

import java.util.List;

/** Keeps the extended attributes of a guest's files outside of it, for guests whose own kernel keeps none. */
public interface OutsideAttributes {
    /** Those of one file or directory, in the {@code user.} namespace. */
    List<GuestEntry.Attribute> of(String path);

    /** Replaces those of one file that begin with {@code prefix}; one that can have none stays without. */
    void replace(String path, String prefix, List<GuestEntry.Attribute> attributes);
}
