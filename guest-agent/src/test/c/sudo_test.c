/* The parts of sudo that read what a caller or the guest wrote: tables of what must come out, then noise with a fixed seed. */
#include "sudo/command.h"
#include "sudo/environment.h"
#include "sudo/request.h"
#include "sudo/sudoers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_ROUNDS = 200000, SUDOERS_ROUNDS = 200000 };

static uint64_t state = 88172645463325252u;

/* xorshift64* by Marsaglia and Vigna */
static uint32_t random_below(uint32_t limit) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 32) % limit;
}

static void demand(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "sudo-test: not so: %s\n", what);
        abort();
    }
}

static bool is_member(const void *context, const char *group) { return strcmp(group, context) == 0 || strcmp(group, "#1000") == 0; }

static const struct sudoers_caller caller = {"user", 1000, is_member, "users"};

static struct sudoers_grant read_sudoers(const char *text, size_t length) {
    struct sudoers_grant grant = {0};
    char *copy = malloc(length + 1); /* of exactly this size, for the sanitizer to watch */
    memcpy(copy, text, length);
    sudoers_read_text(copy, length, &caller, &grant);
    free(copy);
    return grant;
}

static const struct {
    const char *text;
    struct sudoers_grant grant; /* root, user, group */
} rules[] = {
    {"user ALL=(ALL:ALL) NOPASSWD: ALL", {true, true, true}},
    {"user ALL=(ALL) NOPASSWD:ALL\n", {true, true, false}},
    {"user\tALL = ( ALL : ALL )\tNOPASSWD : ALL  # why\n", {true, true, true}},
    {"user ALL=NOPASSWD: ALL", {true, false, false}},
    {"user ALL=(root) NOPASSWD: ALL", {true, false, false}},
    {"user ALL=(ALL) NOPASSWD: SETENV: ALL", {true, true, false}},
    {"user ALL=(ALL) SETENV: NOPASSWD: ALL", {true, true, false}},
    {"%users ALL=(ALL) NOPASSWD: ALL", {true, true, false}},
    {"%#1000 ALL=(ALL) NOPASSWD: ALL", {true, true, false}},
    {"#1000 ALL=(ALL) NOPASSWD: ALL", {true, true, false}},
    {"other,user ALL=(ALL) NOPASSWD: ALL", {true, true, false}},
    {"ALL ALL=(ALL) NOPASSWD: ALL", {true, true, false}},
    {"user ALL=\\\n  (ALL) NOPASSWD: \\\n ALL", {true, true, false}},
    {"Defaults env_reset\nother ALL=(ALL) ALL\nuser ALL=(ALL) NOPASSWD: ALL\n", {true, true, false}},
    {"user ALL=(ALL) ALL", {false, false, false}},
    {"user ALL=(ALL) PASSWD: ALL", {false, false, false}},
    {"user ALL=(ALL) NOPASSWD: PASSWD: ALL", {false, false, false}},
    {"user ALL=(ALL) NOPASSWD: /usr/bin/apt", {false, false, false}},
    {"user ALL=(ALL) NOPASSWD: ALL, !/bin/su", {false, false, false}},
    {"user ALL=(ALL) NOPASSWD: !ALL", {false, false, false}},
    {"user ALL=(postgres) NOPASSWD: ALL", {false, false, false}},
    {"user host=(ALL) NOPASSWD: ALL", {false, false, false}},
    {"user2 ALL=(ALL) NOPASSWD: ALL", {false, false, false}},
    {"%other ALL=(ALL) NOPASSWD: ALL", {false, false, false}},
    {"#10000 ALL=(ALL) NOPASSWD: ALL", {false, false, false}},
    {"ALL,!user ALL=(ALL) NOPASSWD: ALL", {false, false, false}},
    {"# user ALL=(ALL) NOPASSWD: ALL", {false, false, false}},
    {"#user ALL=(ALL) NOPASSWD: ALL", {false, false, false}},
    {"user ALL=(ALL NOPASSWD: ALL", {false, false, false}},
    {"user ALL", {false, false, false}},
    {"user ALL=", {false, false, false}},
    {"user", {false, false, false}},
    {"", {false, false, false}},
};

static void check_sudoers(void) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct sudoers_grant grant = read_sudoers(rules[i].text, strlen(rules[i].text));
        demand(grant.root == rules[i].grant.root && grant.user == rules[i].grant.user && grant.group == rules[i].grant.group, rules[i].text);
    }
    static const char *const pieces[] = {"user", " ", "ALL", "=", "(", ")", ":", "NOPASSWD", ",", "!", "\n", "\\\n", "#", "%", "1000", "\t", "root", "\\", "@"};
    unsigned granted = 0;
    for (int round = 0; round < SUDOERS_ROUNDS; round++) {
        char text[256];
        size_t length = (size_t)snprintf(text, sizeof text, "%s", random_below(2) == 0 ? rules[random_below(14)].text : "");
        for (uint32_t more = random_below(12); more > 0; more--) {
            const char *piece = pieces[random_below(sizeof pieces / sizeof *pieces)];
            size_t at = length == 0 ? 0 : random_below((uint32_t)length);
            size_t size = strlen(piece);
            memmove(text + at + size, text + at, length - at);
            memcpy(text + at, piece, size);
            length += size;
        }
        if (length > 0 && random_below(8) == 0) {
            text[random_below((uint32_t)length)] = (char)random_below(256);
        }
        granted += read_sudoers(text, length).root;
    }
    demand(granted > 0 && granted < SUDOERS_ROUNDS, "some noise grants, some does not");
}

static char *first[] = {(char *)"A=1", (char *)"LANG=C.UTF-8", (char *)"LC_X=a/b", (char *)"PATH=/home/bin:.:/bin", (char *)"HOME=/home/user", (char *)"no"};
static char *arguments[] = {(char *)"sh", (char *)"-c", (char *)"echo \"$A\"\n"};
static char *assigned[] = {(char *)"B=2", (char *)"HOME=/x"};
static char *names[] = {(char *)"A"};

static const struct sudo_request example = {
    .flags = SUDO_TERMINAL,
    .umask = 022,
    .ignored_signals = 1,
    .user = "root",
    .group = "",
    .directory = "/tmp",
    .preserved = {names, 1},
    .assigned = {assigned, 2},
    .arguments = {arguments, 3},
    .environment = {first, 6},
};

/* Decodes a copy of exactly this size; makes all of it that a monitor would make before it starts something. */
static bool decode(const unsigned char *data, size_t length) {
    unsigned char *copy = malloc(length == 0 ? 1 : length);
    memcpy(copy, data, length);
    struct sudo_request request;
    bool good = sudo_request_decode(&request, copy, length);
    if (good) {
        struct user target = {.uid = 0, .gid = 0, .name = "root", .home = "/root", .shell = "/bin/sh"};
        struct sudo_caller who = {"user", 1000, 1000};
        struct sudo_command command;
        enum command_result result = sudo_command_find(&command, &request, &target, &target);
        demand(result != COMMAND_NO_MEMORY, "memory");
        char **environment = environment_make(&request, &who, &target, result == COMMAND_FOUND ? command.line : "");
        demand(environment != NULL, "an environment");
        environment_free(environment);
        sudo_command_free(&command);
    }
    sudo_request_free(&request);
    free(copy);
    return good;
}

static void check_requests(void) {
    struct buffer encoded = {0};
    sudo_request_encode(&encoded, &example);
    demand(!encoded.failed && decode_u32(encoded.data) == encoded.length - 4 && encoded.data[4] == SUDO_REQUEST, "a frame");
    const unsigned char *payload = encoded.data + FRAME_HEADER_SIZE;
    size_t length = encoded.length - FRAME_HEADER_SIZE;
    demand(decode(payload, length), "the example");
    for (size_t shorter = 0; shorter < length; shorter++) {
        demand(!decode(payload, shorter), "a shortened request is refused");
    }
    unsigned good = 0;
    unsigned char *mutated = malloc(length + 64);
    for (int round = 0; round < REQUEST_ROUNDS; round++) {
        size_t size = length;
        memcpy(mutated, payload, length);
        for (uint32_t changes = 1 + random_below(4); changes > 0; changes--) {
            size_t at = random_below((uint32_t)size);
            switch (random_below(4)) {
            case 0:
                mutated[at] = (unsigned char)random_below(256);
                break;
            case 1:
                mutated[at] = (unsigned char)(mutated[at] + 1 - random_below(3));
                break;
            case 2:
                memset(mutated + at, 255, size - at < 4 ? size - at : 4);
                break;
            default:
                size = at + 1;
            }
        }
        good += decode(mutated, size);
    }
    demand(good > 0 && good < REQUEST_ROUNDS, "some mutations are requests, some are not");
    free(mutated);
    buffer_free(&encoded);
}

static void check_environment(void) {
    struct user target = {.uid = 0, .gid = 0, .name = "root", .home = "/root", .shell = "/bin/sh"};
    struct sudo_caller who = {"user", 1000, 1000};
    char **environment = environment_make(&example, &who, &target, "/bin/sh -c");
    size_t count = 0;
    while (environment[count] != NULL) {
        count++;
    }
    struct strings made = {environment, count};
    const char *const expected[][2] = {{"A", "1"},          {"B", "2"},           {"HOME", "/x"},      {"LANG", "C.UTF-8"}, {"PATH", SECURE_PATH}, {"USER", "root"},
                                       {"SUDO_UID", "1000"}, {"SUDO_USER", "user"}, {"TERM", "unknown"}, {"SHELL", "/bin/sh"}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const char *value = environment_find(&made, expected[i][0]);
        demand(value != NULL && strcmp(value, expected[i][1]) == 0, expected[i][0]);
    }
    demand(environment_find(&made, "LC_X") == NULL, "a value with a slash is dropped");
    environment_free(environment);
}

int main(void) {
    check_sudoers();
    check_environment();
    check_requests();
    puts("sudo: sudoers, environments and requests read as they should");
    return 0;
}
