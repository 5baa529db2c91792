/*
 * The program `sudo` of guests whose kernel ignores setuid: has the agent run the command, and stands for it meanwhile with
 * its exit status, its signals and, for a command on a terminal, its keys and output. request.h tells what is said.
 */
#include "options.h"
#include "print.h"
#include "request.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BACKGROUND_LOOK_MILLISECONDS = 300, /* how often one in the background looks whether it has become the foreground */
    CONNECT_ATTEMPTS = 500,
    CONNECT_PAUSE_NANOSECONDS = 20 * 1000 * 1000,
    OUTPUT_QUIET_MILLISECONDS = 100,    /* output of a terminal that somebody still holds is waited for so long after the end */
};

extern char **environ;

static const int forwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH};

struct client {
    int socket;
    int signals; /* signalfd(2) */
    struct relay relay;
    bool started;
    unsigned char input[FRAME_HEADER_SIZE + 1 + 4 + SUDO_TEXT_MAXIMUM];
    size_t input_length;
};

static _Noreturn void give_up(const char *what, int error) {
    terminal_restore();
    print(STDERR_FILENO, "sudo: ", what, ": ", strerror(error), "\n", NULL);
    exit(1);
}

static uint64_t take_ignored_signals(void) {
    uint64_t ignored = 0;
    for (int signal = 1; signal <= 31; signal++) {
        struct sigaction action;
        if (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
            ignored |= UINT64_C(1) << (signal - 1);
        }
    }
    return ignored;
}

/* What the caller ignores, as nohup(1) arranges, is not blocked and so never seen here. */
static int open_signals(uint64_t ignored) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++) {
        if ((ignored >> (forwarded[i] - 1) & 1) == 0) {
            sigaddset(&set, forwarded[i]);
        }
    }
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigprocmask(SIG_SETMASK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Ends this process as `signal` ends a process. */
static _Noreturn void die_of(int signal) {
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core); /* the command's says more */
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigaction(signal, &by_default, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(signal);
    exit(128 + signal);
}

static int connect_to_agent(void) {
    struct sockaddr_un address;
    socklen_t size = sudo_address(&address);
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (int attempt = 0; connection >= 0; attempt++) {
        if (connect(connection, (struct sockaddr *)&address, size) == 0) {
            return connection;
        }
        /* gVisor says EAGAIN where Linux waits for a place in the queue. */
        if ((errno != EAGAIN && errno != EINTR) || attempt == CONNECT_ATTEMPTS) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = CONNECT_PAUSE_NANOSECONDS}, NULL);
    }
    give_up("the sandbox's agent cannot be reached", errno);
}

/* The working directory as a descriptor: it may have no path, or one that only its owner may walk. */
static int open_directory(void) {
    int directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return directory >= 0 ? directory : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The first byte carries credentials and descriptors. A refusal can come before all was sent: then it is there to be read. */
static void send_request(const struct client *client, const struct buffer *request) {
    int descriptors[SUDO_DESCRIPTORS] = {0, 1, 2, open_directory()};
    struct ucred credentials = {.pid = getpid(), .uid = getuid(), .gid = getgid()};
    union {
        char bytes[CMSG_SPACE(sizeof descriptors) + CMSG_SPACE(sizeof credentials)];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {request->data, request->length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptors);
    memcpy(CMSG_DATA(header), descriptors, sizeof descriptors);
    header = sudo_next_control(&message, header);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof credentials);
    memcpy(CMSG_DATA(header), &credentials, sizeof credentials);
    while (part.iov_len > 0) {
        ssize_t sent = sendmsg(client->socket, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            break;
        }
        if (sent > 0) {
            part.iov_base = (char *)part.iov_base + sent;
            part.iov_len -= (size_t)sent;
            message.msg_control = NULL;
            message.msg_controllen = 0;
        }
    }
    close(descriptors[3]);
}

static void send_signal(const struct client *client, int signal) {
    unsigned char frame[FRAME_HEADER_SIZE + 1];
    frame_header(frame, (enum frame_type)SUDO_SIGNAL, 1);
    frame[FRAME_HEADER_SIZE] = (unsigned char)signal;
    send(client->socket, frame, sizeof frame, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Receives behind what is there, and the terminal's master when it comes. False at the end. */
static bool receive(struct client *client) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {client->input + client->input_length, sizeof client->input - client->input_length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(client->socket, &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) {
        return true;
    }
    if (got <= 0) {
        return false;
    }
    client->input_length += (size_t)got;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = sudo_next_control(&message, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int))) {
            memcpy(&client->relay.master, CMSG_DATA(header), sizeof(int));
        }
    }
    return true;
}

/* Output can arrive in the master a moment after the process that wrote it has ended. */
static void drain(struct relay *relay) {
    while (relay->master >= 0) {
        struct pollfd waiting = {.fd = relay->master, .events = POLLIN};
        if (poll(&waiting, 1, OUTPUT_QUIET_MILLISECONDS) <= 0) {
            return;
        }
        relay_output(relay);
    }
}

static _Noreturn void end(struct client *client, bool killed, uint32_t code) {
    drain(&client->relay);
    terminal_restore();
    if (killed) {
        die_of((int)code);
    }
    exit((int)code);
}

static _Noreturn void tell_answer(struct reader *reader) {
    uint8_t code = read_u8(reader);
    const char *text = read_string(reader);
    if (!reader_done(reader)) {
        give_up("the sandbox's agent answered", EPROTO);
    }
    if (*text != 0) {
        print(code == 0 ? STDOUT_FILENO : STDERR_FILENO, code == 0 ? "" : "sudo: ", text, "\n", NULL);
    }
    exit(code);
}

/* The command was stopped: so is this process, by the same signal, as whoever started it expects; until it is continued. */
static void stop(struct client *client, int signal) {
    terminal_restore();
    int own = signal == SIGSTOP ? SIGSTOP : SIGTSTP;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, own);
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigaction(own, &by_default, NULL);
    /* On a terminal of its own the command alone was stopped, and the caller's whole job has to follow. */
    if (client->relay.active) {
        kill(0, own);
    } else {
        raise(own);
    }
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    relay_resize(&client->relay);
    send_signal(client, SIGCONT);
}

static void take_frame(struct client *client, uint8_t type, unsigned char *payload, size_t length) {
    struct reader reader;
    reader_init(&reader, payload, length);
    if (type == SUDO_ANSWER) {
        tell_answer(&reader);
    } else if (type == SUDO_STARTED) {
        client->started = true;
        client->relay.active = client->relay.master >= 0;
        relay_resize(&client->relay);
    } else if (type == SUDO_STOPPED) {
        uint8_t signal = read_u8(&reader);
        stop(client, signal);
    } else if (type == SUDO_ENDED) {
        uint8_t killed = read_u8(&reader);
        end(client, killed != 0, read_u32(&reader));
    }
}

static void take_frames(struct client *client) {
    if (!receive(client)) {
        give_up(client->started ? "the command's keeper has gone" : "the sandbox's agent does not answer", ECONNRESET);
    }
    size_t at = 0;
    while (client->input_length - at >= FRAME_HEADER_SIZE) {
        size_t length = decode_u32(client->input + at);
        if (length < 1 || length > sizeof client->input - 4) {
            give_up("the sandbox's agent answered", EPROTO);
        }
        if (client->input_length - at < 4 + length) {
            break;
        }
        take_frame(client, client->input[at + 4], client->input + at + FRAME_HEADER_SIZE, length - 1);
        at += 4 + length;
    }
    memmove(client->input, client->input + at, client->input_length - at);
    client->input_length -= at;
}

static void take_signals(struct client *client) {
    struct signalfd_siginfo taken;
    while (read(client->signals, &taken, sizeof taken) == sizeof taken) {
        int signal = (int)taken.ssi_signo;
        if (!client->started) {
            /* Nothing to pass it on to: the agent ends what it may just be starting when this process goes. */
            if (signal != SIGWINCH && signal != SIGCONT && signal != SIGTSTP) {
                die_of(signal);
            }
            continue;
        }
        if (signal == SIGWINCH) {
            relay_resize(&client->relay);
        }
        send_signal(client, signal);
    }
}

static void serve(struct client *client) {
    struct relay *relay = &client->relay;
    for (;;) {
        bool relaying = relay->active && relay->master >= 0;
        bool foreground = relaying && terminal_is_ours();
        if (foreground) {
            terminal_make_raw();
        }
        bool reads = foreground && !relay->input_ended && relay->pending_end == 0;
        struct pollfd waiting[] = {
            {.fd = client->socket, .events = POLLIN},
            {.fd = client->signals, .events = POLLIN},
            {.fd = relaying ? relay->master : -1, .events = (short)(POLLIN | (relay->pending_end > 0 ? POLLOUT : 0))},
            {.fd = reads ? 0 : -1, .events = POLLIN},
        };
        if (poll(waiting, 4, relaying && !foreground ? BACKGROUND_LOOK_MILLISECONDS : -1) <= 0) {
            continue;
        }
        if (waiting[1].revents != 0) {
            take_signals(client);
        }
        if ((waiting[2].revents & POLLOUT) != 0) {
            relay_write_input(relay);
        }
        if ((waiting[2].revents & ~POLLOUT) != 0) {
            relay_output(relay);
        }
        if (waiting[3].revents != 0 && relay->master >= 0) {
            relay_read_input(relay);
            if (relay->input_ended) {
                send_signal(client, SIGHUP); /* the terminal has hung up; not every kernel says so with a signal */
            }
        }
        if (waiting[0].revents != 0) {
            take_frames(client);
        }
    }
}

/* 0, 1 and 2 are handed on, so they must be something. */
static void fill_standard_descriptors(void) {
    int file;
    do {
        file = open("/dev/null", O_RDWR);
    } while (file >= 0 && file <= 2);
    if (file >= 0) {
        close(file);
    }
}

static bool is_named_sudoedit(const char *name) {
    const char *slash = name == NULL ? NULL : strrchr(name, '/');
    return name != NULL && strcmp(slash == NULL ? name : slash + 1, "sudoedit") == 0;
}

int main(int argc, char **argv) {
    static struct client client = {.relay = {.master = -1}};
    struct sudo_request request;
    fill_standard_descriptors();
    if (is_named_sudoedit(argv[0])) {
        print(STDERR_FILENO, "sudo: sudoedit is not there in this sandbox: use sudo with an editor\n", NULL);
        return 1;
    }
    enum options_result result = options_parse(argc, argv, &request);
    if (result != OPTIONS_RUN) {
        return result == OPTIONS_DONE ? 0 : 1;
    }
    request.ignored_signals = take_ignored_signals();
    request.umask = umask(0);
    umask((mode_t)request.umask);
    request.environment.items = environ;
    while (environ[request.environment.count] != NULL) {
        request.environment.count++;
    }
    if (isatty(0) && isatty(1) && (request.flags & SUDO_BACKGROUND) == 0) {
        request.flags |= SUDO_TERMINAL;
    }
    client.signals = open_signals(request.ignored_signals);
    if (client.signals < 0) {
        give_up("cannot wait for signals", errno);
    }
    struct buffer encoded = {0};
    sudo_request_encode(&encoded, &request);
    if (encoded.failed) {
        give_up("the request", ENOMEM);
    }
    client.socket = connect_to_agent();
    send_request(&client, &encoded);
    buffer_free(&encoded);
    serve(&client);
}
