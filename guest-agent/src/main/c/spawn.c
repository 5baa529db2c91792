#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    CHILD_STACK = 16 * 1024,
    KERNEL_SIGNAL_SET = 8, /* sizeof of the kernel's sigset_t on 64-bit machines */
};

/* Set once by spawn_initialise(), before there are threads. */
static struct {
    struct rlimit files;
    bool files_raised;
    bool out_of_memory_protected;
    char out_of_memory_score[16];
} inherited;

static bool write_out_of_memory_score(const char *score) {
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    bool written = file >= 0 && write(file, score, strlen(score)) == (ssize_t)strlen(score);
    if (file >= 0) {
        close(file);
    }
    return written;
}

void spawn_initialise(void) {
    int file = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, inherited.out_of_memory_score, sizeof inherited.out_of_memory_score - 1);
    if (file >= 0) {
        close(file);
    }
    /* -999 and not -1000: when nothing else is left, the sandbox may end. Needs CAP_SYS_RESOURCE, which it need not have. */
    inherited.out_of_memory_protected = length > 0 && write_out_of_memory_score("-999");
    if (getrlimit(RLIMIT_NOFILE, &inherited.files) == 0 && inherited.files.rlim_cur < inherited.files.rlim_max) {
        struct rlimit raised = {inherited.files.rlim_max, inherited.files.rlim_max};
        inherited.files_raised = setrlimit(RLIMIT_NOFILE, &raised) == 0;
    }
}

struct child {
    const struct spawn_request *request;
    struct spawn_failure *failure;
    char *program; /* room for PATH_MAX bytes, for the search */
};

/* Tries argv[0] in each directory of the search path, as execvp(3) does; the most telling error wins. */
static int search_and_execute(const struct spawn_request *request, char *program) {
    const char *name = request->argv[0];
    if (*name == 0) {
        return ENOENT;
    }
    if (strchr(name, '/') != NULL) {
        execve(name, request->argv, request->environment);
        return errno;
    }
    int error = ENOENT;
    size_t name_length = strlen(name);
    for (const char *directory = request->search_path;; directory++) {
        size_t length = strcspn(directory, ":");
        if (length + name_length + 2 <= PATH_MAX) {
            /* An empty part of PATH is the current directory. */
            memcpy(program, directory, length);
            program[length] = '/';
            memcpy(program + (length == 0 ? 0 : length + 1), name, name_length + 1);
            execve(program, request->argv, request->environment);
            if (errno != ENOENT && errno != ENOTDIR) {
                error = errno;
                if (errno != EACCES) {
                    return error;
                }
            }
        }
        directory += length;
        if (*directory == 0) {
            return error;
        }
    }
}

static _Noreturn void fail(const struct child *child, enum spawn_step step, int error) {
    *child->failure = (struct spawn_failure){step, error};
    _exit(127);
}

/*
 * Runs in the agent's memory, on a stack of its own, while the thread that started it waits (CLONE_VM | CLONE_VFORK): nothing
 * here may touch what other threads use, in particular no malloc and none of musl's set*id functions, which would change all
 * threads of the "process" by signals; hence the bare system calls. The kernel marks the shared memory undumpable with the
 * change of user (commit_creds), so that the user's other processes cannot trace it in this moment.
 */
static int run_child(void *argument) {
    const struct child *child = argument;
    const struct spawn_request *request = child->request;
    for (int descriptor = 0; descriptor < 3; descriptor++) {
        if (dup2(request->standard[descriptor], descriptor) < 0) {
            fail(child, SPAWN_SETUP, errno);
        }
    }
    /* Everything is close-on-exec already; this is for what a future change forgets. Linux 5.9, absent in some gVisors. */
    syscall(SYS_close_range, 3, ~0u, 0);
    if (setsid() < 0) {
        fail(child, SPAWN_SETUP, errno);
    }
    if (request->terminal && ioctl(0, TIOCSCTTY, 0) != 0) {
        fail(child, SPAWN_SETUP, errno);
    }
    if (inherited.out_of_memory_protected) {
        write_out_of_memory_score(inherited.out_of_memory_score);
    }
    if (inherited.files_raised) {
        syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &inherited.files, NULL);
    }
    umask(022);
    if (syscall(SYS_setgroups, request->group_count, request->groups) != 0 ||
        syscall(SYS_setresgid, request->gid, request->gid, request->gid) != 0 ||
        syscall(SYS_setresuid, request->uid, request->uid, request->uid) != 0) {
        fail(child, SPAWN_SETUP, errno);
    }
    if (chdir(request->cwd) != 0) {
        fail(child, SPAWN_CWD, errno);
    }
    /* Handlers become defaults by execve(2); what the agent ignores would stay ignored. */
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigaction(SIGPIPE, &by_default, NULL);
    uint64_t none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, KERNEL_SIGNAL_SET);
    fail(child, SPAWN_EXEC, search_and_execute(request, child->program));
}

bool spawn(const struct spawn_request *request, volatile pid_t *pid, struct spawn_failure *failure) {
    *failure = (struct spawn_failure){SPAWN_FORK, 0};
    char *memory = malloc(CHILD_STACK + PATH_MAX + 16);
    if (memory == NULL) {
        failure->error = ENOMEM;
        return false;
    }
    char *stack_top = memory + CHILD_STACK + 16;
    stack_top -= (uintptr_t)stack_top % 16;
    struct child child = {request, failure, memory + CHILD_STACK + 16};
    /* No handler may run in the child: it would run in our memory. Bare, because musl never blocks its own three signals. */
    uint64_t all = ~UINT64_C(0);
    uint64_t before;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, KERNEL_SIGNAL_SET);
    int started = clone(run_child, stack_top, CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD, &child, pid);
    int error = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, KERNEL_SIGNAL_SET);
    free(memory);
    if (started < 0) {
        failure->error = error;
    }
    return failure->error == 0;
}
