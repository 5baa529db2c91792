/* What the checks of sudo stand on: a place with users and sudoers, shell lines, terminals, and the processes there are. */
#ifndef HOLT_SUDO_WORLD_H
#define HOLT_SUDO_WORLD_H

#include <stdbool.h>
#include <sys/types.h>

enum { USER = 1000, OTHER = 1001, MEMBER = 1002, LIMITED = 1003 };

/* The line's whole output as this user, stdout and stderr together, is `expected`. */
void check_as(uid_t uid, const char *line, const char *expected);
void check(const char *line, const char *expected);
void verdict(bool good, const char *what, const char *expected, const char *output);
/* Starts a line in a session of its own; its output is read from *output. */
pid_t start_line(uid_t uid, const char *line, int *output);
/* An interactive bash on a terminal: pairs of what is typed and what must then appear, up to NULL. "RESIZE": 44 by 99. */
void check_terminal(const char *what, ...) __attribute__((sentinel));

/* Whether so many processes whose command line begins with `text` are there at last. */
bool await_processes(const char *text, int count);
bool no_monitor_left(void);

/* Becomes the user, with a plain environment. */
void become(uid_t uid);
_Noreturn void give_up(const char *what);

/* Makes namespaces with an /etc of their own and starts the agent in them; returns its pid. */
pid_t make_world(const char *agent, const char *sudo);
void make_users(void);
/* 0 when all was good so far; tells how much it was. */
int tell_result(void);

#endif
