package dev.holt.node.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The C library's functions that this package calls (their man pages, section 2). Each answers its result, or minus the errno.
 * All of them are safe from any thread: they touch only the memory that is passed, and descriptors that the caller owns.
 */
final class Libc {
    static final int EPERM = 1;
    static final int ENOENT = 2;
    static final int ESRCH = 3;
    static final int EINTR = 4;
    static final int ENXIO = 6;
    static final int EBUSY = 16;
    static final int EINVAL = 22;
    static final int EXDEV = 18;
    static final int EOPNOTSUPP = 95;
    static final int ENOSYS = 38;

    static final int O_RDONLY = 0;
    static final int O_RDWR = 2;
    static final int O_CLOEXEC = 0x80000;
    static final int O_PATH = 0x200000;
    /** The one flag of these that is another number on arm64. */
    static final int O_NOFOLLOW = System.getProperty("os.arch").equals("amd64") ? 0x20000 : 0x8000;

    private static final long OPENAT2 = 437;
    private static final long RESOLVE_NO_MAGICLINKS = 0x02;
    private static final long RESOLVE_IN_ROOT = 0x10;

    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM = 1;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int SHUT_WR = 1;
    private static final int F_SETPIPE_SZ = 1031;
    private static final int POSIX_FADV_WILLNEED = 3;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private static final Function MOUNT =
            function("mount", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));
    private static final Function UMOUNT2 = function("umount2", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    private static final Function OPEN =
            function("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT), Linker.Option.firstVariadicArg(2));
    private static final Function CLOSE = function("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final Function LSEEK =
            function("lseek", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
    private static final Function SYNCFS = function("syncfs", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final Function COPY_FILE_RANGE = function(
            "copy_file_range",
            FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
    private static final Function KILL = function("kill", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    private static final Function IOCTL = function(
            "ioctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS), Linker.Option.firstVariadicArg(2));
    private static final Function SYSCALL = function(
            "syscall",
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
            Linker.Option.firstVariadicArg(1));
    private static final Function SYSCALL_OPENAT2 = function(
            "syscall",
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG),
            Linker.Option.firstVariadicArg(1));
    private static final Function LISTXATTR =
            function("listxattr", FunctionDescriptor.of(JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG));
    private static final Function GETXATTR =
            function("getxattr", FunctionDescriptor.of(JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG));
    private static final Function SETXATTR =
            function("setxattr", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT));
    private static final Function REMOVEXATTR =
            function("removexattr", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    private static final Function EPOLL_CREATE = function("epoll_create1", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final Function EPOLL_CTL =
            function("epoll_ctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
    private static final Function EPOLL_WAIT =
            function("epoll_wait", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
    private static final Function EVENTFD = function("eventfd", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    private static final Function EVENTFD_WRITE =
            function("eventfd_write", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final Function SOCKET =
            function("socket", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    private static final Function CONNECT =
            function("connect", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    private static final Function SENDMSG =
            function("sendmsg", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT));
    private static final Function SHUTDOWN = function("shutdown", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    private static final Function READ =
            function("read", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
    private static final Function PIPE2 = function("pipe2", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    private static final Function FCNTL = function(
            "fcntl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT), Linker.Option.firstVariadicArg(2));
    private static final Function POSIX_FADVISE =
            function("posix_fadvise", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final Function STRERROR = new Function("strerror", false, FunctionDescriptor.of(ADDRESS, JAVA_INT));

    private Libc() {}

    private static Function function(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        return new Function(name, true, descriptor, options);
    }

    /** One function, linked when it is first called: linking all of them takes a fifth of the daemon's start. */
    private static final class Function {
        private final String name;
        private final FunctionDescriptor descriptor;
        private final Linker.Option[] options;
        private volatile @Nullable MethodHandle handle;

        Function(String name, boolean tellsErrno, FunctionDescriptor descriptor, Linker.Option... options) {
            this.name = name;
            this.descriptor = descriptor;
            this.options = tellsErrno ? Arrays.copyOf(options, options.length + 1) : options;
            if (tellsErrno) {
                this.options[options.length] = Linker.Option.captureCallState("errno");
            }
        }

        /** Linking twice at once does no harm. */
        MethodHandle handle() {
            MethodHandle linked = handle;
            if (linked == null) {
                linked = LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), descriptor, options);
                handle = linked;
            }
            return linked;
        }
    }

    @FunctionalInterface
    private interface Call {
        long on(Arena arena, MemorySegment state) throws Throwable;
    }

    private static long call(Call call) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            long result = call.on(arena, state);
            return result == -1 ? -(int) ERRNO.get(state, 0L) : result;
        } catch (Throwable e) {
            throw new IllegalStateException("a call of the C library failed", e);
        }
    }

    private static MemorySegment text(Arena arena, String text) {
        return text.isEmpty() ? MemorySegment.NULL : arena.allocateFrom(text);
    }

    /** What an errno means, in words. */
    static String message(long errno) {
        try {
            MemorySegment text = (MemorySegment) STRERROR.handle().invokeExact((int) errno);
            return text.reinterpret(256).getString(0);
        } catch (Throwable e) {
            throw new IllegalStateException("strerror failed", e);
        }
    }

    /** mount(2); empty strings are passed as NULL. */
    static long mount(String source, String target, String type, long flags, String data) {
        return call((arena, state) -> (int) MOUNT.handle()
                .invokeExact(
                        state, text(arena, source), text(arena, target), text(arena, type), flags, text(arena, data)));
    }

    /** umount2(2). */
    static long umount(String target, int flags) {
        return call((arena, state) -> (int) UMOUNT2.handle().invokeExact(state, text(arena, target), flags));
    }

    /** open(2) of something that exists. */
    static long open(String path, int flags) {
        return call((arena, state) -> (int) OPEN.handle().invokeExact(state, text(arena, path), flags));
    }

    /** openat2(2), Linux 5.6, number 437 on every architecture: what {@code path} means when {@code directory} is taken for /. */
    static long openBelow(int directory, String path, int flags) {
        return call((arena, state) -> {
            MemorySegment how = arena.allocateFrom(JAVA_LONG, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
            return (long) SYSCALL_OPENAT2
                    .handle()
                    .invokeExact(state, OPENAT2, (long) directory, arena.allocateFrom(path), how, how.byteSize());
        });
    }

    /** listxattr(2). */
    static long listAttributes(String path, MemorySegment names) {
        return call((arena, state) ->
                (long) LISTXATTR.handle().invokeExact(state, arena.allocateFrom(path), names, names.byteSize()));
    }

    /** getxattr(2). */
    static long getAttribute(String path, String name, MemorySegment value) {
        return call((arena, state) -> (long) GETXATTR.handle()
                .invokeExact(state, arena.allocateFrom(path), arena.allocateFrom(name), value, value.byteSize()));
    }

    /** setxattr(2), whether there is one of that name or not. */
    static long setAttribute(String path, String name, MemorySegment value) {
        return call((arena, state) -> (int) SETXATTR.handle()
                .invokeExact(state, arena.allocateFrom(path), arena.allocateFrom(name), value, value.byteSize(), 0));
    }

    /** removexattr(2). */
    static long removeAttribute(String path, String name) {
        return call((arena, state) ->
                (int) REMOVEXATTR.handle().invokeExact(state, arena.allocateFrom(path), arena.allocateFrom(name)));
    }

    /** close(2). */
    static void close(int descriptor) {
        call((arena, state) -> (int) CLOSE.handle().invokeExact(state, descriptor));
    }

    /** lseek(2). */
    static long seek(int descriptor, long offset, int whence) {
        return call((arena, state) -> (long) LSEEK.handle().invokeExact(state, descriptor, offset, whence));
    }

    /** syncfs(2). */
    static long syncFileSystem(int descriptor) {
        return call((arena, state) -> (int) SYNCFS.handle().invokeExact(state, descriptor));
    }

    /** copy_file_range(2) to the same offset of another file. */
    static long copyFileRange(int from, int to, long offset, long length) {
        return call((arena, state) -> {
            MemorySegment in = arena.allocateFrom(JAVA_LONG, offset);
            MemorySegment out = arena.allocateFrom(JAVA_LONG, offset);
            return (long) COPY_FILE_RANGE.handle().invokeExact(state, from, in, to, out, length, 0);
        });
    }

    /** kill(2). */
    static long kill(int pid, int signal) {
        return call((arena, state) -> (int) KILL.handle().invokeExact(state, pid, signal));
    }

    /** ioctl(2) whose argument is a pointer, or a number passed as one. */
    static long ioctl(int descriptor, long request, MemorySegment argument) {
        return call((arena, state) -> (int) IOCTL.handle().invokeExact(state, descriptor, request, argument));
    }

    /** pidfd_open(2), Linux 5.3; number 434 on every architecture. The C library of 2021 has no function for it. */
    static long pidfdOpen(int pid) {
        return call((arena, state) -> (long) SYSCALL.handle().invokeExact(state, 434L, (long) pid, 0L));
    }

    /** epoll_create1(2). */
    static long epollCreate() {
        return call((arena, state) -> (int) EPOLL_CREATE.handle().invokeExact(state, O_CLOEXEC));
    }

    /** epoll_ctl(2). */
    static long epollControl(int epoll, int operation, int descriptor, MemorySegment event) {
        return call((arena, state) -> (int) EPOLL_CTL.handle().invokeExact(state, epoll, operation, descriptor, event));
    }

    /** epoll_wait(2) without a time limit; blocks the calling thread. */
    static long epollWait(int epoll, MemorySegment events, int count) {
        return call((arena, state) -> (int) EPOLL_WAIT.handle().invokeExact(state, epoll, events, count, -1));
    }

    /** eventfd(2), not yet signalled. */
    static long eventfd() {
        return call((arena, state) -> (int) EVENTFD.handle().invokeExact(state, 0, O_CLOEXEC));
    }

    /** socket(2) of the family AF_UNIX, for a stream. */
    static long unixSocket() {
        return call((arena, state) -> (int) SOCKET.handle().invokeExact(state, AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0));
    }

    /** connect(2). */
    static long connect(int socket, MemorySegment address) {
        return call(
                (arena, state) -> (int) CONNECT.handle().invokeExact(state, socket, address, (int) address.byteSize()));
    }

    /** sendmsg(2) without a signal when nobody listens any more. */
    static long sendMessage(int socket, MemorySegment header) {
        return call((arena, state) -> (long) SENDMSG.handle().invokeExact(state, socket, header, MSG_NOSIGNAL));
    }

    /** shutdown(2) of what is sent. */
    static long shutdownOutput(int socket) {
        return call((arena, state) -> (int) SHUTDOWN.handle().invokeExact(state, socket, SHUT_WR));
    }

    /** read(2); blocks the calling thread. */
    static long read(int descriptor, MemorySegment into) {
        return call((arena, state) -> (long) READ.handle().invokeExact(state, descriptor, into, into.byteSize()));
    }

    /** pipe2(2); the descriptors of both ends go into {@code ends}. */
    static long pipe(MemorySegment ends) {
        return call((arena, state) -> (int) PIPE2.handle().invokeExact(state, ends, O_CLOEXEC));
    }

    /** fcntl(2) that sets how many bytes a pipe holds. */
    static void setPipeSize(int descriptor, int bytes) {
        call((arena, state) -> (int) FCNTL.handle().invokeExact(state, descriptor, F_SETPIPE_SZ, bytes));
    }

    /** posix_fadvise(2): all of the file will be read soon. Answers an errno, or 0. */
    static long willNeed(int descriptor) {
        return call((arena, state) ->
                (int) POSIX_FADVISE.handle().invokeExact(state, descriptor, 0L, 0L, POSIX_FADV_WILLNEED));
    }

    /** Makes an eventfd readable for good. */
    static void signalEvent(int eventfd) {
        call((arena, state) -> (int) EVENTFD_WRITE.handle().invokeExact(state, eventfd, 1L));
    }
}
