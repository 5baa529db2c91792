package dev.holt.edge.relay;

import java.io.EOFException;
import java.nio.ByteBuffer;

/** Takes a response's body out of the bytes of its connection: by length, in chunks, or until the connection ends. */
final class BodyDecoder {
    /** Longest chunk-size line and longest trailers, as a whole. */
    private static final int LONGEST_LINES = 16 * 1024;

    private enum State {
        LENGTH,
        UNTIL_CLOSE,
        SIZE_START,
        SIZE,
        EXTENSION,
        DATA,
        DATA_END,
        TRAILER_START,
        TRAILER,
        END
    }

    private State state;

    /** Bytes of the body or of the chunk that are still to come. */
    private long remaining;

    private int lineBytes;

    private BodyDecoder(State state, long remaining) {
        this.state = state;
        this.remaining = remaining;
    }

    static BodyDecoder none() {
        return new BodyDecoder(State.END, 0);
    }

    static BodyDecoder ofLength(long length) {
        return new BodyDecoder(length == 0 ? State.END : State.LENGTH, length);
    }

    static BodyDecoder chunked() {
        return new BodyDecoder(State.SIZE_START, 0);
    }

    static BodyDecoder untilClose() {
        return new BodyDecoder(State.UNTIL_CLOSE, 0);
    }

    /** Whether the whole body has been decoded. */
    boolean isEnd() {
        return state == State.END;
    }

    /** Whether the body's length is known and at most this. */
    boolean isWithin(int bytes) {
        return state == State.LENGTH && remaining <= bytes;
    }

    /**
     * Consumes what {@code in} holds and returns the part of it that is body, as a view of the same bytes. Bytes behind
     * the body's end stay in {@code in}.
     */
    ByteBuffer decode(ByteBuffer in) throws MalformedResponse {
        return switch (state) {
            case END -> in.slice(in.position(), 0);
            case UNTIL_CLOSE -> take(in, in.remaining());
            case LENGTH -> {
                ByteBuffer data = take(in, (int) Math.min(remaining, in.remaining()));
                remaining -= data.remaining();
                if (remaining == 0) {
                    state = State.END;
                }
                yield data;
            }
            default -> decodeChunks(in);
        };
    }

    private static ByteBuffer take(ByteBuffer in, int length) {
        ByteBuffer data = in.slice(in.position(), length);
        in.position(in.position() + length);
        return data;
    }

    /** Moves the data of all chunks together so that they leave in one write. */
    private ByteBuffer decodeChunks(ByteBuffer in) throws MalformedResponse {
        int start = in.position();
        int end = start;
        while (in.hasRemaining() && state != State.END) {
            if (state == State.DATA) {
                int length = (int) Math.min(remaining, in.remaining());
                if (end == start) {
                    start = in.position();
                    end = start;
                } else {
                    in.put(end, in, in.position(), length);
                }
                end += length;
                in.position(in.position() + length);
                remaining -= length;
                if (remaining == 0) {
                    state = State.DATA_END;
                }
            } else {
                line(in.get());
            }
        }
        return in.slice(start, end - start);
    }

    private void line(byte next) throws MalformedResponse {
        if (++lineBytes > LONGEST_LINES) {
            throw new MalformedResponse("a chunk header or the trailers are too long");
        }
        switch (state) {
            case SIZE_START -> {
                int digit = Character.digit(next, 16);
                if (digit < 0) {
                    throw new MalformedResponse("a chunk has no size");
                }
                remaining = digit;
                state = State.SIZE;
            }
            case SIZE -> {
                int digit = Character.digit(next, 16);
                if (digit >= 0) {
                    if (remaining > Long.MAX_VALUE >> 5) {
                        throw new MalformedResponse("a chunk's size is too large");
                    }
                    remaining = remaining * 16 + digit;
                } else if (next == '\n') {
                    sized();
                } else if (next == ';' || next == '\r' || next == ' ' || next == '\t') {
                    state = State.EXTENSION;
                } else {
                    throw new MalformedResponse("a chunk's size is no number");
                }
            }
            case EXTENSION -> {
                if (next == '\n') {
                    sized();
                }
            }
            case DATA_END -> {
                if (next == '\n') {
                    state = State.SIZE_START;
                    lineBytes = 0;
                } else if (next != '\r') {
                    throw new MalformedResponse("a chunk is longer than its size");
                }
            }
            case TRAILER_START -> {
                if (next == '\n') {
                    state = State.END;
                } else if (next != '\r') {
                    state = State.TRAILER;
                }
            }
            case TRAILER -> {
                if (next == '\n') {
                    state = State.TRAILER_START;
                }
            }
            default -> throw new IllegalStateException(state.name());
        }
    }

    private void sized() {
        if (remaining == 0) {
            state = State.TRAILER_START;
        } else {
            state = State.DATA;
            lineBytes = 0;
        }
    }

    /**
     * Takes note that the connection ended.
     *
     * @throws EOFException when the body is not complete
     */
    void connectionEnded() throws EOFException {
        if (state != State.UNTIL_CLOSE && state != State.END) {
            throw new EOFException("the server ended the connection within the body");
        }
        state = State.END;
    }
}
