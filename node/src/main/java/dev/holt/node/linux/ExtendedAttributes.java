package dev.holt.node.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Extended attributes, xattr(7), of files below a directory whose content is not to be trusted: symlinks in it, absolute ones too,
 * lead to places in it and nowhere else (openat2(2), RESOLVE_IN_ROOT). Only regular files and directories have them.
 */
public final class ExtendedAttributes {
    private static final int VALUE_MAXIMUM = 64 * 1024;

    private final Path root;

    /** @param root taken for / by all paths */
    public ExtendedAttributes(Path root) {
        this.root = root;
    }

    /**
     * Those of one file whose names begin with {@code prefix}; none when there is no such file, or no attributes there.
     *
     * @param follow whether a symlink at the end of the path is followed; otherwise it has none
     */
    public Map<String, byte[]> read(String path, String prefix, boolean follow) {
        try (Arena arena = Arena.ofConfined();
                Opened file = open(path, follow)) {
            Map<String, byte[]> attributes = new LinkedHashMap<>();
            MemorySegment buffer = arena.allocate(VALUE_MAXIMUM);
            for (String name : names(file, buffer)) {
                long size = name.startsWith(prefix) ? Libc.getAttribute(file.path(), name, buffer) : -1;
                if (size >= 0) {
                    attributes.put(name, buffer.asSlice(0, size).toArray(ValueLayout.JAVA_BYTE));
                }
            }
            return attributes;
        } catch (IOException absent) {
            return Map.of();
        }
    }

    /**
     * Replaces all whose names begin with {@code prefix}.
     *
     * @throws IOException when there is no such file, or the file system takes no attributes or not these
     */
    public void replace(String path, String prefix, Map<String, byte[]> attributes) throws IOException {
        try (Arena arena = Arena.ofConfined();
                Opened file = open(path, true)) {
            for (String name : names(file, arena.allocate(VALUE_MAXIMUM))) {
                if (name.startsWith(prefix) && !attributes.containsKey(name)) {
                    Libc.removeAttribute(file.path(), name);
                }
            }
            for (Map.Entry<String, byte[]> attribute : attributes.entrySet()) {
                long result = Libc.setAttribute(
                        file.path(),
                        attribute.getKey(),
                        arena.allocateFrom(ValueLayout.JAVA_BYTE, attribute.getValue()));
                if (result < 0) {
                    throw new IOException("could not set attribute '" + attribute.getKey() + "' of '" + path + "' in '"
                            + root + "': " + Libc.message(-result));
                }
            }
        }
    }

    /** A descriptor that can be neither read nor written (O_PATH), so that opening a device or a pipe does nothing. */
    private record Opened(int descriptor) implements AutoCloseable {
        String path() {
            return "/proc/self/fd/" + descriptor;
        }

        @Override
        public void close() {
            Libc.close(descriptor);
        }
    }

    private Opened open(String path, boolean follow) throws IOException {
        long directory = Libc.open(root.toString(), Libc.O_PATH | Libc.O_CLOEXEC);
        if (directory < 0) {
            throw new IOException("could not open '" + root + "': " + Libc.message(-directory));
        }
        try {
            int flags = Libc.O_PATH | Libc.O_CLOEXEC | (follow ? 0 : Libc.O_NOFOLLOW);
            long opened = Libc.openBelow((int) directory, path, flags);
            if (opened < 0) {
                throw new IOException("could not open '" + path + "' in '" + root + "': " + Libc.message(-opened));
            }
            return new Opened((int) opened);
        } finally {
            Libc.close((int) directory);
        }
    }

    private static String[] names(Opened file, MemorySegment buffer) {
        long size = Libc.listAttributes(file.path(), buffer);
        return size <= 0
                ? new String[0]
                : new String(buffer.asSlice(0, size).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8)
                        .split("\0", -1);
    }
}
