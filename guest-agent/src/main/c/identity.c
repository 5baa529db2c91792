/* What must change when a guest becomes another one (after a restore or a fork), and the loopback interface at start. */
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum {
    HOSTNAME_MAXIMUM = 64, /* __NEW_UTS_LEN */
    HOSTS_MAXIMUM = 64 * 1024,
    RESEED_RANDOM = 0x5207, /* RNDRESEEDCRNG, random(4) */
};

/* hostname(7) characters only: the name is written into /etc/hosts. */
static bool hostname_valid(const char *hostname) {
    size_t length = strlen(hostname);
    return length <= HOSTNAME_MAXIMUM && hostname[0] != '-' &&
           strspn(hostname, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == length;
}

static int set_hostname(const char *hostname) {
    struct utsname current;
    if (uname(&current) == 0 && strcmp(current.nodename, hostname) == 0) {
        return 0; /* the runtime did it; some of them forbid it to the guest */
    }
    return sethostname(hostname, strlen(hostname)) == 0 ? 0 : errno;
}

static bool is_own_address(const char *line) {
    return strncmp(line, "127.0.1.1", 9) == 0 && (line[9] == ' ' || line[9] == '\t' || line[9] == '\n' || line[9] == 0);
}

/* Copies the lines of `old` except those of 127.0.1.1, in place of the first of which, or at the end, the new one comes. */
static void put_hosts(struct buffer *hosts, char *old, const char *hostname) {
    bool placed = false;
    char line[HOSTNAME_MAXIMUM + 16];
    snprintf(line, sizeof line, "127.0.1.1\t%s\n", hostname);
    for (char *next = old; *next != 0;) {
        size_t length = strcspn(next, "\n");
        length += next[length] == '\n';
        if (!is_own_address(next)) {
            put_raw(hosts, next, length);
            if (next[length - 1] != '\n') {
                put_u8(hosts, '\n');
            }
        } else if (!placed) {
            put_raw(hosts, line, strlen(line));
            placed = true;
        }
        next += length;
    }
    if (!placed) {
        put_raw(hosts, line, strlen(line));
    }
}

/* In place, not by rename(2): runtimes bind-mount this file. */
static int set_hosts(const char *hostname) {
    int file = open("/etc/hosts", O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
    if (file < 0) {
        return errno;
    }
    struct stat status;
    char *old = malloc(HOSTS_MAXIMUM + 1);
    ssize_t length = old == NULL ? -1 : pread(file, old, HOSTS_MAXIMUM, 0);
    int error = length < 0 ? errno : 0;
    if (error == 0 && (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > HOSTS_MAXIMUM)) {
        error = EFBIG;
    }
    if (error == 0) {
        struct buffer hosts = {0};
        old[length] = 0;
        put_hosts(&hosts, old, hostname);
        bool same = hosts.length == (size_t)length && memcmp(hosts.data, old, hosts.length) == 0;
        if (!same && (hosts.failed || pwrite(file, hosts.data, hosts.length, 0) != (ssize_t)hosts.length ||
                      ftruncate(file, (off_t)hosts.length) != 0)) {
            error = errno;
        }
        buffer_free(&hosts);
    }
    free(old);
    close(file);
    return error;
}

static int set_clock(int64_t nanoseconds) {
    struct timespec time = {.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)};
    if (time.tv_nsec < 0) {
        return EINVAL;
    }
    return clock_settime(CLOCK_REALTIME, &time) == 0 ? 0 : errno;
}

/* Writing mixes the bytes in without crediting them, random(4); a reseed makes them count at once where we may ask for it. */
static int mix_entropy(struct bytes entropy) {
    int file = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
    if (file < 0) {
        return errno;
    }
    int error = write(file, entropy.data, entropy.length) == (ssize_t)entropy.length ? 0 : errno;
    ioctl(file, RESEED_RANDOM);
    close(file);
    return error;
}

struct failures {
    int first;
    char message[512];
};

static void note(struct failures *failures, int error, const char *what) {
    if (error != 0) {
        size_t length = strlen(failures->message);
        snprintf(failures->message + length, sizeof failures->message - length, "%s%s: %s", length == 0 ? "" : "; ", what, strerror(error));
        failures->first = failures->first == 0 ? error : failures->first;
    }
}

bool machine_identity(struct connection *connection, const char *hostname, int64_t nanoseconds, struct bytes entropy) {
    struct failures failures = {0, ""};
    if (*hostname != 0) {
        if (hostname_valid(hostname)) {
            note(&failures, set_hostname(hostname), "set the hostname");
            note(&failures, set_hosts(hostname), "write /etc/hosts");
        } else {
            note(&failures, EINVAL, "set the hostname");
        }
    }
    if (nanoseconds != 0) {
        note(&failures, set_clock(nanoseconds), "set the clock");
    }
    if (entropy.length > 0) {
        note(&failures, mix_entropy(entropy), "mix entropy into /dev/urandom");
    }
    return failures.first == 0 ? connection_send_ok(connection) : connection_send_message(connection, failures.first, failures.message);
}

int machine_raise_loopback(void) {
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0) {
        return errno;
    }
    struct ifreq request = {.ifr_name = "lo"};
    int error = ioctl(control, SIOCGIFFLAGS, &request) == 0 ? 0 : errno;
    if (error == 0 && (request.ifr_flags & IFF_UP) == 0) {
        request.ifr_flags |= IFF_UP;
        error = ioctl(control, SIOCSIFFLAGS, &request) == 0 ? 0 : errno;
    }
    close(control);
    return error;
}
