/*
 * What passes between the program `sudo` of the guest (client.c) and the root process that carries out one sudo (monitor.c):
 * frames as in frame.h over the agent's abstract socket. The client sends REQUEST first, with the credentials of the process
 * and four descriptors in the control data of its first byte, then SIGNAL any number of times; the end of its direction means
 * that it is gone. PROTOCOL.md, "sudo without setuid".
 */
#ifndef HOLT_SUDO_REQUEST_H
#define HOLT_SUDO_REQUEST_H

#include "frame.h"

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    SUDO_REQUEST = 0x01, /* to the monitor: encoded request */
    SUDO_SIGNAL = 0x02,  /* to the monitor: u8 signal for the command */
    SUDO_STARTED = 0x11, /* to the client: u32 pid; the terminal's master comes with it when SUDO_TERMINAL was asked */
    SUDO_STOPPED = 0x12, /* to the client: u8 signal that stopped the command */
    SUDO_ENDED = 0x13,   /* to the client: u8 0 exited, 1 killed; u32 code or signal */
    SUDO_ANSWER = 0x14,  /* to the client, in place of STARTED: u8 exit code, str text for stdout (code 0) or stderr */
};

enum {
    SUDO_REQUEST_MAXIMUM = 2 * 1024 * 1024 + 64 * 1024, /* Linux' usual ARG_MAX and what else there is */
    SUDO_TEXT_MAXIMUM = 4096,                           /* of an answer */
    SUDO_DESCRIPTORS = 4,                               /* 0, 1, 2 and the working directory */
};

enum {
    SUDO_PRESERVE_ENVIRONMENT = 1,
    SUDO_SET_HOME = 2,
    SUDO_LOGIN = 4,
    SUDO_SHELL = 8,
    SUDO_BACKGROUND = 16,
    SUDO_LIST = 32,
    SUDO_VALIDATE = 64,
    SUDO_TERMINAL = 128,
    SUDO_FLAGS_ALL = 255,
};

/* NULL-terminated. */
struct strings {
    char **items;
    size_t count;
};

struct sudo_request {
    uint8_t flags;
    uint32_t umask;
    uint64_t ignored_signals; /* bit N - 1: signal N was ignored by whoever called sudo, and is by the command */
    const char *user;         /* "" root, or the caller with a group; "#N": uid N */
    const char *group;        /* "" the user's; "#N": gid N */
    const char *directory;    /* "" the caller's */
    struct strings preserved; /* names of variables */
    struct strings assigned;  /* NAME=value */
    struct strings arguments;
    struct strings environment;
};

/* Appends the REQUEST frame; `buffer` is failed when there was no memory. */
void sudo_request_encode(struct buffer *buffer, const struct sudo_request *request);
/* All text lies in `payload`, which is changed. False for a malformed request or lack of memory; to be freed in either case. */
bool sudo_request_decode(struct sudo_request *request, unsigned char *payload, size_t length);
void sudo_request_free(struct sudo_request *request);

/* The abstract address of the service; returns its length. Abstract, so that it is neither a file nor visible on the host. */
socklen_t sudo_address(struct sockaddr_un *address);

/* CMSG_NXTHDR(3), whose definition in musl does not pass -Wsign-conversion. */
struct cmsghdr *sudo_next_control(struct msghdr *message, struct cmsghdr *header);

#endif
