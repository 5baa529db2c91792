#include "terminal.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios original;
static bool is_raw;

bool terminal_is_ours(void) {
    pid_t foreground = tcgetpgrp(0);
    return foreground < 0 || foreground == getpgrp(); /* it can be a terminal that controls nobody */
}

void terminal_make_raw(void) {
    if (is_raw || tcgetattr(0, &original) != 0) {
        return;
    }
    struct termios raw = original;
    cfmakeraw(&raw);
    is_raw = tcsetattr(0, TCSANOW, &raw) == 0;
}

void terminal_restore(void) {
    if (is_raw) {
        is_raw = false;
        tcsetattr(0, TCSANOW, &original);
    }
}

void relay_resize(const struct relay *relay) {
    struct winsize size;
    if (relay->master >= 0 && ioctl(0, TIOCGWINSZ, &size) == 0) {
        ioctl(relay->master, TIOCSWINSZ, &size);
    }
}

void relay_read_input(struct relay *relay) {
    if (relay->pending_end > 0) {
        return;
    }
    ssize_t got = read(0, relay->pending, sizeof relay->pending);
    if (got > 0) {
        relay->pending_start = 0;
        relay->pending_end = (size_t)got;
        relay_write_input(relay);
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        relay->input_ended = true;
    }
}

void relay_write_input(struct relay *relay) {
    while (relay->pending_start < relay->pending_end) {
        ssize_t written = write(relay->master, relay->pending + relay->pending_start, relay->pending_end - relay->pending_start);
        if (written > 0) {
            relay->pending_start += (size_t)written;
        } else if (written < 0 && errno == EAGAIN) {
            return;
        } else if (written == 0 || errno != EINTR) {
            break; /* the terminal has ended */
        }
    }
    relay->pending_start = relay->pending_end = 0;
}

bool relay_output(struct relay *relay) {
    char output[4096];
    ssize_t got = read(relay->master, output, sizeof output);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got <= 0) { /* EIO: nobody has it open any more, pty(7) */
        close(relay->master);
        relay->master = -1;
        return false;
    }
    for (ssize_t written = 0; written < got;) {
        ssize_t more = write(1, output + written, (size_t)(got - written));
        if (more < 0 && errno != EINTR && errno != EAGAIN) {
            break; /* nobody sees it; the command need not suffer */
        }
        written += more > 0 ? more : 0;
    }
    return true;
}
