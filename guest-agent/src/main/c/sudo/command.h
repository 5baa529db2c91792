/* What a request asks to be executed: the program's path and its arguments. */
#ifndef HOLT_SUDO_COMMAND_H
#define HOLT_SUDO_COMMAND_H

#include "request.h"
#include "../users.h"

#include <limits.h>

struct sudo_command {
    char path[PATH_MAX];
    char **arguments; /* NULL-terminated */
    char *line;       /* path and arguments, for SUDO_COMMAND */
    char login_name[PATH_MAX];
    char *shell_text; /* what -c gets, or NULL */
};

enum command_result { COMMAND_FOUND, COMMAND_NOT_FOUND, COMMAND_NO_MEMORY };

/* Relative paths are resolved against the working directory of the process. To be freed in any case. */
enum command_result sudo_command_find(struct sudo_command *command, const struct sudo_request *request, const struct user *caller,
                                      const struct user *target);
void sudo_command_free(struct sudo_command *command);

#endif
