#include "machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* The beginning of a small file, terminated; false when it cannot be read. */
static bool read_file(const char *path, char *text, size_t size) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    size_t length = 0;
    for (ssize_t got; length < size - 1 && (got = read(file, text + length, size - 1 - length)) > 0;) {
        length += (size_t)got;
    }
    close(file);
    text[length] = 0;
    return length > 0;
}

struct processor_time {
    uint64_t busy;
    uint64_t total;
};

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice", proc_stat(5); guest time is part of user time. */
static struct processor_time read_processor_time(void) {
    char text[512];
    uint64_t value[8] = {0};
    struct processor_time time = {0, 0};
    if (!read_file("/proc/stat", text, sizeof text) || strncmp(text, "cpu ", 4) != 0) {
        return time;
    }
    sscanf(text + 4, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &value[0], &value[1],
           &value[2], &value[3], &value[4], &value[5], &value[6], &value[7]);
    for (size_t i = 0; i < 8; i++) {
        time.total += value[i];
    }
    time.busy = time.total - value[3] - value[4];
    return time;
}

/* A line "Name:   123 kB" of /proc/meminfo in bytes, 0 when absent. */
static uint64_t memory_bytes(const char *text, const char *name) {
    size_t length = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            return strtoull(line + length + 1, NULL, 10) * 1024;
        }
    }
    return 0;
}

static uint32_t count_processes(void) {
    DIR *directory = opendir("/proc");
    uint32_t count = 0;
    if (directory == NULL) {
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
    }
    closedir(directory);
    return count;
}

bool machine_metrics(struct connection *connection, const char *path) {
    struct statvfs disk;
    if (*path == 0) {
        path = "/";
    }
    if (statvfs(path, &disk) != 0) {
        return connection_send_error(connection, errno, "measure the file system of", path);
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct processor_time processor = read_processor_time();
    char memory[4096];
    if (!read_file("/proc/meminfo", memory, sizeof memory)) {
        memory[0] = 0;
    }
    struct buffer *output = &connection->output;
    size_t start = frame_begin(output, FRAME_METRICS_INFO);
    put_u64(output, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
    put_u32(output, (uint32_t)sysconf(_SC_NPROCESSORS_ONLN));
    put_u64(output, processor.busy);
    put_u64(output, processor.total);
    put_u64(output, memory_bytes(memory, "MemTotal"));
    put_u64(output, memory_bytes(memory, "MemAvailable"));
    put_u64(output, memory_bytes(memory, "Cached"));
    put_u64(output, (uint64_t)disk.f_blocks * disk.f_frsize);
    put_u64(output, (uint64_t)disk.f_bfree * disk.f_frsize);
    put_u64(output, disk.f_files);
    put_u64(output, disk.f_ffree);
    put_u32(output, count_processes());
    frame_end(output, start);
    return connection_flush(connection);
}

bool machine_sync(struct connection *connection) {
    sync();
    return connection_send_ok(connection);
}
