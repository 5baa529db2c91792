package dev.holt.node.guest;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;

/** Builds frames one behind the other, to be sent with one system call. Not safe for several threads. */
final class FrameBuilder {
    private static final int INITIAL_BYTES = 256;

    private byte[] bytes = new byte[INITIAL_BYTES];
    private int length;
    private int frameStart = -1;

    /** Ends the frame before, if any, and begins one of {@code type}. */
    FrameBuilder frame(int type) {
        endFrame();
        frameStart = length;
        return u32(0).u8(type);
    }

    FrameBuilder u8(int value) {
        reserve(1);
        bytes[length++] = (byte) value;
        return this;
    }

    FrameBuilder bool(boolean value) {
        return u8(value ? 1 : 0);
    }

    FrameBuilder u16(int value) {
        return u8(value >>> 8).u8(value);
    }

    FrameBuilder u32(int value) {
        reserve(Integer.BYTES);
        putInt(length, value);
        length += Integer.BYTES;
        return this;
    }

    FrameBuilder u64(long value) {
        return u32((int) (value >>> 32)).u32((int) value);
    }

    FrameBuilder raw(byte[] value) {
        return raw(value, 0, value.length);
    }

    FrameBuilder raw(byte[] value, int offset, int count) {
        reserve(count);
        System.arraycopy(value, offset, bytes, length, count);
        length += count;
        return this;
    }

    FrameBuilder bytes(byte[] value) {
        return u32(value.length).raw(value);
    }

    /** @throws GuestFailure EINVAL when it holds a zero byte, which no path, argument or variable on Linux can */
    FrameBuilder text(String value) {
        if (value.indexOf('\0') >= 0) {
            throw new GuestFailure(Errno.EINVAL, "a zero byte in '" + value.replace('\0', '?') + "'");
        }
        return bytes(value.getBytes(StandardCharsets.UTF_8));
    }

    FrameBuilder texts(Collection<String> values) {
        u32(values.size());
        values.forEach(this::text);
        return this;
    }

    /** Begins a frame whose remaining {@code following} bytes of payload are sent from elsewhere. */
    FrameBuilder header(int type, int following) {
        endFrame();
        return u32(1 + following).u8(type);
    }

    /**
     * What is to be sent.
     *
     * @throws GuestFailure E2BIG when a frame is longer than the protocol allows
     */
    ByteBuffer build() {
        endFrame();
        return ByteBuffer.wrap(bytes, 0, length);
    }

    private void endFrame() {
        if (frameStart >= 0) {
            int frameLength = length - frameStart - Integer.BYTES;
            if (frameLength > FrameType.LENGTH_MAXIMUM) {
                throw new GuestFailure(
                        Errno.E2BIG,
                        "the request takes " + frameLength + " bytes, the guest agent takes at most "
                                + FrameType.LENGTH_MAXIMUM);
            }
            putInt(frameStart, frameLength);
            frameStart = -1;
        }
    }

    private void putInt(int at, int value) {
        bytes[at] = (byte) (value >>> 24);
        bytes[at + 1] = (byte) (value >>> 16);
        bytes[at + 2] = (byte) (value >>> 8);
        bytes[at + 3] = (byte) value;
    }

    private void reserve(int more) {
        if (bytes.length - length < more) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more));
        }
    }
}
