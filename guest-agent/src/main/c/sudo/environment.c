#include "environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Kept by env_reset; a final * stands for any rest. */
static const char *const kept[] = {"TERM",    "COLORTERM", "LANG",     "LANGUAGE",   "LC_*", "LINGUAS", "TZ", "DISPLAY",
                                   "COLORS",  "LS_COLORS", "HOSTNAME", "XAUTHORITY", "PS1",  "PS2",     NULL};
/* Of these a value with one of the characters / and % is dropped: both have been used against programs that trust them. */
static const char *const checked[] = {"COLORTERM", "LANG", "LANGUAGE", "LC_*", "LINGUAS", "TERM", NULL};
/* Removed even with -E: they would change what the command or a shell in it does. */
static const char *const removed[] = {"LD_*",     "IFS",        "CDPATH",     "ENV",         "BASH_ENV",      "BASH_FUNC_*", "SHELLOPTS", "BASHOPTS",
                                      "PERL5LIB", "PERLLIB",    "PERL5OPT",   "PYTHONHOME",  "PYTHONPATH",    "RUBYLIB",     "RUBYOPT",   "LOCALDOMAIN",
                                      "PATH",     "RES_OPTIONS", "HOSTALIASES", "JAVA_TOOL_OPTIONS", "SUDO_*", NULL};

struct variables {
    char **items;
    size_t count;
    bool failed;
};

static bool is_one_of(const char *const *patterns, const char *variable) {
    size_t length = strcspn(variable, "=");
    for (; *patterns != NULL; patterns++) {
        size_t pattern_length = strlen(*patterns);
        bool prefix = (*patterns)[pattern_length - 1] == '*';
        if (prefix ? strncmp(variable, *patterns, pattern_length - 1) == 0
                   : length == pattern_length && strncmp(variable, *patterns, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_named(const struct strings *names, const char *variable) {
    size_t length = strcspn(variable, "=");
    for (size_t i = 0; i < names->count; i++) {
        if (strlen(names->items[i]) == length && strncmp(names->items[i], variable, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool survives(const struct sudo_request *request, const char *variable) {
    const char *equals = strchr(variable, '=');
    if (equals == NULL || equals == variable) {
        return false;
    }
    if (is_named(&request->preserved, variable)) {
        return true;
    }
    if ((request->flags & SUDO_PRESERVE_ENVIRONMENT) != 0) {
        return !is_one_of(removed, variable);
    }
    return is_one_of(kept, variable) && !(is_one_of(checked, variable) && strpbrk(equals, "/%") != NULL);
}

static void append(struct variables *variables, char *variable) {
    if (variable == NULL) {
        variables->failed = true;
    } else {
        variables->items[variables->count++] = variable;
    }
}

/* Takes `variable`, in place of the one of the same name. */
static void replace(struct variables *variables, char *variable) {
    size_t left = 0;
    size_t length = variable == NULL ? 0 : strcspn(variable, "=") + 1;
    for (size_t i = 0; variable != NULL && i < variables->count; i++) {
        if (strncmp(variables->items[i], variable, length) == 0) {
            free(variables->items[i]);
        } else {
            variables->items[left++] = variables->items[i];
        }
    }
    variables->count = variable == NULL ? variables->count : left;
    append(variables, variable);
}

static void set(struct variables *variables, const char *name, const char *value) {
    size_t size = strlen(name) + strlen(value) + 2;
    char *variable = malloc(size);
    if (variable != NULL) {
        snprintf(variable, size, "%s=%s", name, value);
    }
    replace(variables, variable);
}

static void set_number(struct variables *variables, const char *name, unsigned value) {
    char text[16];
    snprintf(text, sizeof text, "%u", value);
    set(variables, name, text);
}

const char *environment_find(const struct strings *environment, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < environment->count; i++) {
        if (strncmp(environment->items[i], name, length) == 0 && environment->items[i][length] == '=') {
            return environment->items[i] + length + 1;
        }
    }
    return NULL;
}

void environment_free(char **environment) {
    for (char **variable = environment; variable != NULL && *variable != NULL; variable++) {
        free(*variable);
    }
    free(environment);
}

static void set_identity(struct variables *variables, const struct sudo_request *request, const struct user *target) {
    bool preserve_all = (request->flags & SUDO_PRESERVE_ENVIRONMENT) != 0;
    char mail[sizeof "/var/mail/" + USER_LINE_MAXIMUM];
    snprintf(mail, sizeof mail, "/var/mail/%s", target->name);
    const struct {
        const char *name;
        const char *value;
        bool with_all; /* set even if the whole environment is preserved */
    } identity[] = {{"HOME", target->home, (request->flags & SUDO_SET_HOME) != 0},
                    {"SHELL", target->shell, false},
                    {"MAIL", mail, false},
                    {"LOGNAME", target->name, true},
                    {"USER", target->name, true}};
    for (size_t i = 0; i < sizeof identity / sizeof *identity; i++) {
        bool given = environment_find(&request->environment, identity[i].name) != NULL;
        bool named = is_named(&request->preserved, identity[i].name);
        bool keep = given && (named || (preserve_all && !identity[i].with_all));
        if (!keep || (i == 0 && (request->flags & SUDO_SET_HOME) != 0)) {
            set(variables, identity[i].name, identity[i].value);
        }
    }
}

char **environment_make(const struct sudo_request *request, const struct sudo_caller *caller, const struct user *target, const char *command_line) {
    enum { SET_MAXIMUM = 16 };
    struct variables variables = {0};
    variables.items = calloc(request->environment.count + request->assigned.count + SET_MAXIMUM + 1, sizeof *variables.items);
    if (variables.items == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < request->environment.count; i++) {
        if (survives(request, request->environment.items[i])) {
            append(&variables, strdup(request->environment.items[i]));
        }
    }
    if (environment_find(&request->environment, "TERM") == NULL) {
        set(&variables, "TERM", "unknown");
    }
    set(&variables, "PATH", SECURE_PATH);
    set_identity(&variables, request, target);
    set(&variables, "SUDO_COMMAND", command_line);
    set(&variables, "SUDO_USER", caller->name);
    set_number(&variables, "SUDO_UID", caller->uid);
    set_number(&variables, "SUDO_GID", caller->gid);
    for (size_t i = 0; i < request->assigned.count; i++) {
        replace(&variables, strdup(request->assigned.items[i]));
    }
    variables.items[variables.count] = NULL;
    if (variables.failed) {
        environment_free(variables.items);
        return NULL;
    }
    return variables.items;
}
