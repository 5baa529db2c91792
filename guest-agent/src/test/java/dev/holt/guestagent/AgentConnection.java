package dev.holt.guestagent;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.List;

/** A connection to the agent, as the node would have it. A read that waits for long fails the test. */
final class AgentConnection implements AutoCloseable {
    private static final int PATIENCE_MILLISECONDS = 60_000;

    final Socket socket = new Socket();
    private final OutputStream output;
    private final DataInputStream input;

    AgentConnection(int port, String from) throws IOException {
        socket.setTcpNoDelay(true);
        socket.bind(new InetSocketAddress(InetAddress.getByName(from), 0));
        socket.connect(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port));
        socket.setSoTimeout(PATIENCE_MILLISECONDS);
        output = socket.getOutputStream();
        input = new DataInputStream(new BufferedInputStream(socket.getInputStream(), 1 << 16));
    }

    AgentConnection send(int type, byte[] payload) throws IOException {
        ByteBuffer frame = ByteBuffer.allocate(5 + payload.length);
        output.write(
                frame.putInt(payload.length + 1).put((byte) type).put(payload).array());
        return this;
    }

    AgentConnection send(int type, Payload payload) throws IOException {
        return send(type, payload.build());
    }

    AgentConnection send(int type) throws IOException {
        return send(type, new byte[0]);
    }

    void sendRaw(byte[] bytes) throws IOException {
        output.write(bytes);
    }

    Frame receive() throws IOException {
        int length = input.readInt();
        int type = input.readUnsignedByte();
        byte[] payload = new byte[length - 1];
        input.readFully(payload);
        return new Frame(type, payload);
    }

    Frame call(int type, Payload payload) throws IOException {
        return send(type, payload).receive();
    }

    /** True when the agent ended the connection, in order or not, with nothing more to read. */
    boolean ended() throws IOException {
        try {
            return input.read() < 0;
        } catch (EOFException | java.net.SocketException e) {
            return true;
        }
    }

    /** A started process's identity. */
    record Started(int pid, long startId) {}

    Started started() throws IOException {
        Frame frame = receive();
        if (frame.type() != Frame.STARTED) {
            throw new AssertionError("not started: " + frame.failure());
        }
        ByteBuffer buffer = frame.buffer();
        return new Started(buffer.getInt(), buffer.getLong());
    }

    static Payload start(String user, String cwd, List<String> argv, List<String> environment, int flags) {
        return new Payload()
                .str(user)
                .str(cwd)
                .list(argv)
                .list(environment)
                .u8(flags)
                .u16(80)
                .u16(24)
                .bytes(new byte[] {'n', 0, 'x'});
    }

    Started startShell(String script, int flags) throws IOException {
        send(Frame.START, start("root", "/", List.of("/bin/sh", "-c", script), List.of(), flags));
        return started();
    }

    /** What a process said and how it ended. */
    record Outcome(String out, String err, String pty, int kind, int code, int acknowledged) {}

    /** Reads until EXIT and the end behind it. */
    Outcome outcome() throws IOException {
        StringBuilder out = new StringBuilder();
        StringBuilder err = new StringBuilder();
        StringBuilder pty = new StringBuilder();
        int acknowledged = 0;
        while (true) {
            Frame frame = receive();
            switch (frame.type()) {
                case Frame.OUT -> out.append(frame.text());
                case Frame.ERR -> err.append(frame.text());
                case Frame.PTY -> pty.append(frame.text());
                case Frame.INPUT_ACK -> acknowledged += frame.buffer().getInt() == 0 ? 1 : 0;
                case Frame.EXIT -> {
                    ByteBuffer exit = frame.buffer();
                    int kind = exit.get();
                    int code = exit.getInt();
                    if (!ended()) {
                        throw new AssertionError("more after EXIT");
                    }
                    return new Outcome(out.toString(), err.toString(), pty.toString(), kind, code, acknowledged);
                }
                default -> throw new AssertionError("frame 0x%x from a process".formatted(frame.type()));
            }
        }
    }

    /** Reads output until it contains the text. */
    String readUntil(String text) throws IOException {
        StringBuilder seen = new StringBuilder();
        while (seen.indexOf(text) < 0) {
            Frame frame = receive();
            if (frame.type() == Frame.OUT || frame.type() == Frame.PTY) {
                seen.append(frame.text());
            }
        }
        return seen.toString();
    }

    /** Ends the connection as a checkpoint does: by a reset. */
    void reset() throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
