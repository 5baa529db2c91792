#include "users.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAXIMUM = 4 * 1024 * 1024 };

/* Reads a file line by line with a fixed amount of memory. */
struct line_reader {
    int file;
    size_t start;
    size_t end;
    size_t total;
    char data[USER_LINE_MAXIMUM];
};

/* O_NONBLOCK and the check for a regular file: the guest may have put a FIFO or a device in its place. */
static bool open_lines(struct line_reader *lines, const char *path) {
    lines->start = lines->end = lines->total = 0;
    lines->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (lines->file >= 0 && (fstat(lines->file, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(lines->file);
        lines->file = -1;
    }
    return lines->file >= 0;
}

/* The next line, terminated in place, or NULL at the end. Lines that do not fit are left out. */
static char *next_line(struct line_reader *lines) {
    bool overlong = false;
    for (;;) {
        char *start = lines->data + lines->start;
        char *newline = memchr(start, '\n', lines->end - lines->start);
        if (newline != NULL) {
            *newline = 0;
            lines->start = (size_t)(newline - lines->data) + 1;
            if (!overlong) {
                return start;
            }
            overlong = false;
            continue;
        }
        memmove(lines->data, start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->start = 0;
        if (lines->end == sizeof lines->data - 1) {
            overlong = true;
            lines->end = 0;
        }
        ssize_t got = read(lines->file, lines->data + lines->end, sizeof lines->data - 1 - lines->end);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got > 0) {
            lines->total += (size_t)got;
        }
        if (got <= 0 || lines->total > FILE_BYTES_MAXIMUM) {
            bool last = lines->end > 0 && !overlong && got == 0;
            lines->data[lines->end] = 0;
            lines->end = 0;
            return last ? lines->data : NULL;
        }
        lines->end += (size_t)got;
    }
}

/* Cuts the next colon-separated field off. */
static char *field(char **rest) {
    char *start = *rest;
    if (start == NULL) {
        return NULL;
    }
    char *colon = strchr(start, ':');
    if (colon != NULL) {
        *colon = 0;
    }
    *rest = colon == NULL ? NULL : colon + 1;
    return start;
}

static bool number(const char *text, unsigned *value) {
    if (text == NULL || *text < '0' || *text > '9') {
        return false;
    }
    char *end;
    errno = 0;
    unsigned long parsed = strtoul(text, &end, 10);
    /* The highest number means "leave as it is" to chown(2) and setresuid(2): never a user. */
    if (errno != 0 || *end != 0 || parsed >= UINT_MAX) {
        return false;
    }
    *value = (unsigned)parsed;
    return true;
}

/* name:password:uid:gid:comment:home:shell, passwd(5) */
static bool parse_user(char *line, struct user *user) {
    char *rest = line;
    user->name = field(&rest);
    field(&rest);
    char *uid = field(&rest);
    char *gid = field(&rest);
    field(&rest);
    char *home = field(&rest);
    char *shell = field(&rest);
    user->home = home != NULL && *home == '/' ? home : "/";
    user->shell = shell != NULL && *shell == '/' ? shell : "/bin/sh";
    return number(uid, &user->uid) && number(gid, &user->gid);
}

bool user_by_name(const char *name, struct user *user) {
    struct line_reader lines;
    bool found = false;
    size_t length = strlen(name);
    if (length == 0 || strchr(name, ':') != NULL || !open_lines(&lines, "/etc/passwd")) {
        return false;
    }
    for (char *line; !found && (line = next_line(&lines)) != NULL;) {
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            strcpy(user->line, line); /* both are USER_LINE_MAXIMUM */
            found = parse_user(user->line, user);
        }
    }
    close(lines.file);
    return found;
}

static bool lists_member(char *members, const char *name) {
    for (char *save = NULL, *member = members == NULL ? NULL : strtok_r(members, ",", &save); member != NULL;
         member = strtok_r(NULL, ",", &save)) {
        if (strcmp(member, name) == 0) {
            return true;
        }
    }
    return false;
}

/* name:password:gid:member,member, group(5) */
size_t user_groups(const struct user *user, gid_t groups[USER_GROUPS_MAXIMUM]) {
    struct line_reader lines;
    size_t count = 0;
    groups[count++] = user->gid;
    if (!open_lines(&lines, "/etc/group")) {
        return count;
    }
    for (char *line; count < USER_GROUPS_MAXIMUM && (line = next_line(&lines)) != NULL;) {
        char *rest = line;
        unsigned gid;
        field(&rest);
        field(&rest);
        if (number(field(&rest), &gid) && gid != user->gid && lists_member(rest, user->name)) {
            groups[count++] = gid;
        }
    }
    close(lines.file);
    return count;
}

bool group_by_name(const char *name, gid_t *gid) {
    struct line_reader lines;
    bool found = false;
    if (!open_lines(&lines, "/etc/group")) {
        return false;
    }
    for (char *line; !found && (line = next_line(&lines)) != NULL;) {
        char *rest = line;
        if (strcmp(field(&rest), name) == 0) {
            field(&rest);
            found = number(field(&rest), gid);
        }
    }
    close(lines.file);
    return found;
}

/* Both files have the name in the first field and the number in the third. */
static void name_of(const char *path, unsigned id, char *name, size_t size) {
    struct line_reader lines;
    snprintf(name, size, "%u", id);
    if (!open_lines(&lines, path)) {
        return;
    }
    for (char *line; (line = next_line(&lines)) != NULL;) {
        char *rest = line;
        char *found = field(&rest);
        unsigned number_found;
        field(&rest);
        if (number(field(&rest), &number_found) && number_found == id && *found != 0 && strlen(found) < size) {
            strcpy(name, found);
            break;
        }
    }
    close(lines.file);
}

void owner_names_find(struct owner_names *names, uid_t uid, gid_t gid) {
    if (!names->user_known || names->uid != uid) {
        name_of("/etc/passwd", uid, names->user, sizeof names->user);
        names->uid = uid;
        names->user_known = true;
    }
    if (!names->group_known || names->gid != gid) {
        name_of("/etc/group", gid, names->group, sizeof names->group);
        names->gid = gid;
        names->group_known = true;
    }
}
