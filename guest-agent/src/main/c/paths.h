/* Lexical work on paths, and the making of directories. */
#ifndef HOLT_PATHS_H
#define HOLT_PATHS_H

#include <stdbool.h>
#include <sys/types.h>

/* What is free(3)d by the caller is said so; NULL always means no memory. */

/* Absolute and clean form of `path` for a user with this home: "" and "~" are the home, "~/x" and relative paths lie in it. Freed by the caller. */
char *path_resolve(const char *home, const char *path);
/* Cleans an absolute path in place: no ".", no "..", no empty parts, no slash at the end (except the root itself). */
void path_clean(char *path);
/* directory + "/" + name. Freed by the caller. */
char *path_join(const char *directory, const char *name);
/* The last part of a clean absolute path; "/" for the root. */
const char *path_name(const char *path);
/* The path without its last part; "/" for the root. Freed by the caller. */
char *path_parent(const char *path);
/* Makes a directory and its missing parents (mode 0755), new ones owned by uid:gid. 0 or an errno; EEXIST when there already. */
int directories_make(const char *path, uid_t uid, gid_t gid);
/* Makes what is missing above `path`. 0 or an errno. */
int parents_make(const char *path, uid_t uid, gid_t gid);

#endif
