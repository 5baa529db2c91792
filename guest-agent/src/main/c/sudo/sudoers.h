/*
 * Who may use sudo, as far as sudoers(5) says so in its simplest form:
 *
 *     WHO[,WHO...] ALL = [(RUNAS[:GROUPS])] [TAG:...] NOPASSWD: ALL
 *
 * with WHO a user, #uid, %group, %#gid or ALL, RUNAS and GROUPS `ALL` or `root`. Every other line grants nothing, also one that
 * would only narrow what another grants. Nobody can be asked for a password here, so without NOPASSWD nothing is granted;
 * members of the groups sudo and wheel, who would be asked for theirs, are let through instead.
 */
#ifndef HOLT_SUDO_SUDOERS_H
#define HOLT_SUDO_SUDOERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { SUDOERS_FILE_MAXIMUM = 64 * 1024 };

struct sudoers_caller {
    const char *name;
    uid_t uid;
    /* Whether the caller belongs to the group of this name, or number for "#N". */
    bool (*in_group)(const void *context, const char *group);
    const void *context;
};

struct sudoers_grant {
    bool root;  /* may run commands as root */
    bool user;  /* as any user */
    bool group; /* with any group */
};

/* Adds what `text` (changed; text[length] is room for a terminator) grants to the caller. */
void sudoers_read_text(char *text, size_t length, const struct sudoers_caller *caller, struct sudoers_grant *grant);
/* All that /etc/sudoers, /etc/sudoers.d and the two groups grant to the caller. */
struct sudoers_grant sudoers_read(const struct sudoers_caller *caller);

#endif
