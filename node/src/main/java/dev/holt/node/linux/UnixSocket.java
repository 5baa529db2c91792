package dev.holt.node.linux;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * A connection to a Unix socket that can hand over pipes, which the sockets of Java can't: see unix(7), SCM_RIGHTS. Reading blocks the
 * thread that carries it; 64-bit Linux only.
 */
public final class UnixSocket implements AutoCloseable {
    private static final int AF_UNIX = 1;
    private static final int PATH_MAXIMUM = 108;
    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;
    /** Of struct cmsghdr: its length, its level, its type. */
    private static final int CONTROL_HEADER = 16;

    private static final int MESSAGE_HEADER = 56;

    private final int descriptor;

    private UnixSocket(int descriptor) {
        this.descriptor = descriptor;
    }

    /** @throws IOException when nobody listens there */
    public static UnixSocket connect(Path path) throws IOException {
        byte[] name = path.toString().getBytes(StandardCharsets.UTF_8);
        if (name.length >= PATH_MAXIMUM) {
            throw new IOException("'" + path + "' is too long for a socket");
        }
        long opened = Libc.unixSocket();
        if (opened < 0) {
            throw new IOException("could not make a socket: " + Libc.message(-opened));
        }
        UnixSocket socket = new UnixSocket((int) opened);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = arena.allocate(Short.BYTES + PATH_MAXIMUM);
            address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_UNIX);
            MemorySegment.copy(name, 0, address, ValueLayout.JAVA_BYTE, Short.BYTES, name.length);
            long connected = Libc.connect(socket.descriptor, address);
            if (connected < 0) {
                socket.close();
                throw new IOException("could not connect to '" + path + "': " + Libc.message(-connected));
            }
        }
        return socket;
    }

    /**
     * Sends a message that fits the socket's buffer, with the writing ends of pipes, and then no more.
     *
     * @throws IOException when not all of it could be sent
     */
    public void sendLast(byte[] message, List<Pipe> pipes) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocateFrom(ValueLayout.JAVA_BYTE, message);
            MemorySegment part = arena.allocate(ValueLayout.ADDRESS.byteSize() * 2, 8);
            part.set(ValueLayout.ADDRESS, 0, data);
            part.set(ValueLayout.JAVA_LONG, 8, message.length);

            long length = CONTROL_HEADER + (long) Integer.BYTES * pipes.size();
            MemorySegment control = arena.allocate((length + 7) / 8 * 8, 8);
            control.set(ValueLayout.JAVA_LONG, 0, length);
            control.set(ValueLayout.JAVA_INT, 8, SOL_SOCKET);
            control.set(ValueLayout.JAVA_INT, 12, SCM_RIGHTS);
            for (int i = 0; i < pipes.size(); i++) {
                control.set(
                        ValueLayout.JAVA_INT,
                        CONTROL_HEADER + (long) Integer.BYTES * i,
                        pipes.get(i).writingEnd());
            }

            MemorySegment header = arena.allocate(MESSAGE_HEADER, 8); // struct msghdr: nobody's name, one part, control
            header.set(ValueLayout.ADDRESS, 16, part);
            header.set(ValueLayout.JAVA_LONG, 24, 1);
            header.set(ValueLayout.ADDRESS, 32, control);
            header.set(ValueLayout.JAVA_LONG, 40, control.byteSize());
            long sent = Libc.sendMessage(descriptor, header);
            if (sent < 0) {
                throw new IOException("could not send: " + Libc.message(-sent));
            }
            if (sent != message.length) {
                throw new IOException("only " + sent + " of " + message.length + " bytes could be sent");
            }
            long shut = Libc.shutdownOutput(descriptor);
            if (shut < 0) {
                throw new IOException("could not end what was sent: " + Libc.message(-shut));
            }
        }
    }

    /** Everything that the other side sends until it closes. */
    public byte[] readAll() throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment part = arena.allocate(1 << 16);
            while (true) {
                long read = Libc.read(descriptor, part);
                if (read == 0) {
                    return all.toByteArray();
                }
                if (read == -Libc.EINTR) {
                    continue;
                }
                if (read < 0) {
                    throw new IOException("could not read: " + Libc.message(-read));
                }
                all.write(part.asSlice(0, read).toArray(ValueLayout.JAVA_BYTE), 0, (int) read);
            }
        }
    }

    @Override
    public void close() {
        Libc.close(descriptor);
    }
}
