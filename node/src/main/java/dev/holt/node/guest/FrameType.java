package dev.holt.node.guest;

/** The frame types of guest-agent/PROTOCOL.md, and its sizes in bytes. */
final class FrameType {
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

    /** Length and type. */
    static final int HEADER_BYTES = 5;
    /** The most that the length field may say: type and payload together. */
    static final int LENGTH_MAXIMUM = 1_048_576 + 64;
    /** Data in one DATA frame. */
    static final int DATA_MAXIMUM = 256 * 1024;
    /** Data in one OUT, ERR, PTY or STDIN frame. */
    static final int STREAM_MAXIMUM = 64 * 1024;

    static final int MAGIC = 0x484f4c54;
    /** Of HELLO itself. What an agent can do is told by the version in its WELCOME. */
    static final int GREETING_VERSION = 1;
    /** From which version on agents know DETACH, REWATCH and tokens in IDENTITY. */
    static final int VERSION_DETACH = 2;

    static final int TOKEN_BYTES = 32;

    private FrameType() {}
}
