/* The caller's terminal while the command has one of its own: raw, so that every key reaches the command's. termios(3) */
#ifndef HOLT_SUDO_TERMINAL_H
#define HOLT_SUDO_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

struct relay {
    int master; /* -1 before there is one, and after its end */
    bool active;
    bool input_ended;
    size_t pending_start;
    size_t pending_end;
    char pending[4096]; /* typed and not yet taken */
};

/* Whether descriptor 0 is a terminal of whose foreground this process is part. */
bool terminal_is_ours(void);
/* Makes it raw, once. */
void terminal_make_raw(void);
/* As it was. Safe to call at any time. */
void terminal_restore(void);

/* Copies 0's size to the master. */
void relay_resize(const struct relay *relay);
/* Moves what can be moved from 0 to the master. */
void relay_read_input(struct relay *relay);
void relay_write_input(struct relay *relay);
/* Moves from the master to 1. False when nothing was there. */
bool relay_output(struct relay *relay);

#endif
