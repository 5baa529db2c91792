/* Starts a program as a user of the guest: the one place where the agent forks. */
#ifndef HOLT_SPAWN_H
#define HOLT_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spawn_request {
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t group_count;
    const char *cwd;
    char *const *argv;        /* NULL-terminated, at least one */
    char *const *environment; /* NULL-terminated */
    const char *search_path;  /* where argv[0] without a slash is looked for */
    int standard[3];          /* become 0, 1, 2; all above 2 */
    bool terminal;            /* make standard[0] the controlling terminal */
};

enum spawn_step { SPAWN_FORK, SPAWN_SETUP, SPAWN_CWD, SPAWN_EXEC };

struct spawn_failure {
    enum spawn_step step;
    int error;
};

/* To be called once at start, before threads: remembers what children get back, and protects the agent from the OOM killer. */
void spawn_initialise(void);

/*
 * Starts the program; it has replaced the child when this returns true. The kernel writes the pid to *pid before the child
 * runs, so that whoever reaps a child that ended at once can find whose it was (CLONE_PARENT_SETTID, clone(2)).
 */
bool spawn(const struct spawn_request *request, volatile pid_t *pid, struct spawn_failure *failure);

#endif
