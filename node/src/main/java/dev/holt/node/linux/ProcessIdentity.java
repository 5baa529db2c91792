package dev.holt.node.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * One process for good: its pid, and its start time, because pids are used again.
 *
 * @param pid its number in the host's pid namespace
 * @param startTicks when it started, in clock ticks since boot: field 22 of /proc/PID/stat, see proc(5)
 */
public record ProcessIdentity(long pid, long startTicks) {
    private static final int SIGKILL = 9;

    /** The process that has that pid now, if any; one that has ended and was not yet reaped counts as none. */
    public static Optional<ProcessIdentity> of(long pid) {
        byte[] stat;
        try {
            stat = Files.readAllBytes(Path.of("/proc", Long.toString(pid), "stat"));
        } catch (IOException e) {
            return Optional.empty(); // no such process, or it ended while we read
        }
        String text = new String(stat, StandardCharsets.ISO_8859_1);
        // Field 2 is the name in parentheses and may hold anything, parentheses and spaces too: count from its end.
        String[] fields = text.substring(text.lastIndexOf(')') + 2).split(" ", -1);
        char state = fields[0].charAt(0);
        if (state == 'Z' || state == 'X') {
            return Optional.empty();
        }
        return Optional.of(new ProcessIdentity(pid, Long.parseLong(fields[19])));
    }

    /** Whether it still runs; reads one file of /proc. */
    public boolean alive() {
        return of(pid).filter(this::equals).isPresent();
    }

    /** Sends SIGKILL to the process of that pid; nothing happens when there is none. */
    public static void kill(long pid) {
        long result = Libc.kill(Math.toIntExact(pid), SIGKILL);
        if (result < 0 && result != -Libc.ESRCH) {
            throw LinuxException.of("could not kill process " + pid, -result);
        }
    }
}
