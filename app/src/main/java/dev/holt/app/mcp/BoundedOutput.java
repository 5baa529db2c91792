package dev.holt.app.mcp;

import java.nio.charset.StandardCharsets;

/**
 * Output as a model should see it: whole when it is short; otherwise its beginning and its end, which tell most, and how much is left
 * out between them. Memory is bounded by the limit. Not thread-safe.
 */
final class BoundedOutput {
    private final byte[] head;
    private final byte[] tail;
    private long length;

    /** @param limit how many bytes to keep, at least 2 */
    BoundedOutput(int limit) {
        head = new byte[limit / 2];
        tail = new byte[limit - limit / 2];
    }

    void add(String text) {
        add(text.getBytes(StandardCharsets.UTF_8));
    }

    void add(byte[] bytes) {
        for (byte next : bytes) {
            if (length < head.length) {
                head[(int) length] = next;
            } else {
                tail[(int) ((length - head.length) % tail.length)] = next;
            }
            length++;
        }
    }

    boolean isEmpty() {
        return length == 0;
    }

    /** What is kept, with a line in the middle that says how many bytes are not. */
    String text() {
        int inHead = (int) Math.min(length, head.length);
        long behind = length - inHead;
        if (behind <= tail.length) {
            byte[] whole = new byte[(int) length];
            System.arraycopy(head, 0, whole, 0, inHead);
            System.arraycopy(tail, 0, whole, inHead, (int) behind);
            return new String(whole, StandardCharsets.UTF_8);
        }
        byte[] end = new byte[tail.length];
        int oldest = (int) (behind % tail.length);
        System.arraycopy(tail, oldest, end, 0, tail.length - oldest);
        System.arraycopy(tail, 0, end, tail.length - oldest, oldest);
        int cut = charactersStart(end);
        int kept = wholeCharacters(head);
        long leftOut = length - kept - (end.length - cut);
        return new String(head, 0, kept, StandardCharsets.UTF_8)
                + "\n[... " + leftOut + " bytes left out ...]\n"
                + new String(end, cut, end.length - cut, StandardCharsets.UTF_8);
    }

    /** How many of these bytes are whole characters of UTF-8; the rest begins one that is cut off. */
    static int wholeCharacters(byte[] bytes) {
        for (int back = 1; back <= Math.min(4, bytes.length); back++) {
            int next = bytes[bytes.length - back] & 0xff;
            if (next >= 0xc0) {
                int needed = next >= 0xf0 ? 4 : next >= 0xe0 ? 3 : 2;
                return needed > back ? bytes.length - back : bytes.length;
            }
            if (next < 0x80) {
                break;
            }
        }
        return bytes.length;
    }

    /** Where the first whole character starts. */
    private static int charactersStart(byte[] bytes) {
        int start = 0;
        while (start < Math.min(3, bytes.length) && (bytes[start] & 0xc0) == 0x80) {
            start++;
        }
        return start;
    }
}
