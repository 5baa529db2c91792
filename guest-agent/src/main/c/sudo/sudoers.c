#include "sudoers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAXIMUM = 256 };

static const char blank[] = " \t";

static char *skip_blank(char *text) { return text + strspn(text, blank); }

/* Cuts a word that ends at one of `ends` (or at the end of the line) off, and tells by what it was ended. */
static char *cut(char **rest, const char *ends, char *end) {
    char *word = *rest;
    size_t length = strcspn(word, ends);
    *end = word[length];
    *rest = word + length + (word[length] != 0);
    word[length] = 0;
    return word;
}

static bool is_caller(const char *who, const struct sudoers_caller *caller) {
    if (*who == '%') {
        return caller->in_group(caller->context, who + 1);
    }
    if (*who == '#') {
        char *end;
        errno = 0;
        unsigned long uid = strtoul(who + 1, &end, 10);
        return who[1] >= '0' && who[1] <= '9' && *end == 0 && errno == 0 && uid == caller->uid;
    }
    return strcmp(who, "ALL") == 0 || strcmp(who, caller->name) == 0;
}

static bool lists_caller(char *list, const struct sudoers_caller *caller) {
    bool found = false;
    for (char *save = NULL, *who = strtok_r(list, ",", &save); who != NULL; who = strtok_r(NULL, ",", &save)) {
        if (*who == '!') {
            return false;
        }
        found = found || is_caller(who, caller);
    }
    return found;
}

static char *trim(char *text) {
    text = skip_blank(text);
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t')) {
        text[--length] = 0;
    }
    return text;
}

/* `(users:groups)`; without it only root is granted. */
static bool read_runas(char **rest, struct sudoers_grant *granted) {
    granted->root = true;
    if (**rest != '(') {
        return true;
    }
    char *users = *rest + 1;
    char *close = strchr(users, ')');
    if (close == NULL) {
        return false;
    }
    *close = 0;
    *rest = skip_blank(close + 1);
    char *groups = strchr(users, ':');
    if (groups != NULL) {
        *groups = 0;
        groups = trim(groups + 1);
        granted->group = strcmp(groups, "ALL") == 0;
    }
    users = trim(users);
    granted->user = strcmp(users, "ALL") == 0;
    granted->root = granted->user || strcmp(users, "root") == 0;
    return granted->root;
}

static bool read_rule(char *line, const struct sudoers_caller *caller, struct sudoers_grant *granted) {
    char end;
    char *who = cut(&line, blank, &end);
    line = skip_blank(line);
    char *host = cut(&line, "= \t", &end);
    if (end != '=') {
        line = skip_blank(line);
        if (*line++ != '=') {
            return false;
        }
    }
    if (strcmp(host, "ALL") != 0 || !lists_caller(who, caller)) {
        return false;
    }
    line = skip_blank(line);
    if (!read_runas(&line, granted)) {
        return false;
    }
    bool without_password = false;
    for (;;) {
        size_t length = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        char *colon = skip_blank(line + length);
        if (length == 0 || *colon != ':') {
            break;
        }
        line[length] = 0;
        if (strcmp(line, "NOPASSWD") == 0 || strcmp(line, "PASSWD") == 0) {
            without_password = *line == 'N';
        }
        line = skip_blank(colon + 1);
    }
    char *command = cut(&line, blank, &end);
    return without_password && strcmp(command, "ALL") == 0 && *skip_blank(line) == 0;
}

void sudoers_read_text(char *text, size_t length, const struct sudoers_caller *caller, struct sudoers_grant *grant) {
    text[length] = 0;
    if (memchr(text, 0, length) != NULL) {
        return; /* no text file */
    }
    for (char *join = text; (join = strstr(join, "\\\n")) != NULL;) {
        join[0] = join[1] = ' ';
    }
    for (char *save = NULL, *line = strtok_r(text, "\r\n", &save); line != NULL; line = strtok_r(NULL, "\r\n", &save)) {
        line = skip_blank(line);
        /* A # begins a comment, but is also part of "#uid", "%#gid" and "(#uid)". */
        for (char *hash = line; (hash = strchr(hash, '#')) != NULL; hash++) {
            bool comment = hash == line ? hash[1] < '0' || hash[1] > '9' : hash[-1] == ' ' || hash[-1] == '\t';
            if (comment) {
                *hash = 0;
                break;
            }
        }
        struct sudoers_grant granted = {0};
        if (read_rule(line, caller, &granted)) {
            grant->root |= granted.root;
            grant->user |= granted.user;
            grant->group |= granted.group;
        }
    }
}

/* Only root's own files count, as with sudo. */
static void read_file(const char *path, const struct sudoers_caller *caller, struct sudoers_grant *grant) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (file < 0) {
        return;
    }
    char *text = malloc(SUDOERS_FILE_MAXIMUM + 1);
    if (text != NULL && fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == 0 && (status.st_mode & 022) == 0 &&
        status.st_size <= SUDOERS_FILE_MAXIMUM) {
        size_t length = 0;
        for (ssize_t got; length < SUDOERS_FILE_MAXIMUM && (got = read(file, text + length, SUDOERS_FILE_MAXIMUM - length)) > 0;) {
            length += (size_t)got;
        }
        sudoers_read_text(text, length, caller, grant);
    }
    free(text);
    close(file);
}

struct sudoers_grant sudoers_read(const struct sudoers_caller *caller) {
    struct sudoers_grant grant = {0};
    if (caller->in_group(caller->context, "sudo") || caller->in_group(caller->context, "wheel")) {
        return (struct sudoers_grant){true, true, true};
    }
    read_file("/etc/sudoers", caller, &grant);
    DIR *directory = opendir("/etc/sudoers.d");
    if (directory == NULL) {
        return grant;
    }
    struct dirent *entry;
    for (int files = 0; files < FILES_MAXIMUM && (entry = readdir(directory)) != NULL; files++) {
        size_t length = strlen(entry->d_name);
        /* As sudo: editors' and packages' leftovers do not count. */
        if (strchr(entry->d_name, '.') == NULL && entry->d_name[length - 1] != '~') {
            char path[sizeof "/etc/sudoers.d/" + sizeof entry->d_name];
            snprintf(path, sizeof path, "/etc/sudoers.d/%s", entry->d_name);
            read_file(path, caller, &grant);
        }
    }
    closedir(directory);
    return grant;
}
