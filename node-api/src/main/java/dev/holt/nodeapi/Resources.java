package dev.holt.nodeapi;

/**
 * The limits of one sandbox.
 *
 * @param cpuCount virtual CPUs, 1 to 64
 * @param memoryMegabytes memory in MiB, 128 to 1048576
 * @param diskMegabytes writable disk in MiB, 64 to 1048576
 */
public record Resources(int cpuCount, int memoryMegabytes, int diskMegabytes) {
    public Resources {
        requireRange("cpuCount", cpuCount, 1, 64);
        requireRange("memoryMB", memoryMegabytes, 128, 1_048_576);
        requireRange("diskSizeMB", diskMegabytes, 64, 1_048_576);
    }

    private static void requireRange(String name, int value, int least, int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(name + " must be " + least + " to " + most + "; got " + value);
        }
    }
}
