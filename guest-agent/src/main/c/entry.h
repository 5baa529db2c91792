/* The ENTRY of the protocol: what a name in the file system is. */
#ifndef HOLT_ENTRY_H
#define HOLT_ENTRY_H

#include "frame.h"
#include "users.h"

/* Appends the ENTRY payload of `path` (clean, absolute) by lstat(2). 0 or an errno, then nothing is appended. */
int entry_of_path(struct buffer *output, struct owner_names *names, const char *path);
/* The same for `name` in an open directory; `path` is what the entry says of itself. */
int entry_in_directory(struct buffer *output, struct owner_names *names, int directory, const char *name, const char *path);
/* The same of an open file, that is, after symlinks were followed. */
int entry_of_file(struct buffer *output, struct owner_names *names, int file, const char *path);

#endif
