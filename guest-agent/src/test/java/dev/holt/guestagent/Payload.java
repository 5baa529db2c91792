package dev.holt.guestagent;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Builds a frame's payload. */
final class Payload {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    Payload u8(int value) {
        bytes.write(value);
        return this;
    }

    Payload u16(int value) {
        return raw(ByteBuffer.allocate(2).putShort((short) value).array());
    }

    Payload u32(int value) {
        return raw(ByteBuffer.allocate(4).putInt(value).array());
    }

    Payload u64(long value) {
        return raw(ByteBuffer.allocate(8).putLong(value).array());
    }

    Payload raw(byte[] value) {
        bytes.writeBytes(value);
        return this;
    }

    Payload bytes(byte[] value) {
        return u32(value.length).raw(value);
    }

    Payload str(String value) {
        return bytes(value.getBytes(StandardCharsets.UTF_8));
    }

    Payload list(List<String> values) {
        u32(values.size());
        values.forEach(this::str);
        return this;
    }

    byte[] build() {
        return bytes.toByteArray();
    }
}
