/*
 * Drives the fuzz target without libFuzzer: valid dialogues, mutated by a random generator with a fixed seed, so that a failure
 * comes again. Usage: fuzz-driver [iterations [seed]].
 */
#include "fuzz_target.h"
#include "frame.h"
#include "requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS_MAXIMUM = 64, INPUT_MAXIMUM = 64 * 1024, MUTATIONS_MAXIMUM = 6 };

static struct buffer seeds[SEEDS_MAXIMUM];
static size_t seed_count;
static uint64_t state;

/* xorshift64* by Marsaglia and Vigna */
static uint32_t random_below(uint32_t limit) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 32) % limit;
}

static struct buffer *begin_seed(void) {
    struct buffer *seed = &seeds[seed_count++];
    put_u8(seed, (uint8_t)(seed_count * 37));
    size_t start = frame_begin(seed, FRAME_HELLO);
    put_u32(seed, PROTOCOL_MAGIC);
    put_u16(seed, PROTOCOL_VERSION);
    unsigned char token[TOKEN_SIZE] = {0};
    put_raw(seed, token, sizeof token);
    frame_end(seed, start);
    return seed;
}

static void put_empty(struct buffer *seed, enum frame_type type) { frame_end(seed, frame_begin(seed, type)); }

static size_t begin_user(struct buffer *seed, enum frame_type type, const char *path) {
    size_t start = frame_begin(seed, type);
    put_string(seed, "user");
    put_string(seed, path);
    return start;
}

static void put_path_request(struct buffer *seed, enum frame_type type, const char *path) {
    frame_end(seed, begin_user(seed, type, path));
}

static void put_data(struct buffer *seed, enum frame_type type, size_t size) {
    size_t start = frame_begin(seed, type);
    for (size_t i = 0; i < size; i++) {
        put_u8(seed, (uint8_t)i);
    }
    frame_end(seed, start);
}

static void seed_unary(void) {
    struct buffer *seed = begin_seed();
    put_empty(seed, FRAME_PING);
    put_empty(seed, FRAME_SYNC);
    put_empty(seed, FRAME_PROCESSES);
    size_t start = frame_begin(seed, FRAME_USER);
    put_string(seed, "user");
    frame_end(seed, start);
    start = frame_begin(seed, FRAME_USER);
    put_string(seed, "nobody");
    frame_end(seed, start);
    seed = begin_seed();
    put_path_request(seed, FRAME_STAT, "~/a/../b");
    put_path_request(seed, FRAME_MKDIR, "/x//y/.");
    put_path_request(seed, FRAME_REMOVE, "");
    seed = begin_seed();
    start = begin_user(seed, FRAME_MOVE, "a");
    put_string(seed, "/b");
    frame_end(seed, start);
    start = frame_begin(seed, FRAME_METRICS);
    put_string(seed, "/");
    frame_end(seed, start);
    seed = begin_seed();
    start = frame_begin(seed, FRAME_COMPOSE);
    put_string(seed, "user");
    put_u32(seed, 2);
    put_string(seed, "one");
    put_string(seed, "two");
    put_string(seed, "whole");
    frame_end(seed, start);
    start = frame_begin(seed, FRAME_IDENTITY);
    put_string(seed, "host");
    put_u64(seed, 1);
    put_bytes(seed, "\0\1\2", 3);
    frame_end(seed, start);
    seed = begin_seed();
    start = frame_begin(seed, FRAME_SIGNAL);
    put_u32(seed, 7);
    put_u32(seed, 15);
    put_u8(seed, 1);
    frame_end(seed, start);
    start = frame_begin(seed, FRAME_RESIZE);
    put_u32(seed, 7);
    put_u16(seed, 80);
    put_u16(seed, 24);
    frame_end(seed, start);
    start = frame_begin(seed, FRAME_DETACH);
    put_u32(seed, 7);
    put_u64(seed, 1);
    put_u32(seed, 30);
    frame_end(seed, start);
    seed = begin_seed();
    start = frame_begin(seed, FRAME_IDENTITY);
    put_string(seed, "renamed");
    put_u64(seed, 0);
    put_bytes(seed, "entropy", 7);
    put_raw(seed, "0123456789abcdef0123456789abcdef", TOKEN_SIZE);
    frame_end(seed, start);
    for (uint64_t id = 2; id < 4; id++) {
        start = frame_begin(seed, FRAME_REWATCH);
        put_u64(seed, id);
        frame_end(seed, start);
    }
}

static void seed_streams(void) {
    struct buffer *seed = begin_seed();
    put_path_request(seed, FRAME_OPEN, "/file");
    for (uint64_t offset = 0; offset < 200; offset += 50) {
        size_t start = frame_begin(seed, FRAME_RANGE);
        put_u64(seed, offset);
        put_u64(seed, UINT64_MAX);
        frame_end(seed, start);
    }
    put_empty(seed, FRAME_CLOSE);
    put_empty(seed, FRAME_PING);
    for (int missing = 0; missing < 2; missing++) {
        seed = begin_seed();
        size_t start = begin_user(seed, FRAME_WRITE, missing ? "/n" : "w/x");
        put_u32(seed, 0644);
        put_u64(seed, (uint64_t)missing);
        put_string(seed, "user.");
        put_u32(seed, 1);
        put_string(seed, "user.name");
        put_bytes(seed, "value", 5);
        frame_end(seed, start);
        put_data(seed, FRAME_DATA, 100);
        put_data(seed, FRAME_DATA, 5000);
        start = frame_begin(seed, FRAME_END);
        put_u64(seed, 5100);
        frame_end(seed, start);
        put_empty(seed, FRAME_PING);
    }
    seed = begin_seed();
    size_t start = begin_user(seed, FRAME_LIST, "/");
    put_u32(seed, 3);
    frame_end(seed, start);
    start = begin_user(seed, FRAME_WATCH, "/");
    put_u8(seed, 1);
    put_u8(seed, 0);
    put_u8(seed, 1);
    frame_end(seed, start);
}

static void seed_processes(void) {
    for (uint16_t rows = 24; rows < 26; rows++) {
        struct buffer *seed = begin_seed();
        size_t start = begin_user(seed, FRAME_START, "");
        put_u32(seed, 2);
        put_string(seed, "cat");
        put_string(seed, "-");
        put_u32(seed, 1);
        put_string(seed, "A=b");
        put_u8(seed, 2);
        put_u16(seed, 80);
        put_u16(seed, rows);
        put_bytes(seed, "note", 4);
        frame_end(seed, start);
        put_data(seed, FRAME_STDIN, 10);
        put_data(seed, FRAME_STDIN, 3000);
        put_empty(seed, FRAME_CLOSE_STDIN);
    }
    struct buffer *seed = begin_seed();
    for (uint32_t pid = 2; pid < 4; pid++) {
        size_t start = frame_begin(seed, FRAME_ATTACH);
        put_u32(seed, pid);
        put_u64(seed, 1);
        frame_end(seed, start);
    }
    put_data(seed, FRAME_STDIN, 4000);
}

static size_t mutate(unsigned char *input, size_t size) {
    static const unsigned char interesting[] = {0, 1, 2, 4, 0x0f, 0x10, 0x7f, 0x80, 0xfe, 0xff};
    size_t at = random_below((uint32_t)size);
    switch (random_below(7)) {
    case 0:
        input[at] ^= (unsigned char)(1u << random_below(8));
        break;
    case 1:
        input[at] = (unsigned char)random_below(256);
        break;
    case 2:
        input[at] = interesting[random_below(sizeof interesting)];
        break;
    case 3: /* a wrong length, most likely */
        for (size_t i = at; i < size && i < at + 4; i++) {
            input[i] = interesting[random_below(sizeof interesting)];
        }
        break;
    case 4: { /* cut out */
        size_t length = 1 + random_below(16);
        length = length < size - at ? length : size - at;
        memmove(input + at, input + at + length, size - at - length);
        size -= length;
        break;
    }
    case 5: { /* double */
        size_t length = 1 + random_below(64);
        length = length < size - at ? length : size - at;
        if (size + length <= INPUT_MAXIMUM) {
            memmove(input + at + length, input + at, size - at);
            size += length;
        }
        break;
    }
    default: { /* go on with another dialogue, behind its HELLO */
        const struct buffer *other = &seeds[random_below((uint32_t)seed_count)];
        size_t skipped = 1 + FRAME_HEADER_SIZE + 6 + TOKEN_SIZE;
        size_t length = other->length - skipped;
        if (size + length <= INPUT_MAXIMUM) {
            memcpy(input + size, other->data + skipped, length);
            size += length;
        }
        break;
    }
    }
    return size;
}

int main(int argument_count, char **arguments) {
    unsigned long iterations = argument_count > 1 ? strtoul(arguments[1], NULL, 10) : 200000;
    state = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : UINT64_C(88172645463325252);
    seed_unary();
    seed_streams();
    seed_processes();
    unsigned char *scratch = malloc(INPUT_MAXIMUM);
    for (size_t i = 0; i < seed_count; i++) {
        LLVMFuzzerTestOneInput(seeds[i].data, seeds[i].length);
    }
    /* Only the valid dialogues so far: each operation has been reached. */
    int missed = fuzz_calls[FUZZ_PROTOCOL_ERROR] != 2; /* DATA and STDIN behind a WRITE and a START that were refused */
    if (missed != 0) {
        fprintf(stderr, "fuzz: %lu protocol errors in valid dialogues\n", fuzz_calls[FUZZ_PROTOCOL_ERROR]);
    }
    for (unsigned long i = 0; i < iterations; i++) {
        const struct buffer *seed = &seeds[random_below((uint32_t)seed_count)];
        size_t size = seed->length;
        memcpy(scratch, seed->data, size);
        for (uint32_t mutations = 1 + random_below(MUTATIONS_MAXIMUM); mutations > 0 && size > 0; mutations--) {
            size = mutate(scratch, size);
        }
        /* A copy of exactly this size, so that AddressSanitizer sees every byte read beyond it. */
        unsigned char *input = malloc(size + 1);
        memcpy(input, scratch, size);
        LLVMFuzzerTestOneInput(input, size);
        free(input);
    }
    for (int operation = 0; operation < FUZZ_OPERATIONS; operation++) {
        if (fuzz_calls[operation] == 0) {
            fprintf(stderr, "fuzz: operation %d was never reached\n", operation);
            missed++;
        }
    }
    for (size_t i = 0; i < seed_count; i++) {
        buffer_free(&seeds[i]);
    }
    free(scratch);
    printf("fuzz: %lu inputs, %lu protocol errors, %lu starts, %lu inputs to processes\n", iterations, fuzz_calls[FUZZ_PROTOCOL_ERROR],
           fuzz_calls[FUZZ_START], fuzz_calls[FUZZ_INPUT]);
    return missed == 0 ? 0 : 1;
}
