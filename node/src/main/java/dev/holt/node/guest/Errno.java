package dev.holt.node.guest;

/** The Linux error numbers that the agent's answers are told apart by (errno(3), asm-generic/errno.h). */
public enum Errno {
    EPERM(1),
    ENOENT(2),
    ESRCH(3),
    EIO(5),
    E2BIG(7),
    ENOEXEC(8),
    EBADF(9),
    EAGAIN(11),
    ENOMEM(12),
    EACCES(13),
    EBUSY(16),
    EEXIST(17),
    EXDEV(18),
    ENOTDIR(20),
    EISDIR(21),
    EINVAL(22),
    EMFILE(24),
    ENOTTY(25),
    EFBIG(27),
    ENOSPC(28),
    ESPIPE(29),
    EROFS(30),
    EPIPE(32),
    ENAMETOOLONG(36),
    ENOTEMPTY(39),
    ELOOP(40),
    EREMOTE(66),
    EPROTO(71),
    EOVERFLOW(75),
    ENOTSUP(95),
    ECONNRESET(104),
    ETIMEDOUT(110),
    EDQUOT(122),
    ENOKEY(126),
    /** Any other number: {@link GuestFailure#number()} has it. */
    OTHER(0);

    private final int number;

    Errno(int number) {
        this.number = number;
    }

    /** The number on Linux, 0 for {@link #OTHER}. */
    public int number() {
        return number;
    }

    /** The error of a number. */
    public static Errno of(int number) {
        for (Errno errno : values()) {
            if (errno.number == number) {
                return errno;
            }
        }
        return OTHER;
    }
}
