#include "command.h"
#include "environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_executable(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0;
}

/* Absolute directories only: a relative one in the caller's PATH must not choose what runs as another user. */
static bool search(char found[PATH_MAX], const char *name, const char *directories) {
    size_t name_length = strlen(name);
    for (const char *directory = directories;; directory++) {
        size_t length = strcspn(directory, ":");
        if (*directory == '/' && length + name_length + 2 <= PATH_MAX) {
            memcpy(found, directory, length);
            found[length] = '/';
            memcpy(found + length + 1, name, name_length + 1);
            if (is_executable(found)) {
                return true;
            }
        }
        directory += length;
        if (*directory == 0) {
            return false;
        }
    }
}

/* As sudo joins the arguments of -i and -s for the shell: what is neither letter, digit, _, - nor $ is quoted. */
static char *join_for_shell(const struct strings *arguments) {
    struct buffer text = {0};
    for (size_t i = 0; i < arguments->count; i++) {
        if (i > 0) {
            put_u8(&text, ' ');
        }
        for (const char *next = arguments->items[i]; *next != 0; next++) {
            bool plain = (*next >= 'a' && *next <= 'z') || (*next >= 'A' && *next <= 'Z') || (*next >= '0' && *next <= '9') ||
                         strchr("_-$", *next) != NULL || ((unsigned char)*next & 0x80) != 0;
            if (*next == '\n') {
                put_raw(&text, "'\n'", 3);
                continue;
            }
            if (!plain) {
                put_u8(&text, '\\');
            }
            put_u8(&text, (uint8_t)*next);
        }
    }
    put_u8(&text, 0);
    if (text.failed) {
        buffer_free(&text);
    }
    return (char *)text.data;
}

static char *join_line(const struct sudo_command *command) {
    struct buffer text = {0};
    put_raw(&text, command->path, strlen(command->path));
    for (char **argument = command->arguments + 1; *argument != NULL && text.length < SUDO_TEXT_MAXIMUM; argument++) {
        put_u8(&text, ' ');
        put_raw(&text, *argument, strlen(*argument));
    }
    if (text.length > SUDO_TEXT_MAXIMUM) {
        text.length = SUDO_TEXT_MAXIMUM;
    }
    put_u8(&text, 0);
    if (text.failed) {
        buffer_free(&text);
    }
    return (char *)text.data;
}

static char dash_c[] = "-c"; /* argv wants it writable */

static enum command_result find_shell(struct sudo_command *command, const struct sudo_request *request, const struct user *caller,
                                      const struct user *target) {
    bool login = (request->flags & SUDO_LOGIN) != 0;
    const char *own = environment_find(&request->environment, "SHELL");
    const char *shell = login ? target->shell : own != NULL && *own == '/' ? own : caller->shell;
    if (strlen(shell) >= sizeof command->path || !is_executable(shell)) {
        snprintf(command->path, sizeof command->path, "%s", shell);
        return COMMAND_NOT_FOUND;
    }
    strcpy(command->path, shell);
    snprintf(command->login_name, sizeof command->login_name, "%s%s", login ? "-" : "", strrchr(shell, '/') + 1);
    command->arguments = calloc(4, sizeof *command->arguments);
    if (command->arguments == NULL) {
        return COMMAND_NO_MEMORY;
    }
    command->arguments[0] = command->login_name;
    if (request->arguments.count > 0) {
        command->shell_text = join_for_shell(&request->arguments);
        command->arguments[1] = dash_c;
        command->arguments[2] = command->shell_text;
    }
    return request->arguments.count > 0 && command->shell_text == NULL ? COMMAND_NO_MEMORY : COMMAND_FOUND;
}

static enum command_result find_program(struct sudo_command *command, const struct sudo_request *request) {
    const char *name = request->arguments.items[0];
    bool found;
    if (strchr(name, '/') != NULL) {
        found = strlen(name) < sizeof command->path && is_executable(name);
        if (found) {
            strcpy(command->path, name);
        }
    } else {
        const char *own = environment_find(&request->environment, "PATH");
        found = *name != 0 && (search(command->path, name, SECURE_PATH) || (own != NULL && search(command->path, name, own)));
    }
    if (!found) {
        return COMMAND_NOT_FOUND;
    }
    command->arguments = calloc(request->arguments.count + 1, sizeof *command->arguments);
    if (command->arguments == NULL) {
        return COMMAND_NO_MEMORY;
    }
    memcpy(command->arguments, request->arguments.items, request->arguments.count * sizeof *command->arguments);
    return COMMAND_FOUND;
}

enum command_result sudo_command_find(struct sudo_command *command, const struct sudo_request *request, const struct user *caller,
                                      const struct user *target) {
    *command = (struct sudo_command){0};
    bool shell = (request->flags & (SUDO_LOGIN | SUDO_SHELL)) != 0;
    enum command_result result = shell ? find_shell(command, request, caller, target) : find_program(command, request);
    if (result == COMMAND_FOUND && (command->line = join_line(command)) == NULL) {
        return COMMAND_NO_MEMORY;
    }
    return result;
}

void sudo_command_free(struct sudo_command *command) {
    free(command->arguments);
    free(command->line);
    free(command->shell_text);
}
