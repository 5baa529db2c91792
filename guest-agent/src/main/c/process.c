/* START: from the request to a running process with its pipes or terminal. */
#include "process.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { ADDED_VARIABLES = 5 };

static void close_file(int *file) {
    if (*file >= 0) {
        close(*file);
        *file = -1;
    }
}

void process_free(struct process *process) {
    for (size_t i = 0; i < PROCESS_STREAMS; i++) {
        if (process->streams[i].file >= 0 && process->streams[i].file != process->input) {
            close(process->streams[i].file);
        }
        free(process->streams[i].tail.data);
    }
    close_file(&process->input);
    close_file(&process->wake);
    buffer_free(&process->output);
    free(process->annotation);
    free(process);
}

static struct process *create(const struct process_start *request) {
    struct process *process = calloc(1, sizeof *process);
    if (process == NULL) {
        return NULL;
    }
    process->is_terminal = (request->flags & START_TERMINAL) != 0;
    process->streams[0] = (struct stream){.file = -1, .type = process->is_terminal ? FRAME_PTY : FRAME_OUT};
    process->streams[1] = (struct stream){.file = -1, .type = FRAME_ERR};
    process->input = -1;
    process->terminal = -1;
    process->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    process->annotation = malloc(request->annotation.length + 1);
    if (process->wake < 0 || process->annotation == NULL) {
        int error = errno;
        process_free(process);
        errno = error;
        return NULL;
    }
    memcpy(process->annotation, request->annotation.data, request->annotation.length);
    process->annotation_length = request->annotation.length;
    return process;
}

/* /dev/ptmx and /dev/pts rather than posix_openpt(3) and ptsname(3), which need the same; pty(7), ioctl_tty(2). */
static int open_terminal(struct process *process, const struct user *user, const struct process_start *request, int standard[3]) {
    int unlocked = 0;
    unsigned number;
    struct winsize size = {.ws_col = request->columns, .ws_row = request->rows};
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0) {
        return errno;
    }
    process->streams[0].file = process->input = process->terminal = master;
    if (ioctl(master, TIOCSPTLCK, &unlocked) != 0 || ioctl(master, (int)TIOCGPTN, &number) != 0) {
        return errno;
    }
    char path[32];
    snprintf(path, sizeof path, "/dev/pts/%u", number);
    int slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) {
        return errno;
    }
    standard[0] = standard[1] = standard[2] = slave;
    ioctl(master, TIOCSWINSZ, &size);
    /* The terminal belongs to its user, as grantpt(3) arranges it; programs work without, so a refusal is no error. */
    if (fchown(slave, user->uid, (gid_t)-1) == 0) {
        fchmod(slave, 0620);
    }
    return 0;
}

/* A pipe of which our end never waits. */
static int open_pipe(int *ours, int *theirs, bool we_read) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    *ours = ends[we_read ? 0 : 1];
    *theirs = ends[we_read ? 1 : 0];
    return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
}

static int open_pipes(struct process *process, const struct process_start *request, int standard[3]) {
    int error = 0;
    if ((request->flags & START_INPUT) != 0) {
        error = open_pipe(&process->input, &standard[0], false);
    } else {
        standard[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        error = standard[0] < 0 ? errno : 0;
    }
    error = error == 0 ? open_pipe(&process->streams[0].file, &standard[1], true) : error;
    return error == 0 ? open_pipe(&process->streams[1].file, &standard[2], true) : error;
}

static const char *find_variable(char *const *environment, size_t count, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=') {
            return environment[i] + length + 1;
        }
    }
    return NULL;
}

struct environment {
    char **variables; /* NULL-terminated; the first ones are the request's */
    char *added[ADDED_VARIABLES];
    size_t added_count;
};

static bool build_environment(struct environment *environment, const struct user *user, const struct process_start *request) {
    const char *const defaults[ADDED_VARIABLES][2] = {
        {"PATH", DEFAULT_PATH}, {"HOME", user->home}, {"USER", user->name}, {"LOGNAME", user->name}, {"SHELL", user->shell}};
    size_t count = request->environment_count;
    environment->variables = malloc((count + ADDED_VARIABLES + 1) * sizeof(char *));
    if (environment->variables == NULL) {
        return false;
    }
    memcpy(environment->variables, request->environment, count * sizeof(char *));
    for (size_t i = 0; i < ADDED_VARIABLES; i++) {
        if (find_variable(request->environment, request->environment_count, defaults[i][0]) != NULL) {
            continue;
        }
        size_t size = strlen(defaults[i][0]) + strlen(defaults[i][1]) + 2;
        char *variable = malloc(size);
        if (variable == NULL) {
            return false;
        }
        snprintf(variable, size, "%s=%s", defaults[i][0], defaults[i][1]);
        environment->added[environment->added_count++] = variable;
        environment->variables[count++] = variable;
    }
    environment->variables[count] = NULL;
    return true;
}

static void free_environment(struct environment *environment) {
    for (size_t i = 0; i < environment->added_count; i++) {
        free(environment->added[i]);
    }
    free(environment->variables);
}

static struct spawn_failure spawn_process(struct process *process, const struct user *user, const struct process_start *request,
                                          const int standard[3]) {
    struct spawn_failure failure = {SPAWN_FORK, ENOMEM};
    struct environment environment = {0};
    gid_t *groups = malloc(USER_GROUPS_MAXIMUM * sizeof *groups);
    if (groups != NULL && build_environment(&environment, user, request)) {
        const char *search_path = find_variable(request->environment, request->environment_count, "PATH");
        struct spawn_request spawning = {
            .uid = user->uid,
            .gid = user->gid,
            .groups = groups,
            .group_count = user_groups(user, groups),
            .cwd = request->cwd,
            .argv = request->argv,
            .environment = environment.variables,
            .search_path = search_path == NULL ? DEFAULT_PATH : search_path,
            .standard = {standard[0], standard[1], standard[2]},
            .terminal = process->is_terminal,
        };
        spawn(&spawning, &process->pid, &failure);
    }
    free_environment(&environment);
    free(groups);
    return failure;
}

static void answer_failure(struct connection *connection, const struct spawn_failure *failure, const struct process_start *request) {
    if (failure->step == SPAWN_CWD && (failure->error == ENOENT || failure->error == ENOTDIR)) {
        size_t size = strlen(request->cwd) + 40;
        char *message = malloc(size);
        if (message != NULL) {
            /* ENOTDIR is also said of a path below a file: what was asked for is no directory in either case. */
            snprintf(message, size, "cwd '%s' %s", request->cwd, failure->error == ENOENT ? "does not exist" : "is not a directory");
            connection_send_message(connection, failure->error, message);
            free(message);
            return;
        }
    }
    const char *what = failure->step == SPAWN_CWD ? "change to cwd" : failure->step == SPAWN_EXEC ? "execute" : "prepare the process for";
    connection_send_error(connection, failure->error, what, failure->step == SPAWN_CWD ? request->cwd : request->argv[0]);
}

struct process *process_start(struct connection *connection, const struct user *user, const struct process_start *request) {
    if (request->argument_count == 0 || request->annotation.length > ANNOTATION_MAXIMUM) {
        connection_send_error(connection, request->argument_count == 0 ? EINVAL : E2BIG, "start", NULL);
        return NULL;
    }
    struct spawn_failure failure = {SPAWN_FORK, 0};
    struct process *process = create(request);
    if (process == NULL) {
        failure.error = errno;
        answer_failure(connection, &failure, request);
        return NULL;
    }
    int standard[3] = {-1, -1, -1};
    failure.error = process->is_terminal ? open_terminal(process, user, request, standard) : open_pipes(process, request, standard);
    bool added = failure.error == 0 && process_table_add(process);
    if (failure.error == 0) {
        failure = added ? spawn_process(process, user, request, standard) : (struct spawn_failure){SPAWN_FORK, EAGAIN};
    }
    close_file(&standard[0]);
    if (!process->is_terminal) {
        close_file(&standard[1]);
        close_file(&standard[2]);
    }
    if (failure.error != 0) {
        answer_failure(connection, &failure, request);
        if (added) {
            process_table_remove(process);
        } else {
            process_free(process);
        }
        return NULL;
    }
    process_table_running(process);
    return process;
}
