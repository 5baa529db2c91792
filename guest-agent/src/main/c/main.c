/*
 * The guest agent. The main thread collects every child that ends and answers SIGTERM; a second thread accepts connections; each
 * connection has a thread of its own, so that none waits for another.
 */
#include "machine.h"
#include "process.h"
#include "requests.h"
#include "spawn.h"
#include "sudo/monitor.h"
#include "sudo/service.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PORT = 49982,
    BACKLOG = 1024,
    CONNECTIONS_MAXIMUM = 1024,
    STACK_SIZE = 64 * 1024,
    ACCEPT_PAUSE_NANOSECONDS = 10 * 1000 * 1000,
};

struct server {
    struct agent agent;
    bool peer_is_gateway; /* the other address of the /31 that a connection came to */
    struct in_addr peer;  /* else this one */
    uint16_t port;
    bool serves_sudo;
};

static void say(const char *what, int error) { fprintf(stderr, "holt-agent: %s: %s\n", what, strerror(error)); }

static _Noreturn void give_up(const char *what, int error) {
    say(what, error);
    exit(1);
}

static int hex_digit(char digit) {
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Takes a variable out of the environment, and out of the memory that /proc/1/environ shows. */
static char *take_variable(const char *name) {
    char *value = getenv(name);
    char *copy = value == NULL ? NULL : strdup(value);
    if (value != NULL) {
        explicit_bzero(value, strlen(value));
        unsetenv(name);
    }
    return copy;
}

static bool parse_token(const char *text, unsigned char token[TOKEN_SIZE]) {
    if (text == NULL || strlen(text) != 2 * TOKEN_SIZE) {
        return false;
    }
    for (size_t i = 0; i < TOKEN_SIZE; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        token[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static void read_configuration(struct server *server) {
    char *token = take_variable("HOLT_AGENT_TOKEN");
    char *peer = take_variable("HOLT_AGENT_PEER");
    char *port = take_variable("HOLT_AGENT_PORT");
    char *sudo = take_variable("HOLT_AGENT_SUDO");
    if (sudo != NULL && strcmp(sudo, "1") != 0) {
        give_up("HOLT_AGENT_SUDO must be 1", EINVAL);
    }
    server->serves_sudo = sudo != NULL;
    if (!parse_token(token, server->agent.token)) {
        give_up("HOLT_AGENT_TOKEN must be 64 lower-case hex digits", EINVAL);
    }
    server->peer_is_gateway = peer != NULL && strcmp(peer, "gateway") == 0;
    if (!server->peer_is_gateway && (peer == NULL || inet_pton(AF_INET, peer, &server->peer) != 1)) {
        give_up("HOLT_AGENT_PEER must be an IPv4 address, or gateway", EINVAL);
    }
    unsigned long number = port == NULL ? PORT : strtoul(port, NULL, 10);
    if (number < 1 || number > UINT16_MAX) {
        give_up("HOLT_AGENT_PORT must be a port", EINVAL);
    }
    server->port = (uint16_t)number;
    explicit_bzero(token, strlen(token));
    free(token);
    free(peer);
    free(port);
    free(sudo);
}

/* Random without the kernel's entropy being ready would block for long at a machine's boot: what there is will do for a name. */
static void make_boot_id(char boot_id[BOOT_ID_DIGITS + 1]) {
    unsigned char random[BOOT_ID_DIGITS / 2] = {0};
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        memcpy(random, &now, sizeof now < sizeof random ? sizeof now : sizeof random);
    }
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(boot_id + 2 * i, 3, "%02x", random[i]);
    }
}

/* For kernels without close_range(2), as older gVisors: trying every number there took seconds (25 to 60 us each). */
static void close_listed_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        say("/proc/self/fd", errno);
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        long descriptor = strtol(entry->d_name, NULL, 10);
        if (descriptor > 2 && descriptor != dirfd(directory)) {
            close((int)descriptor);
        }
    }
    closedir(directory);
}

/* 0, 1 and 2 open, so that nothing else gets these numbers; nothing else inherited from the runtime. */
static void arrange_descriptors(void) {
    int file;
    do {
        file = open("/dev/null", O_RDWR);
    } while (file >= 0 && file <= 2);
    if (file < 0 && (fcntl(0, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0 || fcntl(2, F_GETFD) < 0)) {
        give_up("/dev/null", errno);
    }
    if (syscall(SYS_close_range, 3, ~0u, 0) != 0) {
        close_listed_descriptors();
    }
}

static void ignore_signal(int signal) { (void)signal; }

/*
 * Everything as after a fresh start, but SIGPIPE ignored and SIGTERM and SIGCHLD blocked for sigwaitinfo(2). These two have a
 * handler that never runs, because the kernel drops signals that process 1 has no handler for, pid_namespaces(7).
 */
static void arrange_signals(sigset_t *awaited) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal < NSIG; signal++) {
        sigaction(signal, &action, NULL);
    }
    /* musl keeps these for itself and its sigaction(3) refuses them; children would inherit them ignored from the runtime. */
    const unsigned long kernel_action[4] = {0}; /* the kernel's struct sigaction: SIG_DFL, nothing else */
    for (int signal = 32; signal <= 34; signal++) {
        syscall(SYS_rt_sigaction, signal, kernel_action, NULL, sizeof(unsigned long));
    }
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    action.sa_handler = ignore_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGCHLD, &action, NULL);
    sigemptyset(awaited);
    sigaddset(awaited, SIGTERM);
    sigaddset(awaited, SIGCHLD);
    pthread_sigmask(SIG_SETMASK, awaited, NULL);
}

static int listen_on(uint16_t port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_ANY)};
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, BACKLOG) != 0) {
        int error = errno;
        if (listener >= 0) {
            close(listener);
        }
        errno = error;
        return -1;
    }
    return listener;
}

/* Buffer sizes are left to the kernel's tuning: setting them would end it, and at a lower limit (rmem_max), tcp(7). */
static void prepare_socket(int socket) {
    int on = 1;
    int idle = 30;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
}

struct arrival {
    struct server *server;
    struct connection *connection;
};

static void *serve_connection(void *argument) {
    struct arrival *arrival = argument;
    struct server *server = arrival->server;
    struct connection *connection = arrival->connection;
    free(arrival);
    requests_serve(&server->agent, connection);
    return NULL;
}

static bool start_thread(void *(*run)(void *), void *argument) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    int error = pthread_create(&thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    errno = error;
    return error == 0;
}

/* Nobody in the guest can come from there to another address than its own, without being given one by its root. */
static bool is_gateway(int socket, const struct sockaddr_in *peer) {
    enum { LOOPBACK_NETWORK = 127 };
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    if (getsockname(socket, (struct sockaddr *)&own, &size) != 0 || own.sin_family != AF_INET) {
        return false;
    }
    uint32_t address = ntohl(own.sin_addr.s_addr);
    return address >> 24 != LOOPBACK_NETWORK && ntohl(peer->sin_addr.s_addr) == (address ^ 1);
}

static bool is_peer(const struct server *server, int socket, const struct sockaddr_in *address) {
    return address->sin_family == AF_INET &&
           (server->peer_is_gateway ? is_gateway(socket, address) : address->sin_addr.s_addr == server->peer.s_addr);
}

/* Closes the socket of whoever is not the gateway, or comes when there are too many. */
static void accept_connection(struct server *server, int socket, const struct sockaddr_in *address) {
    if (!is_peer(server, socket, address) || connection_count() >= CONNECTIONS_MAXIMUM) {
        close(socket);
        return;
    }
    prepare_socket(socket);
    struct connection *connection = connection_create(socket);
    struct arrival *arrival = malloc(sizeof *arrival);
    if (connection == NULL || arrival == NULL) {
        free(arrival);
        if (connection == NULL) {
            close(socket);
        } else {
            connection_close(connection);
        }
        return;
    }
    *arrival = (struct arrival){server, connection};
    if (!start_thread(serve_connection, arrival)) {
        say("no thread for a connection", errno);
        free(arrival);
        connection_close(connection);
    }
}

/* Errors that say that the listening socket itself is of no use any more, after a restore for instance. */
static bool listener_lost(int error) { return error == EBADF || error == EINVAL || error == ENOTSOCK || error == EOPNOTSUPP; }

static void *accept_connections(void *argument) {
    struct server *server = argument;
    int listener = -1;
    for (;;) {
        if (listener < 0 && (listener = listen_on(server->port)) < 0) {
            say("cannot listen", errno);
            nanosleep(&(struct timespec){.tv_nsec = ACCEPT_PAUSE_NANOSECONDS}, NULL);
            continue;
        }
        struct sockaddr_in address;
        socklen_t size = sizeof address;
        int socket = accept4(listener, (struct sockaddr *)&address, &size, SOCK_CLOEXEC);
        if (socket >= 0) {
            accept_connection(server, socket, &address);
        } else if (listener_lost(errno)) {
            say("listening anew", errno);
            close(listener);
            listener = -1;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            nanosleep(&(struct timespec){.tv_nsec = ACCEPT_PAUSE_NANOSECONDS}, NULL);
        }
    }
    return NULL;
}

static void collect_children(void) {
    for (;;) {
        siginfo_t ended = {0};
        if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) {
            return;
        }
        process_collect(ended.si_pid);
        sudo_service_collected(ended.si_pid);
    }
}

static struct server server = {.agent = {.lock = PTHREAD_MUTEX_INITIALIZER}};

int main(int argument_count, char **arguments) {
    sigset_t awaited;
    if (argument_count == 2 && strcmp(arguments[1], SUDO_MONITOR_ARGUMENT) == 0) {
        sudo_monitor();
    }
    arrange_descriptors();
    arrange_signals(&awaited);
    umask(0); /* modes are given whole; children get 022 */
    read_configuration(&server);
    make_boot_id(server.agent.boot_id);
    spawn_initialise();
    if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        say("cannot collect orphans", errno);
    }
    int error = machine_raise_loopback();
    if (error != 0) {
        say("cannot raise lo", error);
    }
    if (!start_thread(accept_connections, &server)) {
        give_up("no thread to accept connections", errno);
    }
    if (server.serves_sudo && !start_thread(sudo_service, NULL)) {
        give_up("no thread for sudo", errno);
    }
    for (;;) {
        int signal = sigwaitinfo(&awaited, NULL);
        if (signal == SIGTERM) {
            _exit(0);
        }
        collect_children();
    }
}
