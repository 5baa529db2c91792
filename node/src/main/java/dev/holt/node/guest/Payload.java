package dev.holt.node.guest;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Decodes the payload of one frame. The guest may have made it up: whatever does not fit is a {@link GuestFailure}, and
 * nothing is allocated that is larger than the payload itself.
 */
final class Payload {
    private final byte[] bytes;
    private int position;

    Payload(byte[] bytes) {
        this.bytes = bytes;
    }

    int u8() {
        need(1);
        return bytes[position++] & 0xff;
    }

    boolean bool() {
        int value = u8();
        if (value > 1) {
            throw GuestFailure.protocol("a truth value of " + value);
        }
        return value == 1;
    }

    int u16() {
        return u8() << 8 | u8();
    }

    int u32() {
        need(Integer.BYTES);
        int value = (bytes[position] & 0xff) << 24
                | (bytes[position + 1] & 0xff) << 16
                | (bytes[position + 2] & 0xff) << 8
                | (bytes[position + 3] & 0xff);
        position += Integer.BYTES;
        return value;
    }

    /** A number that must be less than 2^31. */
    int size() {
        int value = u32();
        if (value < 0) {
            throw GuestFailure.protocol("a size of " + Integer.toUnsignedString(value));
        }
        return value;
    }

    long u64() {
        return (long) u32() << 32 | u32() & 0xffffffffL;
    }

    byte[] bytes() {
        int length = size();
        need(length);
        byte[] value = Arrays.copyOfRange(bytes, position, position + length);
        position += length;
        return value;
    }

    /** Text; file names that are no UTF-8 come with replacement characters, as no protocol of the clients can carry them. */
    String text() {
        int length = size();
        need(length);
        String value = new String(bytes, position, length, StandardCharsets.UTF_8);
        position += length;
        if (value.indexOf('\0') >= 0) {
            throw GuestFailure.protocol("a zero byte in a text");
        }
        return value;
    }

    /** The count of a list whose items take {@code itemMinimum} bytes or more each. */
    int count(int itemMinimum) {
        int count = size();
        if (count > (bytes.length - position) / itemMinimum) {
            throw GuestFailure.protocol("a list of " + count + " items in " + bytes.length + " bytes");
        }
        return count;
    }

    /** @throws GuestFailure when something is left */
    void end() {
        if (position != bytes.length) {
            throw GuestFailure.protocol((bytes.length - position) + " surplus bytes");
        }
    }

    private void need(int count) {
        if (count > bytes.length - position) {
            throw GuestFailure.protocol(count + " bytes wanted, " + (bytes.length - position) + " there");
        }
    }
}
