package dev.holt.node.guest;

import java.util.ArrayList;
import java.util.List;

/**
 * A process that START made and the agent still knows.
 *
 * @param pid as a guest sees it, 1 to 2^31-1
 * @param ended whether only its end is left to be collected
 * @param startId tells it from others that had the same pid
 * @param annotation what START was given to keep with it
 */
public record GuestProcess(int pid, boolean ended, long startId, byte[] annotation) {
    private static final int MINIMUM = 17;

    static List<GuestProcess> decodeList(Payload payload) {
        int count = payload.count(MINIMUM);
        List<GuestProcess> processes = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            processes.add(new GuestProcess(payload.size(), payload.bool(), payload.u64(), payload.bytes()));
        }
        payload.end();
        return processes;
    }
}
