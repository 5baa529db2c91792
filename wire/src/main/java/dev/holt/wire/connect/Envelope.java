package dev.holt.wire.connect;

/** The five bytes in front of every message of a stream: flags, and the length in four bytes, big-endian. */
public final class Envelope {
    /** Bytes in front of a message. */
    public static final int HEADER_BYTES = 5;
    /** Flag of a message that is compressed as {@code Connect-Content-Encoding} says. */
    public static final int COMPRESSED = 0x01;
    /** Flag of the last envelope of an answer. */
    public static final int END_OF_STREAM = 0x02;

    private static final byte[] END = wrap(END_OF_STREAM, new byte[] {'{', '}'});

    private Envelope() {}

    /** An envelope with its message. */
    public static byte[] wrap(int flags, byte[] message) {
        byte[] envelope = new byte[HEADER_BYTES + message.length];
        putHeader(envelope, flags, message.length);
        System.arraycopy(message, 0, envelope, HEADER_BYTES, message.length);
        return envelope;
    }

    /** Writes the header at the beginning of {@code target}. */
    public static void putHeader(byte[] target, int flags, int length) {
        target[0] = (byte) flags;
        target[1] = (byte) (length >>> 24);
        target[2] = (byte) (length >>> 16);
        target[3] = (byte) (length >>> 8);
        target[4] = (byte) length;
    }

    /** The last envelope of a stream that went well. */
    public static byte[] end() {
        return END.clone();
    }

    /** The last envelope of a stream that did not. */
    public static byte[] end(ConnectFailure failure) {
        return wrap(END_OF_STREAM, failure.toEndOfStream());
    }
}
