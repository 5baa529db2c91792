#include "monitor.h"
#include "command.h"
#include "environment.h"
#include "request.h"
#include "run.h"
#include "sudoers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { SOCKET = 0, REQUEST_MILLISECONDS = 10 * 1000 };

/* A user and the groups it belongs to. */
struct identity {
    struct user user;
    gid_t groups[USER_GROUPS_MAXIMUM + 1];
    size_t group_count;
};

static struct identity caller;
static struct identity target;
static struct sudoers_grant grant = {true, true, true};
static int descriptors[SUDO_DESCRIPTORS] = {-1, -1, -1, -1};

/* Reads the control data of the first byte: who calls, and the descriptors. Both must be there, in one message. */
static bool take_control(struct msghdr *message, struct ucred *credentials) {
    bool has_credentials = false;
    bool has_descriptors = false;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = sudo_next_control(message, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS && header->cmsg_len == CMSG_LEN(sizeof *credentials)) {
            memcpy(credentials, CMSG_DATA(header), sizeof *credentials);
            has_credentials = true;
        } else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof descriptors)) {
            memcpy(descriptors, CMSG_DATA(header), sizeof descriptors);
            has_descriptors = true;
        }
    }
    return has_credentials && has_descriptors && (message->msg_flags & MSG_CTRUNC) == 0;
}

/*
 * The credentials are those that the kernel vouches for in SCM_CREDENTIALS, unix(7), and not SO_PEERCRED: gVisor answers the
 * latter with the asking process's own, so that everybody would be root.
 */
static bool receive_some(void *data, size_t size, size_t *received, struct ucred *credentials, bool first) {
    union {
        char bytes[CMSG_SPACE(sizeof descriptors) + CMSG_SPACE(sizeof(struct ucred)) + 64];
        struct cmsghdr align;
    } control;
    struct iovec part = {data, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(SOCKET, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        *received = 0;
        return true;
    }
    *received = got > 0 ? (size_t)got : 0;
    return got > 0 && (!first || take_control(&message, credentials));
}

static int milliseconds_left(const struct timespec *start) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t passed = (int64_t)(now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
    return passed >= REQUEST_MILLISECONDS ? 0 : (int)(REQUEST_MILLISECONDS - passed);
}

/* Receives exactly `size` bytes before the time is over. */
static bool receive_all(unsigned char *data, size_t size, struct ucred *credentials, bool first, const struct timespec *start) {
    for (size_t received, at = 0; at < size; at += received) {
        struct pollfd waiting = {.fd = SOCKET, .events = POLLIN};
        int left = milliseconds_left(start);
        if (left == 0 || (poll(&waiting, 1, left) < 0 && errno != EINTR) ||
            !receive_some(data + at, size - at, &received, credentials, first && at == 0)) {
            return false;
        }
    }
    return true;
}

/* NULL when the client has gone, is too slow, or sends something else. */
static unsigned char *receive_request(struct ucred *credentials, size_t *length) {
    struct timespec start;
    unsigned char header[FRAME_HEADER_SIZE];
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (!receive_all(header, sizeof header, credentials, true, &start)) {
        return NULL;
    }
    size_t counted = decode_u32(header);
    if (header[4] != SUDO_REQUEST || counted < 1) {
        return NULL;
    }
    if (counted > SUDO_REQUEST_MAXIMUM) {
        sudo_answer(SOCKET, 1, "unable to execute: %s", strerror(E2BIG));
    }
    *length = counted - 1;
    unsigned char *payload = malloc(*length + 1);
    if (payload != NULL && !receive_all(payload, *length, NULL, false, &start)) {
        free(payload);
        payload = NULL;
    }
    return payload;
}

static bool parse_number(const char *text, uint32_t *number) {
    char *end;
    errno = 0;
    unsigned long parsed = strtoul(text, &end, 10);
    *number = (uint32_t)parsed;
    return *text >= '0' && *text <= '9' && *end == 0 && errno == 0 && parsed < UINT32_MAX;
}

/* A user without a line in /etc/passwd: its number is its name. */
static void make_nameless(struct user *user, uid_t uid, gid_t gid) {
    *user = (struct user){.uid = uid, .gid = gid, .home = "/", .shell = "/bin/sh"};
    snprintf(user->line, sizeof user->line, "#%u", uid);
    user->name = user->line;
}

static bool find_user_by_id(struct user *user, uid_t uid) {
    struct owner_names names = {0};
    owner_names_find(&names, uid, 0);
    return user_by_name(names.user, user) && user->uid == uid;
}

static void find_caller(const struct ucred *credentials) {
    if (!find_user_by_id(&caller.user, credentials->uid)) {
        if (credentials->uid != 0) {
            sudo_answer(SOCKET, 1, "you do not exist in the passwd database");
        }
        make_nameless(&caller.user, 0, 0);
    }
    caller.group_count = user_groups(&caller.user, caller.groups);
}

static void find_target(const struct sudo_request *request) {
    uint32_t number;
    const char *name = *request->user != 0 ? request->user : *request->group != 0 ? caller.user.name : "root";
    if (*name == '#' && parse_number(name + 1, &number)) {
        if (!find_user_by_id(&target.user, number)) {
            make_nameless(&target.user, number, caller.user.gid);
        }
    } else if (!user_by_name(name, &target.user)) {
        if (strcmp(name, "root") != 0) {
            sudo_answer(SOCKET, 1, "unknown user %.256s", name);
        }
        make_nameless(&target.user, 0, 0);
    }
    target.group_count = user_groups(&target.user, target.groups);
}

static bool find_group(const char *name, gid_t *gid) {
    uint32_t number;
    if (*name == '#' && parse_number(name + 1, &number)) {
        *gid = number;
        return true;
    }
    return group_by_name(name, gid);
}

static bool is_in_group(const void *context, const char *name) {
    const struct identity *identity = context;
    gid_t gid;
    if (find_group(name, &gid)) {
        for (size_t i = 0; i < identity->group_count; i++) {
            if (identity->groups[i] == gid) {
                return true;
            }
        }
    }
    return false;
}

/* Refuses what the caller may not do; the group asked for becomes the target's first. */
static void authorise(const struct sudo_request *request) {
    if (caller.user.uid != 0) {
        struct sudoers_caller who = {caller.user.name, caller.user.uid, is_in_group, &caller};
        grant = sudoers_read(&who);
    }
    gid_t gid = target.user.gid;
    if (*request->group != 0 && !find_group(request->group, &gid)) {
        sudo_answer(SOCKET, 1, "unknown group %.256s", request->group);
    }
    bool self = target.user.uid == caller.user.uid;
    bool as_user = grant.user || (grant.root && (target.user.uid == 0 || (self && *request->group != 0)));
    bool with_group = *request->group == 0 || grant.group || is_in_group(&target, request->group);
    if (!as_user || !with_group) {
        sudo_answer(SOCKET, 1, "a password is required");
    }
    if (*request->group != 0) {
        target.user.gid = gid;
        target.groups[target.group_count++] = gid;
    }
}

static _Noreturn void answer_list(const struct sudo_request *request, const struct sudo_command *command) {
    if (request->arguments.count > 0) {
        sudo_answer(SOCKET, 0, "%s", command->line);
    }
    struct utsname machine = {0};
    uname(&machine);
    sudo_answer(SOCKET, 0, "User %s may run the following commands on %s:\n    (%s%s) NOPASSWD: ALL", caller.user.name, machine.nodename,
                grant.user ? "ALL" : "root", grant.group ? " : ALL" : "");
}

static void serve(const struct sudo_request *request) {
    find_target(request);
    authorise(request);
    if ((request->flags & SUDO_VALIDATE) != 0) {
        sudo_answer(SOCKET, 0, "%s", "");
    }
    struct sudo_command command = {0};
    if (request->arguments.count > 0 || (request->flags & SUDO_LIST) == 0) {
        /* Commands, and a directory asked for, are as seen from where the caller is. */
        if (fchdir(descriptors[3]) != 0) {
            sudo_answer(SOCKET, 1, "unable to change to the current directory: %s", strerror(errno));
        }
        enum command_result result = sudo_command_find(&command, request, &caller.user, &target.user);
        if (result != COMMAND_FOUND) {
            bool shell = (request->flags & (SUDO_LOGIN | SUDO_SHELL)) != 0;
            const char *name = shell ? command.path : request->arguments.items[0];
            sudo_answer(SOCKET, 1, result == COMMAND_NOT_FOUND ? "%.2048s: command not found" : "%.2048s: no memory", name);
        }
    }
    if ((request->flags & SUDO_LIST) != 0) {
        answer_list(request, &command);
    }
    struct sudo_caller who = {caller.user.name, caller.user.uid, caller.user.gid};
    char **environment = environment_make(request, &who, &target.user, command.line);
    if (environment == NULL) {
        sudo_answer(SOCKET, 1, "%s", strerror(ENOMEM));
    }
    struct sudo_run run = {
        .socket = SOCKET,
        .descriptors = {descriptors[0], descriptors[1], descriptors[2], descriptors[3]},
        .request = request,
        .command = &command,
        .environment = environment,
        .uid = target.user.uid,
        .gid = target.user.gid,
        .groups = target.groups,
        .group_count = target.group_count,
        .home = target.user.home,
    };
    sudo_run(&run);
}

void sudo_monitor(void) {
    prctl(PR_SET_NAME, "holt-monitor");
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU, SIGALRM, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        sigaction(ignored[i], &ignore, NULL);
    }
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child, NULL);
    struct ucred credentials = {.uid = (uid_t)-1};
    size_t length;
    unsigned char *payload = receive_request(&credentials, &length);
    if (payload == NULL) {
        _exit(1);
    }
    struct sudo_request request;
    if (!sudo_request_decode(&request, payload, length)) {
        sudo_answer(SOCKET, 1, "malformed request");
    }
    find_caller(&credentials);
    serve(&request);
    _exit(1);
}
