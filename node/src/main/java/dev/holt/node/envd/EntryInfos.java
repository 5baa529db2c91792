package dev.holt.node.envd;

import com.google.protobuf.Timestamp;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestEntry;
import dev.holt.node.guest.GuestFailure;
import dev.holt.wire.filesystem.EntryInfo;
import dev.holt.wire.filesystem.FileType;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Describes entries as clients know them. A symlink has the type and the permissions of what it leads to. */
final class EntryInfos {
    /** Attributes in this namespace are what clients call metadata. */
    static final String METADATA_PREFIX = "user.e2b.";

    private static final int LINKS_MAXIMUM = 40;
    private static final int PERMISSIONS = 0777;
    private static final int TYPE_MASK = 0170000;
    private static final long NANOSECONDS = 1_000_000_000L;

    private EntryInfos() {}

    /** @param agent asked for the targets of symlinks, and for attributes */
    static EntryInfo describe(GuestAgent agent, GuestEntry entry) {
        EntryInfo.Builder info = EntryInfo.newBuilder()
                .setName(entry.name())
                .setType(type(entry.type()))
                .setPath(entry.path())
                .setSize(entry.size())
                .setMode(entry.mode() & PERMISSIONS)
                .setPermissions(permissions(entry.mode()))
                .setOwner(entry.owner())
                .setGroup(entry.group())
                .setModifiedTime(Timestamp.newBuilder()
                        .setSeconds(Math.floorDiv(entry.modifiedNanoseconds(), NANOSECONDS))
                        .setNanos((int) Math.floorMod(entry.modifiedNanoseconds(), NANOSECONDS)))
                .putAllMetadata(metadata(agent.attributes(entry)));
        if (entry.symlinkTarget().isPresent()) {
            follow(agent, entry, info);
        }
        return info.build();
    }

    private static FileType type(GuestEntry.Type type) {
        return switch (type) {
            case FILE -> FileType.FILE_TYPE_FILE;
            case DIRECTORY -> FileType.FILE_TYPE_DIRECTORY;
            case SYMLINK -> FileType.FILE_TYPE_SYMLINK;
            case OTHER -> FileType.FILE_TYPE_UNSPECIFIED;
        };
    }

    /** Where a link leads in the end; itself, with no permissions, when that is nowhere. */
    private static void follow(GuestAgent agent, GuestEntry link, EntryInfo.Builder info) {
        GuestEntry at = link;
        try {
            for (int links = 0; at.symlinkTarget().isPresent() && links < LINKS_MAXIMUM; links++) {
                String target = at.symlinkTarget().get();
                String path = target.startsWith("/") ? target : GuestPaths.parent(at.path()) + "/" + target;
                at = agent.stat("root", path);
            }
        } catch (GuestFailure nowhere) {
            at = link;
        }
        boolean arrived = at.symlinkTarget().isEmpty();
        info.setSymlinkTarget(arrived ? at.path() : link.path());
        info.setMode(arrived ? at.mode() & PERMISSIONS : 0);
    }

    /** What clients attached to a file. Attributes that are no text are not theirs. */
    static Map<String, String> metadata(List<GuestEntry.Attribute> attributes) {
        Map<String, String> metadata = new TreeMap<>();
        for (GuestEntry.Attribute attribute : attributes) {
            if (attribute.name().startsWith(METADATA_PREFIX)) {
                try {
                    String value = StandardCharsets.UTF_8
                            .newDecoder()
                            .decode(ByteBuffer.wrap(attribute.value()))
                            .toString();
                    metadata.put(attribute.name().substring(METADATA_PREFIX.length()), value);
                } catch (CharacterCodingException noText) {
                    continue;
                }
            }
        }
        return metadata;
    }

    /** {@code st_mode} as Go's {@code FileMode.String} writes it: a letter for each property, then the nine of permissions. */
    static String permissions(int mode) {
        StringBuilder text = new StringBuilder();
        switch (mode & TYPE_MASK) {
            case 0040000 -> text.append('d');
            case 0120000 -> text.append('L');
            case 0060000, 0020000 -> text.append('D');
            case 0010000 -> text.append('p');
            case 0140000 -> text.append('S');
            default -> {}
        }
        append(text, mode, 04000, 'u');
        append(text, mode, 02000, 'g');
        append(text, (mode & TYPE_MASK) == 0020000 ? 1 : 0, 1, 'c');
        append(text, mode, 01000, 't');
        if (text.isEmpty()) {
            text.append('-');
        }
        for (int bit = 8; bit >= 0; bit--) {
            text.append((mode >> bit & 1) == 1 ? "rwx".charAt((8 - bit) % 3) : '-');
        }
        return text.toString();
    }

    private static void append(StringBuilder text, int mode, int bit, char letter) {
        if ((mode & bit) != 0) {
            text.append(letter);
        }
    }
}
