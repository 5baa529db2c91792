/* Unit tests of what needs no machine: frames, connections over a socket pair, paths, tails, the tables of a watch. */
#include "connection.h"
#include "paths.h"
#include "process.h"
#include "users.h"
#include "watch_seen.h"
#include "watch_table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;
static int checks;

#define CHECK(condition)                                                          \
    do {                                                                          \
        checks++;                                                                 \
        if (!(condition)) {                                                       \
            failures++;                                                           \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                         \
    } while (0)

static void integers_survive_encoding(void) {
    struct buffer buffer = {0};
    put_u8(&buffer, 0xfe);
    put_u16(&buffer, 0xfedc);
    put_u32(&buffer, 0xfedcba98u);
    put_u64(&buffer, UINT64_C(0xfedcba9876543210));
    CHECK(buffer.length == 15);
    CHECK(buffer.data[1] == 0xfe && buffer.data[2] == 0xdc);
    struct reader reader;
    reader_init(&reader, buffer.data, buffer.length);
    CHECK(read_u8(&reader) == 0xfe);
    CHECK(read_u16(&reader) == 0xfedc);
    CHECK(read_u32(&reader) == 0xfedcba98u);
    CHECK(!reader_done(&reader));
    CHECK(read_u64(&reader) == UINT64_C(0xfedcba9876543210));
    CHECK(reader_done(&reader));
    CHECK(read_u8(&reader) == 0 && reader.bad && !reader_done(&reader));
    buffer_free(&buffer);
}

static void strings_are_terminated_in_place(void) {
    struct buffer buffer = {0};
    put_string(&buffer, "one");
    put_string(&buffer, "");
    put_bytes(&buffer, "a\0b", 3);
    struct reader reader;
    reader_init(&reader, buffer.data, buffer.length);
    const char *one = read_string(&reader);
    const char *empty = read_string(&reader);
    struct bytes bytes = read_bytes(&reader);
    CHECK(strcmp(one, "one") == 0 && strcmp(empty, "") == 0);
    CHECK(bytes.length == 3 && memcmp(bytes.data, "a\0b", 3) == 0);
    CHECK(reader_done(&reader));
    buffer_free(&buffer);
}

static bool is_bad_string(const void *data, size_t length) {
    unsigned char copy[64];
    memcpy(copy, data, length);
    struct reader reader;
    reader_init(&reader, copy, length);
    return strcmp(read_string(&reader), "") == 0 && reader.bad;
}

static void malformed_payloads_are_bad(void) {
    CHECK(is_bad_string("\0\0\0\3a\0b", 7));
    CHECK(is_bad_string("\0\0\0\4abc", 7));
    CHECK(is_bad_string("\xff\xff\xff\xff", 4));
    CHECK(is_bad_string("\0\0", 2));
    unsigned char two[] = {2};
    struct reader reader;
    reader_init(&reader, two, 1);
    CHECK(!read_bool(&reader) && reader.bad);
    unsigned char many[] = {0, 0, 0x10, 1, 0, 0, 0, 0};
    reader_init(&reader, many, sizeof many);
    CHECK(read_count(&reader, 4) == 0 && reader.bad);
    unsigned char long_path[PATH_BYTES_MAXIMUM + 16];
    memset(long_path, 'x', sizeof long_path);
    memcpy(long_path, "\0\1\0\1", 4);
    reader_init(&reader, long_path, PATH_BYTES_MAXIMUM + 5);
    CHECK(strlen(read_path(&reader)) == 0 && reader.bad);
}

static void check_clean(const char *path, const char *expected) {
    char *copy = strdup(path);
    path_clean(copy);
    if (strcmp(copy, expected) != 0) {
        fprintf(stderr, "clean of %s is %s\n", path, copy);
    }
    CHECK(strcmp(copy, expected) == 0);
    free(copy);
}

static void check_resolved(const char *path, const char *expected) {
    char *resolved = path_resolve("/home/user", path);
    if (strcmp(resolved, expected) != 0) {
        fprintf(stderr, "%s resolves to %s\n", path, resolved);
    }
    CHECK(strcmp(resolved, expected) == 0);
    free(resolved);
}

static void paths_are_cleaned(void) {
    check_clean("/", "/");
    check_clean("//", "/");
    check_clean("/..", "/");
    check_clean("/../../a", "/a");
    check_clean("/a/./b//c/", "/a/b/c");
    check_clean("/a/b/../c", "/a/c");
    check_clean("/a/b/../../..", "/");
    check_clean("/a/...", "/a/...");
    check_clean("/.a/..b", "/.a/..b");
    check_resolved("", "/home/user");
    check_resolved("~", "/home/user");
    check_resolved("~/", "/home/user");
    check_resolved("~/x", "/home/user/x");
    check_resolved("~other", "/home/user/~other");
    check_resolved("x/../y", "/home/user/y");
    check_resolved("/etc/", "/etc");
    char *parent = path_parent("/a");
    CHECK(strcmp(parent, "/") == 0);
    free(parent);
    parent = path_parent("/a/b");
    CHECK(strcmp(parent, "/a") == 0);
    free(parent);
    CHECK(strcmp(path_name("/a/b"), "b") == 0 && strcmp(path_name("/"), "/") == 0);
}

static void tails_keep_the_end(void) {
    struct tail tail = {0};
    unsigned char data[TAIL_MAXIMUM * 2];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (unsigned char)(i % 251);
    }
    tail_append(&tail, data, 10);
    tail_append(&tail, data + 10, TAIL_MAXIMUM - 20);
    CHECK(tail.length == TAIL_MAXIMUM - 10 && memcmp(tail.data, data, tail.length) == 0);
    tail_append(&tail, data + TAIL_MAXIMUM - 10, 30);
    CHECK(tail.length == TAIL_MAXIMUM && memcmp(tail.data, data + 20, tail.length) == 0);
    tail_append(&tail, data, sizeof data);
    CHECK(tail.length == TAIL_MAXIMUM && memcmp(tail.data, data + sizeof data - TAIL_MAXIMUM, tail.length) == 0);
    free(tail.data);
}

/* Sends frames of all sizes in pieces of `piece` bytes and receives them, waiting or not. */
static void frames_survive_pieces(size_t piece) {
    static const size_t sizes[] = {0, 1, 100, 2043, 2044, 2045, 5000, 65536, 3, 0, 65536, 7};
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    struct connection *connection = connection_create(ends[0]);
    struct buffer sent = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t start = frame_begin(&sent, FRAME_STDIN);
        for (size_t j = 0; j < sizes[i]; j++) {
            put_u8(&sent, (uint8_t)(i + j));
        }
        frame_end(&sent, start);
    }
    size_t at = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct frame frame;
        enum receive_result result;
        while ((result = connection_receive_now(connection, &frame, FRAME_STREAM_MAXIMUM)) == RECEIVE_WOULD_BLOCK && at < sent.length) {
            size_t more = sent.length - at < piece ? sent.length - at : piece;
            ssize_t wrote = send(ends[1], sent.data + at, more, MSG_DONTWAIT);
            at += wrote > 0 ? (size_t)wrote : 0;
        }
        CHECK(result == RECEIVE_FRAME && frame.type == FRAME_STDIN && frame.length == sizes[i]);
        for (size_t j = 0; j < frame.length; j++) {
            if (frame.payload[j] != (uint8_t)(i + j)) {
                CHECK(!"payload differs");
                break;
            }
        }
    }
    struct frame frame;
    CHECK(connection_receive_now(connection, &frame, FRAME_STREAM_MAXIMUM) == RECEIVE_WOULD_BLOCK);
    CHECK(send(ends[1], "\0\0\0\0\1", 5, 0) == 5);
    CHECK(connection_receive_now(connection, &frame, FRAME_STREAM_MAXIMUM) == RECEIVE_MALFORMED);
    connection_close(connection);
    close(ends[1]);
    buffer_free(&sent);
}

static void watched_directories_move(void) {
    struct watch_table table = {0};
    struct buffer path = {0};
    CHECK(watch_table_put(&table, 1, 0, ""));
    CHECK(watch_table_put(&table, 2, 1, "a"));
    CHECK(watch_table_put(&table, 3, 2, "b"));
    for (int i = 4; i < 500; i++) {
        CHECK(watch_table_put(&table, i, 1, "many"));
    }
    CHECK(watch_table_path(&table, 3, "file", &path) && strcmp((char *)path.data, "a/b/file") == 0);
    CHECK(watch_table_find_child(&table, 2, "b")->descriptor == 3);
    CHECK(watch_table_put(&table, 2, 400, "moved"));
    path.length = 0;
    CHECK(watch_table_path(&table, 3, "file", &path) && strcmp((char *)path.data, "many/moved/b/file") == 0);
    CHECK(watch_table_is_below(&table, 3, 400) && !watch_table_is_below(&table, 400, 3));
    /* A circle, as renames seen in a strange order could make it, ends all climbing. */
    CHECK(watch_table_put(&table, 400, 3, "circle"));
    path.length = 0;
    CHECK(!watch_table_path(&table, 3, "file", &path) && !watch_table_is_below(&table, 3, 1));
    watch_table_remove(&table, 2);
    CHECK(watch_table_find(&table, 2) == NULL && table.count == 498);
    watch_table_free(&table);
    buffer_free(&path);
}

static void seen_names_are_taken_once(void) {
    struct watch_seen seen = {0};
    CHECK(!watch_seen_take(&seen, 1, "a"));
    watch_seen_add(&seen, 1, "a");
    CHECK(!watch_seen_take(&seen, 2, "a") && watch_seen_take(&seen, 1, "a") && !watch_seen_take(&seen, 1, "a"));
    char name[16];
    for (int i = 0; i < 10000; i++) { /* more than fit */
        snprintf(name, sizeof name, "%d", i);
        watch_seen_add(&seen, 1, name);
    }
    CHECK(watch_seen_take(&seen, 1, "17") && !watch_seen_take(&seen, 1, "9999"));
    watch_seen_free(&seen);
}

static void users_come_from_passwd(void) {
    struct user user;
    CHECK(user_by_name("root", &user) && user.uid == 0 && user.gid == 0 && user.home[0] == '/');
    CHECK(!user_by_name("", &user) && !user_by_name("no-such-user", &user) && !user_by_name("root:x", &user));
    gid_t groups[USER_GROUPS_MAXIMUM];
    CHECK(user_by_name("root", &user) && user_groups(&user, groups) >= 1 && groups[0] == 0);
    struct owner_names names = {0};
    owner_names_find(&names, 0, 4000000000u);
    CHECK(strcmp(names.user, "root") == 0 && strcmp(names.group, "4000000000") == 0);
}

int main(void) {
    integers_survive_encoding();
    strings_are_terminated_in_place();
    malformed_payloads_are_bad();
    paths_are_cleaned();
    tails_keep_the_end();
    frames_survive_pieces(1);
    frames_survive_pieces(7);
    frames_survive_pieces(4096);
    frames_survive_pieces(100000);
    watched_directories_move();
    seen_names_are_taken_once();
    users_come_from_passwd();
    printf("unit: %d checks, %d failures\n", checks, failures);
    return failures == 0 ? 0 : 1;
}
