#include "run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
    KILL_ROUNDS = 16, /* a process may fork while the session is looked through */
    SIGNALS = 31,     /* those that are not real-time signals */
};

/* A terminal of the command's own, between which and the caller's the client passes the bytes. */
struct terminal {
    int master;
    int slave;
};

bool sudo_send(int socket, const struct buffer *frames, int descriptor) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec data = {frames->data, frames->length};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (descriptor >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof descriptor);
        memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    ssize_t sent;
    do {
        sent = frames->failed ? -1 : sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && !frames->failed && errno == EINTR);
    return sent == (ssize_t)frames->length;
}

void sudo_answer(int socket, uint8_t code, const char *format, ...) {
    char text[SUDO_TEXT_MAXIMUM];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct buffer answer = {0};
    size_t start = frame_begin(&answer, (enum frame_type)SUDO_ANSWER);
    put_u8(&answer, code);
    put_string(&answer, text);
    frame_end(&answer, start);
    sudo_send(socket, &answer, -1);
    _exit(0);
}

static void say_started(const struct sudo_run *run, pid_t pid, int master) {
    struct buffer frame = {0};
    size_t start = frame_begin(&frame, (enum frame_type)SUDO_STARTED);
    put_u32(&frame, (uint32_t)pid);
    frame_end(&frame, start);
    sudo_send(run->socket, &frame, master);
    buffer_free(&frame);
}

static void say_stopped(const struct sudo_run *run, int signal) {
    struct buffer frame = {0};
    size_t start = frame_begin(&frame, (enum frame_type)SUDO_STOPPED);
    put_u8(&frame, (uint8_t)signal);
    frame_end(&frame, start);
    sudo_send(run->socket, &frame, -1);
    buffer_free(&frame);
}

static void say_ended(const struct sudo_run *run, int status) {
    struct buffer frame = {0};
    size_t start = frame_begin(&frame, (enum frame_type)SUDO_ENDED);
    put_u8(&frame, WIFSIGNALED(status));
    put_u32(&frame, (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
    frame_end(&frame, start);
    sudo_send(run->socket, &frame, -1);
    buffer_free(&frame);
}

/* Opens a terminal with the settings and size of the caller's, which is this session's from now on. 0 or an errno. */
static int open_terminal(const struct sudo_run *run, struct terminal *terminal) {
    int unlocked = 0;
    unsigned number;
    terminal->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (terminal->master < 0 || ioctl(terminal->master, TIOCSPTLCK, &unlocked) != 0 ||
        ioctl(terminal->master, (int)TIOCGPTN, &number) != 0) {
        return errno;
    }
    char path[32];
    snprintf(path, sizeof path, "/dev/pts/%u", number);
    terminal->slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal->slave < 0 || ioctl(terminal->slave, TIOCSCTTY, 0) != 0) {
        return errno;
    }
    struct termios settings;
    struct winsize size;
    if (tcgetattr(run->descriptors[0], &settings) == 0) {
        tcsetattr(terminal->slave, TCSANOW, &settings);
    }
    if (ioctl(run->descriptors[0], TIOCGWINSZ, &size) == 0) {
        ioctl(terminal->slave, TIOCSWINSZ, &size);
    }
    if (fchown(terminal->slave, run->uid, (gid_t)-1) == 0) {
        fchmod(terminal->slave, 0620);
    }
    return 0;
}

static void set_signals(uint64_t ignored) {
    for (int signal = 1; signal <= SIGNALS; signal++) {
        struct sigaction action = {.sa_handler = (ignored >> (signal - 1) & 1) != 0 ? SIG_IGN : SIG_DFL};
        sigaction(signal, &action, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

enum child_step { STEP_SETUP, STEP_DIRECTORY, STEP_EXECUTE };

struct child_failure {
    enum child_step step;
    int error;
};

static _Noreturn void fail(int report, enum child_step step) {
    struct child_failure failure = {step, errno};
    ssize_t written = write(report, &failure, sizeof failure);
    (void)written;
    _exit(1);
}

static void execute(const struct sudo_run *run) {
    const struct sudo_command *command = run->command;
    execve(command->path, command->arguments, run->environment);
    if (errno != ENOEXEC) {
        return;
    }
    /* A script without #!, for which execvp(3) and sudo take the shell. */
    size_t count = 0;
    while (command->arguments[count] != NULL) {
        count++;
    }
    char **arguments = calloc(count + 2, sizeof *arguments);
    if (arguments != NULL) {
        arguments[0] = (char *)"sh";
        arguments[1] = (char *)command->path;
        memcpy(arguments + 2, command->arguments + 1, (count - 1) * sizeof *arguments);
        execve("/bin/sh", arguments, run->environment);
    }
}

static _Noreturn void run_child(const struct sudo_run *run, const struct terminal *terminal, int report) {
    setpgid(0, 0);
    if (terminal->slave >= 0) {
        tcsetpgrp(terminal->slave, getpgrp()); /* SIGTTOU is ignored */
    }
    for (int descriptor = 0; descriptor < 3; descriptor++) {
        int source = run->descriptors[descriptor];
        if (dup2(terminal->slave >= 0 && isatty(source) ? terminal->slave : source, descriptor) < 0) {
            fail(report, STEP_SETUP);
        }
    }
    umask((mode_t)(run->request->umask | 022));
    if (setgroups(run->group_count, run->groups) != 0 || setresgid(run->gid, run->gid, run->gid) != 0 ||
        setresuid(run->uid, run->uid, run->uid) != 0) {
        fail(report, STEP_SETUP);
    }
    /* A home that is not there is no reason not to log in, as with sudo; a directory asked for is. */
    if ((run->request->flags & SUDO_LOGIN) != 0 && chdir(run->home) != 0) {
        errno = 0;
    }
    if (*run->request->directory != 0 && chdir(run->request->directory) != 0) {
        fail(report, STEP_DIRECTORY);
    }
    set_signals(run->request->ignored_signals);
    execute(run);
    fail(report, STEP_EXECUTE);
}

/* Forks; returns the pid once the command has replaced the child, and answers what went wrong otherwise. */
static pid_t start(const struct sudo_run *run, const struct terminal *terminal) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        sudo_answer(run->socket, 1, "unable to create a pipe: %s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        run_child(run, terminal, report[1]);
    }
    if (pid < 0) {
        sudo_answer(run->socket, 1, "unable to fork: %s", strerror(errno));
    }
    setpgid(pid, pid);
    close(report[1]);
    struct child_failure failure;
    ssize_t got;
    do {
        got = read(report[0], &failure, sizeof failure);
    } while (got < 0 && errno == EINTR);
    close(report[0]);
    if (got == sizeof failure) {
        const char *error = strerror(failure.error);
        if (failure.step == STEP_DIRECTORY) {
            sudo_answer(run->socket, 1, "unable to change directory to %.1024s: %s", run->request->directory, error);
        }
        const char *what = failure.step == STEP_EXECUTE ? "unable to execute" : "unable to change to the target user for";
        sudo_answer(run->socket, 1, "%s %.2048s: %s", what, run->command->path, error);
    }
    return pid;
}

/* The client was killed, so nobody is left to answer for what it had started: all of this session ends with it. */
static _Noreturn void kill_session(void) {
    pid_t own = getpid();
    for (int round = 0, killed = 1; round < KILL_ROUNDS && killed > 0; round++) {
        killed = 0;
        DIR *directory = opendir("/proc");
        for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
            pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
            if (pid > 0 && pid != own && getsid(pid) == own && kill(pid, SIGKILL) == 0) {
                killed++;
            }
        }
        if (directory != NULL) {
            closedir(directory);
        }
        /* Our own children stay zombies of the session until they are collected. */
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
    _exit(0);
}

static void forward(pid_t command, const struct terminal *terminal, int signal) {
    switch (signal) {
    case SIGCONT:
        if (terminal->slave >= 0) {
            tcsetpgrp(terminal->slave, command);
        }
        break;
    case SIGWINCH: {
        /* The client has set the size; the kernel of some sandboxes does not tell of it by itself. */
        pid_t foreground = terminal->slave < 0 ? -1 : tcgetpgrp(terminal->slave);
        if (foreground > 0) {
            kill(-foreground, SIGWINCH);
        }
        return;
    }
    case SIGALRM:
    case SIGUSR1:
    case SIGUSR2:
        kill(command, signal); /* these mean something to one program only */
        return;
    case SIGHUP:
    case SIGINT:
    case SIGQUIT:
    case SIGTERM:
    case SIGTSTP:
        break;
    default:
        return;
    }
    kill(-command, signal);
}

/* Reads what the client has sent; one signal is six bytes. Ends with the session when the client has gone. */
static void take_signals(const struct sudo_run *run, pid_t command, const struct terminal *terminal) {
    enum { SIZE = FRAME_HEADER_SIZE + 1 };
    static unsigned char input[64 * SIZE];
    static size_t length;
    ssize_t got = recv(run->socket, input + length, sizeof input - length, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        kill_session();
    }
    length += (size_t)got;
    size_t at = 0;
    for (; length - at >= SIZE; at += SIZE) {
        if (decode_u32(input + at) != 2 || input[at + 4] != SUDO_SIGNAL) {
            kill_session();
        }
        forward(command, terminal, input[at + FRAME_HEADER_SIZE]);
    }
    memmove(input, input + at, length - at);
    length -= at;
}

/* Tells the client what became of the command; true when it has ended. */
static bool look_at_command(const struct sudo_run *run, pid_t command, const struct terminal *terminal) {
    int status;
    while (waitpid(command, &status, WNOHANG | WUNTRACED) == command) {
        if (WIFSTOPPED(status)) {
            say_stopped(run, WSTOPSIG(status));
            continue;
        }
        if (terminal->slave >= 0) {
            /* What is left in the background keeps running, as it does without a terminal of its own: the end of this
             * session's leader sends SIGHUP to the foreground group, which ignores it. */
            tcsetpgrp(terminal->slave, getpgrp());
            close(terminal->slave);
        }
        say_ended(run, status);
        return true;
    }
    return false;
}

void sudo_run(const struct sudo_run *run) {
    struct terminal terminal = {-1, -1};
    uint8_t flags = run->request->flags;
    if ((flags & SUDO_TERMINAL) != 0 && (flags & SUDO_BACKGROUND) == 0) {
        int error = open_terminal(run, &terminal);
        if (error != 0) {
            sudo_answer(run->socket, 1, "unable to open a terminal: %s", strerror(error));
        }
    }
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    int ended = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (ended < 0) {
        sudo_answer(run->socket, 1, "unable to wait for a command: %s", strerror(errno));
    }
    pid_t command = start(run, &terminal);
    say_started(run, command, terminal.master);
    if (terminal.master >= 0) {
        close(terminal.master);
    }
    for (int i = 0; i < SUDO_DESCRIPTORS; i++) {
        close(run->descriptors[i]); /* whoever reads the command's output waits for the last of these */
    }
    if (chdir("/") != 0) {
        _exit(1);
    }
    if ((flags & SUDO_BACKGROUND) != 0) {
        say_ended(run, 0);
        _exit(0);
    }
    while (!look_at_command(run, command, &terminal)) {
        struct pollfd waiting[2] = {{.fd = run->socket, .events = POLLIN}, {.fd = ended, .events = POLLIN}};
        if (poll(waiting, 2, -1) <= 0) {
            continue;
        }
        struct signalfd_siginfo ignored;
        while (read(ended, &ignored, sizeof ignored) > 0) {
        }
        if (waiting[0].revents != 0) {
            take_signals(run, command, &terminal);
        }
    }
    _exit(0);
}
