/*
 * Users and groups from the guest's /etc/passwd and /etc/group. Own parsing with bounded lines instead of getpwnam(3),
 * because the guest writes these files: musl's reads a line of any length into memory and asks a socket (nscd) first.
 */
#ifndef HOLT_USERS_H
#define HOLT_USERS_H

#include <stdbool.h>
#include <sys/types.h>

enum {
    USER_LINE_MAXIMUM = 2048, /* longer lines are passed over */
    USER_GROUPS_MAXIMUM = 256,
};

/* All text lies in `line`. */
struct user {
    uid_t uid;
    gid_t gid;
    const char *name;
    const char *home; /* absolute; "/" when the file says nothing usable */
    const char *shell;
    char line[USER_LINE_MAXIMUM];
};

bool user_by_name(const char *name, struct user *user);

/* Fills `groups` with the primary group and every group that lists the user; returns how many (at most the maximum). */
size_t user_groups(const struct user *user, gid_t groups[USER_GROUPS_MAXIMUM]);

bool group_by_name(const char *name, gid_t *gid);

/* Names of the last uid and gid asked for: a directory's entries mostly have the same ones. */
struct owner_names {
    bool user_known;
    bool group_known;
    uid_t uid;
    gid_t gid;
    char user[64];
    char group[64];
};

/* Fills `user` and `group` for these ids: the names, or the numbers in decimal where there are none. */
void owner_names_find(struct owner_names *names, uid_t uid, gid_t gid);

#endif
