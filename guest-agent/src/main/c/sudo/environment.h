/* The environment of a command: what sudo's env_reset, -E, -H and NAME=value make of the caller's. sudo(8), sudoers(5). */
#ifndef HOLT_SUDO_ENVIRONMENT_H
#define HOLT_SUDO_ENVIRONMENT_H

#include "request.h"
#include "../users.h"

#define SECURE_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct sudo_caller {
    const char *name;
    uid_t uid;
    gid_t gid;
};

/* The value of `name`, or NULL. */
const char *environment_find(const struct strings *environment, const char *name);
/* NULL-terminated, to be freed with environment_free(); NULL when there was no memory. */
char **environment_make(const struct sudo_request *request, const struct sudo_caller *caller, const struct user *target, const char *command_line);
void environment_free(char **environment);

#endif
