#include "service.h"
#include "monitor.h"
#include "request.h"
#include "../spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 128, PAUSE_NANOSECONDS = 10 * 1000 * 1000 };

/* The monitors that run; 0 is a free place. The kernel writes a pid before its process runs, see spawn(). */
static struct {
    pthread_mutex_t lock;
    volatile pid_t monitors[SUDO_COMMANDS_MAXIMUM];
    bool taken[SUDO_COMMANDS_MAXIMUM];
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

void sudo_service_collected(pid_t pid) {
    pthread_mutex_lock(&table.lock);
    for (size_t i = 0; i < SUDO_COMMANDS_MAXIMUM; i++) {
        if (table.taken[i] && table.monitors[i] == pid) {
            table.taken[i] = false;
            table.monitors[i] = 0;
            break;
        }
    }
    pthread_mutex_unlock(&table.lock);
}

/* A free place, or SUDO_COMMANDS_MAXIMUM. */
static size_t take_place(void) {
    size_t place = 0;
    pthread_mutex_lock(&table.lock);
    while (place < SUDO_COMMANDS_MAXIMUM && table.taken[place]) {
        place++;
    }
    if (place < SUDO_COMMANDS_MAXIMUM) {
        table.taken[place] = true;
        table.monitors[place] = 0;
    }
    pthread_mutex_unlock(&table.lock);
    return place;
}

static void free_place(size_t place) {
    pthread_mutex_lock(&table.lock);
    table.taken[place] = false;
    table.monitors[place] = 0;
    pthread_mutex_unlock(&table.lock);
}

static void refuse(int socket, const char *why) {
    struct buffer answer = {0};
    size_t start = frame_begin(&answer, (enum frame_type)SUDO_ANSWER);
    put_u8(&answer, 1);
    put_string(&answer, why);
    frame_end(&answer, start);
    if (!answer.failed) {
        send(socket, answer.data, answer.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    buffer_free(&answer);
}

static void start_monitor(int socket) {
    size_t place = take_place();
    if (place == SUDO_COMMANDS_MAXIMUM) {
        refuse(socket, "too many commands at once: 64 run already");
        return;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const gid_t root_group = 0;
    char program[] = "/proc/self/exe";
    char argument[] = SUDO_MONITOR_ARGUMENT;
    char *const argv[] = {program, argument, NULL};
    char *const environment[] = {NULL};
    struct spawn_request request = {
        .groups = &root_group,
        .group_count = 1,
        .cwd = "/",
        .argv = argv,
        .environment = environment,
        .search_path = "",
        .standard = {socket, null, null},
    };
    struct spawn_failure failure = {SPAWN_SETUP, errno};
    if (null < 0 || !spawn(&request, &table.monitors[place], &failure)) {
        char text[96];
        snprintf(text, sizeof text, "the sandbox's agent cannot start a process: %s", strerror(failure.error));
        refuse(socket, text);
        free_place(place);
    }
    if (null >= 0) {
        close(null);
    }
}

static int listen_for_callers(void) {
    struct sockaddr_un address;
    socklen_t size = sudo_address(&address);
    int on = 1;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
        bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, BACKLOG) != 0) {
        fprintf(stderr, "holt-agent: cannot listen for sudo: %s\n", strerror(errno));
        if (listener >= 0) {
            close(listener);
        }
        return -1;
    }
    return listener;
}

void *sudo_service(void *ignored) {
    (void)ignored;
    int listener = -1;
    for (;;) {
        if (listener < 0 && (listener = listen_for_callers()) < 0) {
            nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
            continue;
        }
        int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (socket >= 0) {
            start_monitor(socket);
            close(socket);
        } else if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) {
            close(listener);
            listener = -1;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NANOSECONDS}, NULL);
        }
    }
    return NULL;
}
