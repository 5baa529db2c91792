/*
 * The requests of the file system, decoded. Each answers on the connection; false means that the connection is broken or that
 * the protocol was broken and it must be closed. Paths are clean and absolute.
 */
#ifndef HOLT_FILES_H
#define HOLT_FILES_H

#include "connection.h"
#include "users.h"

bool files_stat(struct connection *connection, const char *path);
bool files_make_directory(struct connection *connection, const struct user *user, const char *path);
bool files_move(struct connection *connection, const struct user *user, const char *source, const char *destination);
bool files_remove(struct connection *connection, const char *path);
bool files_list(struct connection *connection, const char *path, uint32_t depth);
bool files_compose(struct connection *connection, const struct user *user, char *const *sources, size_t count, const char *destination);

bool files_open(struct connection *connection, const char *path);

struct file_attribute {
    const char *name;
    struct bytes value;
};

struct file_write {
    const char *path;
    uint32_t mode;          /* of a new file */
    uint64_t offset_plus_1; /* 0 truncates */
    const char *prefix;     /* attributes beginning with it are replaced; "" replaces none */
    const struct file_attribute *attributes;
    size_t attribute_count;
};

bool files_write(struct connection *connection, const struct user *user, const struct file_write *request);

/* Answers ERROR(EPROTO) and returns false. */
bool protocol_error(struct connection *connection, const char *what);

#endif
