package dev.holt.guestagent;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One frame from the agent. */
record Frame(int type, byte[] payload) {
    static final int HELLO = 0x01;
    static final int WELCOME = 0x02;
    static final int ERROR = 0x03;
    static final int OK = 0x04;
    static final int PING = 0x10;
    static final int USER = 0x11;
    static final int USER_INFO = 0x12;
    static final int STAT = 0x13;
    static final int ENTRY = 0x14;
    static final int MKDIR = 0x15;
    static final int MOVE = 0x16;
    static final int REMOVE = 0x17;
    static final int COMPOSE = 0x18;
    static final int METRICS = 0x19;
    static final int METRICS_INFO = 0x1a;
    static final int SYNC = 0x1b;
    static final int IDENTITY = 0x1c;
    static final int PROCESSES = 0x1d;
    static final int PROCESS_LIST = 0x1e;
    static final int SIGNAL = 0x1f;
    static final int RESIZE = 0x20;
    static final int DETACH = 0x21;
    static final int OPEN = 0x30;
    static final int RANGE = 0x31;
    static final int CLOSE = 0x32;
    static final int WRITE = 0x33;
    static final int LIST = 0x34;
    static final int WATCH = 0x35;
    static final int REWATCH = 0x36;
    static final int DATA = 0x40;
    static final int END = 0x41;
    static final int EVENT = 0x42;
    static final int START = 0x50;
    static final int STARTED = 0x51;
    static final int ATTACH = 0x52;
    static final int OUT = 0x53;
    static final int PTY = 0x54;
    static final int ERR = 0x55;
    static final int EXIT = 0x56;
    static final int STDIN = 0x57;
    static final int CLOSE_STDIN = 0x58;
    static final int INPUT_ACK = 0x59;
    static final int DETACHED = 0x5a;

    /** What an ENTRY says. */
    record Entry(
            int type,
            String name,
            String path,
            long size,
            int mode,
            int uid,
            int gid,
            String owner,
            String group,
            long modifiedNanoseconds,
            long inode,
            long device,
            @Nullable String target,
            Map<String, String> attributes) {}

    /** What an EVENT says. */
    record Event(int kind, String path, @Nullable Entry entry) {}

    /** What an ERROR says. */
    record Failure(int errno, String message) {}

    ByteBuffer buffer() {
        return ByteBuffer.wrap(payload);
    }

    static String string(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.getInt()];
        buffer.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private void expect(int expected) {
        if (type != expected) {
            String details = type == ERROR ? " " + failure() : "";
            throw new AssertionError("frame 0x%x instead of 0x%x%s".formatted(type, expected, details));
        }
    }

    private <T> T whole(ByteBuffer buffer, T value) {
        if (buffer.hasRemaining()) {
            throw new AssertionError(buffer.remaining() + " surplus bytes after " + value);
        }
        return value;
    }

    Failure failure() {
        if (type != ERROR) {
            throw new AssertionError("frame 0x%x instead of ERROR".formatted(type));
        }
        ByteBuffer buffer = buffer();
        int errno = buffer.getInt();
        return whole(buffer, new Failure(errno, string(buffer)));
    }

    void ok() {
        expect(OK);
    }

    long end() {
        expect(END);
        return buffer().getLong();
    }

    Entry entry() {
        expect(ENTRY);
        ByteBuffer buffer = buffer();
        return whole(buffer, entry(buffer));
    }

    private static Entry entry(ByteBuffer in) {
        int type = in.get();
        String name = string(in);
        String path = string(in);
        long size = in.getLong();
        int mode = in.getInt();
        int uid = in.getInt();
        int gid = in.getInt();
        String owner = string(in);
        String group = string(in);
        long modified = in.getLong();
        long inode = in.getLong();
        long device = in.getLong();
        boolean hasTarget = in.get() == 1;
        String target = string(in);
        Map<String, String> attributes = new HashMap<>();
        for (int left = in.getInt(); left > 0; left--) {
            attributes.put(string(in), string(in));
        }
        return new Entry(
                type,
                name,
                path,
                size,
                mode,
                uid,
                gid,
                owner,
                group,
                modified,
                inode,
                device,
                hasTarget ? target : null,
                attributes);
    }

    Event event() {
        expect(EVENT);
        ByteBuffer buffer = buffer();
        int kind = buffer.get();
        String path = string(buffer);
        Entry entry = buffer.get() == 1 ? entry(buffer) : null;
        return whole(buffer, new Event(kind, path, entry));
    }

    String text() {
        return new String(payload, StandardCharsets.UTF_8);
    }
}
