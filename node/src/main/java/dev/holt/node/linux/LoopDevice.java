package dev.holt.node.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A file shown as a block device, held open until closed. The device frees itself when its last user (this object, a mount of it)
 * lets go: so mount it, close this, and unmounting ends both. See loop(4).
 */
public final class LoopDevice implements AutoCloseable {
    private static final long CONFIGURE = 0x4C0A; // since Linux 5.8: set-up and flags in one step
    private static final long GET_FREE = 0x4C82;
    private static final int AUTOCLEAR = 4;
    private static final int TRIES = 64;
    // struct loop_config: u32 fd, u32 block_size, struct loop_info64 (232 bytes), u64 reserved[8]; lo_flags is 52 bytes
    // into the second.
    private static final long CONFIG_SIZE = 4 + 4 + 232 + 64;
    private static final long CONFIG_FLAGS = 8 + 52;

    private final int descriptor;
    private final Path device;

    private LoopDevice(int descriptor, Path device) {
        this.descriptor = descriptor;
        this.device = device;
    }

    /**
     * Shows {@code file} as a block device of 512-byte sectors.
     *
     * @throws LinuxException when the host offers no loop devices, or the file can't be opened
     */
    public static LoopDevice attach(Path file) {
        int backing = open(file);
        try {
            int control = open(Path.of("/dev/loop-control"));
            try {
                return attach(file, backing, control);
            } finally {
                Libc.close(control);
            }
        } finally {
            Libc.close(backing);
        }
    }

    private static LoopDevice attach(Path file, int backing, int control) {
        for (int attempt = 0; attempt < TRIES; attempt++) {
            long number = Libc.ioctl(control, GET_FREE, MemorySegment.NULL);
            if (number < 0) {
                throw LinuxException.of("no free loop device", -number);
            }
            Path device = Path.of("/dev/loop" + number);
            int descriptor = open(device);
            long result = configure(descriptor, backing);
            if (result >= 0) {
                return new LoopDevice(descriptor, device);
            }
            Libc.close(descriptor);
            if (result != -Libc.EBUSY) { // busy: somebody else took it between the two calls
                throw LinuxException.of("could not attach '" + file + "' to " + device, -result);
            }
        }
        throw new LinuxException("no loop device stayed free for '" + file + "' in " + TRIES + " tries");
    }

    private static long configure(int descriptor, int backing) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment config = arena.allocate(CONFIG_SIZE, 8);
            config.set(JAVA_INT, 0, backing);
            config.set(JAVA_INT, CONFIG_FLAGS, AUTOCLEAR);
            return Libc.ioctl(descriptor, CONFIGURE, config);
        }
    }

    private static int open(Path path) {
        long result = Libc.open(path.toString(), Libc.O_RDWR | Libc.O_CLOEXEC);
        if (result < 0) {
            throw LinuxException.of("could not open '" + path + "'", -result);
        }
        return (int) result;
    }

    /** Its path, for example /dev/loop3. */
    public Path device() {
        return device;
    }

    /** The loop devices in use whose file is below {@code directory}: device to file; a removed file ends in " (deleted)". */
    public static Map<Path, String> below(Path directory) {
        Map<Path, String> found = new TreeMap<>();
        try (Stream<Path> blocks = Files.list(Path.of("/sys/block"))) {
            for (Path block : blocks.filter(
                            path -> path.getFileName().toString().startsWith("loop"))
                    .toList()) {
                Path backing = block.resolve("loop/backing_file");
                if (Files.exists(backing)) {
                    String file =
                            Files.readString(backing, StandardCharsets.UTF_8).strip();
                    if (Path.of(file).startsWith(directory)) {
                        found.put(Path.of("/dev", block.getFileName().toString()), file);
                    }
                }
            }
        } catch (IOException e) {
            throw new LinuxException("could not list the loop devices in /sys/block", e);
        }
        return found;
    }

    /** Frees a device left attached by a process that was killed before it mounted it; nothing happens when it is free. */
    public static void detach(Path device) {
        long opened = Libc.open(device.toString(), Libc.O_RDWR | Libc.O_CLOEXEC);
        if (opened < 0) {
            return;
        }
        try {
            Libc.ioctl((int) opened, 0x4C01 /* LOOP_CLR_FD */, MemorySegment.NULL);
        } finally {
            Libc.close((int) opened);
        }
    }

    /** Lets go of it; it stays attached as long as it is mounted. */
    @Override
    public void close() {
        Libc.close(descriptor);
    }
}
