#include "sudo_world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 60, OUTPUT_MAXIMUM = 64 * 1024, WHEEL = 1011 };

static char output[OUTPUT_MAXIMUM];
static int failures;
static int verdicts;

void give_up(const char *what) {
    perror(what);
    exit(2);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void become(uid_t uid) {
    static const char *const names[] = {"user", "other", "member", "limited"};
    gid_t groups[2] = {uid, WHEEL};
    if (setgroups(uid == MEMBER ? 2 : 1, groups) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0) {
        give_up("become a user");
    }
    clearenv();
    setenv("PATH", "/mnt/sudo-test/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 1);
    setenv("HOME", "/mnt/sudo-test/home", 1);
    setenv("USER", names[uid - USER], 1);
    setenv("SHELL", "/bin/sh", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    if (chdir("/mnt/sudo-test/home") != 0) {
        give_up("home");
    }
}

/* Reads behind what is there until the end, or `until` appears. False when patience ends before. */
static bool collect(int file, const char *until) {
    size_t length = strlen(output);
    for (double end = now() + PATIENCE_SECONDS; now() < end;) {
        if (until != NULL && strstr(output, until) != NULL) {
            return true;
        }
        struct pollfd waiting = {.fd = file, .events = POLLIN};
        if (poll(&waiting, 1, 1000) <= 0) {
            continue;
        }
        ssize_t got = read(file, output + length, OUTPUT_MAXIMUM - 1 - length);
        if (got <= 0) {
            return until == NULL;
        }
        length += (size_t)got;
        output[length] = 0;
    }
    return false;
}

/* Forgets what was read, up to the end of `found`. */
static void forget(const char *found) {
    char *rest = strstr(output, found) + strlen(found);
    memmove(output, rest, strlen(rest) + 1);
}

void verdict(bool good, const char *what, const char *expected, const char *was) {
    verdicts++;
    if (!good) {
        failures++;
        fprintf(stderr, "FAILED: %s\n--- expected\n%s\n--- was\n%s\n---\n", what, expected, was);
    }
}

int tell_result(void) {
    fprintf(stderr, "sudo: %d of %d checks good\n", verdicts - failures, verdicts);
    return failures == 0 ? 0 : 1;
}

pid_t start_line(uid_t uid, const char *line, int *from) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        give_up("pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        become(uid);
        dup2(open("/dev/null", O_RDONLY), 0);
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        execl("/bin/sh", "sh", "-c", line, NULL);
        _exit(126);
    }
    close(ends[1]);
    *from = ends[0];
    return pid;
}

void check_as(uid_t uid, const char *line, const char *expected) {
    int from;
    pid_t pid = start_line(uid, line, &from);
    output[0] = 0;
    bool ended = collect(from, NULL);
    close(from);
    if (!ended) {
        kill(-pid, SIGKILL);
    }
    waitpid(pid, NULL, 0);
    verdict(ended && strcmp(output, expected) == 0, line, expected, output);
}

void check(const char *line, const char *expected) { check_as(USER, line, expected); }

static bool begins(const char *path, const char *text) {
    char line[4096];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, line, sizeof line - 1);
    if (file >= 0) {
        close(file);
    }
    for (ssize_t i = 0; i < length; i++) {
        line[i] = line[i] == 0 ? ' ' : line[i];
    }
    line[length < 0 ? 0 : length] = 0;
    return strncmp(line, text, strlen(text)) == 0;
}

/* Each pid once: gVisor lists them again and again when there are more than fit the buffer of readdir(3). */
static int count_processes(const char *text) {
    enum { PIDS = 4 * 1024 * 1024 };
    static unsigned char seen[PIDS / 8];
    int count = 0;
    memset(seen, 0, sizeof seen);
    DIR *directory = opendir("/proc");
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char path[300];
        unsigned long pid = strtoul(entry->d_name, NULL, 10);
        if (pid > 0 && pid < PIDS && (seen[pid / 8] >> pid % 8 & 1) == 0) {
            seen[pid / 8] |= (unsigned char)(1u << pid % 8);
            snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
            count += begins(path, text);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    return count;
}

bool await_processes(const char *text, int count) {
    for (double end = now() + PATIENCE_SECONDS; now() < end;) {
        if (count_processes(text) == count) {
            return true;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    return false;
}

bool no_monitor_left(void) { return await_processes("/proc/self/exe sudo-monitor", 0); }

/* Tells every sudo of a new size itself, since not every kernel does. */
static void tell_size(void) {
    DIR *directory = opendir("/proc");
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char path[300];
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && begins(path, "sudo ")) {
            kill(atoi(entry->d_name), SIGWINCH);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
}

static bool type(int master, const char *typed) {
    if (*typed == 0) {
        return true; /* to write nothing to a terminal takes for ever in gVisor */
    }
    if (strcmp(typed, "RESIZE") != 0) {
        return write(master, typed, strlen(typed)) == (ssize_t)strlen(typed);
    }
    struct winsize size = {.ws_row = 44, .ws_col = 99};
    bool set = ioctl(master, TIOCSWINSZ, &size) == 0;
    tell_size();
    return set;
}

void check_terminal(const char *what, ...) {
    int master;
    struct winsize size = {.ws_row = 33, .ws_col = 77};
    pid_t pid = forkpty(&master, NULL, NULL, &size);
    if (pid < 0) {
        give_up("forkpty");
    }
    if (pid == 0) {
        become(USER);
        setenv("TERM", "dumb", 1);
        execl("/bin/bash", "bash", "--norc", "--noprofile", "-i", NULL);
        _exit(126);
    }
    va_list dialogue;
    va_start(dialogue, what);
    output[0] = 0;
    bool good = collect(master, "$ ");
    for (const char *typed; good && (typed = va_arg(dialogue, const char *)) != NULL;) {
        const char *expected = va_arg(dialogue, const char *);
        good = type(master, typed) && collect(master, expected);
        if (good) {
            forget(expected);
        } else {
            char told[256];
            snprintf(told, sizeof told, "%s: after %s", what, typed);
            verdict(false, told, expected, output);
        }
    }
    va_end(dialogue);
    kill(pid, SIGKILL);
    close(master);
    waitpid(pid, NULL, 0);
    verdict(good, what, "", "");
}

static void put_file(const char *path, mode_t mode, const char *text) {
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode);
    if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(file, mode) != 0) {
        give_up(path);
    }
    close(file);
}

static void make_directory(const char *path, mode_t mode, uid_t owner) {
    if ((mkdir(path, mode) != 0 && errno != EEXIST) || chmod(path, mode) != 0 || chown(path, owner, owner) != 0) {
        give_up(path);
    }
}

static void copy_program(const char *from, const char *to) {
    static char data[4096];
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    if (source < 0 || target < 0) {
        give_up(from);
    }
    for (ssize_t got; (got = read(source, data, sizeof data)) > 0;) {
        if (write(target, data, (size_t)got) != got) {
            give_up(to);
        }
    }
    close(source);
    close(target);
}

void make_users(void) {
    put_file("/etc/passwd", 0644, "other:x:1001:1001::/nonexistent:/bin/sh\nmember:x:1002:1002::/:/bin/sh\nlimited:x:1003:1003::/:/bin/sh\n");
    put_file("/etc/group", 0644, "other:x:1001:\nmember:x:1002:\nlimited:x:1003:\ntester:x:1010:\nwheel:x:1011:nobody,member\n");
    put_file("/etc/sudoers.d/limited", 0440, "limited ALL = NOPASSWD: ALL\n");
    put_file("/etc/sudoers.d/writable", 0666, "other ALL=(ALL:ALL) NOPASSWD: ALL\n");
    put_file("/etc/sudoers.d/left.over", 0440, "other ALL=(ALL:ALL) NOPASSWD: ALL\n");
    make_directory("/mnt/sudo-test", 0755, 0);
    make_directory("/mnt/sudo-test/home", 0755, USER);
    make_directory("/mnt/sudo-test/root-only", 0700, 0);
    make_directory("/mnt/sudo-test/bin", 0755, 0);
    if (access("/mnt/holt-sudo", F_OK) == 0) {
        copy_program("/mnt/holt-sudo", "/mnt/sudo-test/bin/sudo");
    }
}

static void mount_or_give_up(const char *source, const char *target, const char *kind, unsigned long flags) {
    if (mount(source, target, kind, flags, NULL) != 0) {
        give_up(target);
    }
}

pid_t make_world(const char *agent, const char *sudo) {
    if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) != 0) {
        give_up("unshare");
    }
    mount_or_give_up("none", "/", NULL, MS_REC | MS_PRIVATE);
    char current[4096];
    if (getcwd(current, sizeof current) == NULL) {
        give_up("getcwd");
    }
    mount_or_give_up("tmpfs", "/mnt", "tmpfs", 0);
    copy_program(agent, "/mnt/holt-agent");
    copy_program(sudo, "/mnt/holt-sudo");
    mount_or_give_up("tmpfs", "/etc", "tmpfs", 0);
    make_directory("/etc/sudoers.d", 0755, 0);
    put_file("/etc/passwd", 0644, "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/mnt/sudo-test/home:/bin/sh\n");
    put_file("/etc/group", 0644, "root:x:0:\nuser:x:1000:\n");
    put_file("/etc/sudoers", 0440, "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n");
    put_file("/etc/sudoers.d/user", 0440, "user ALL=(ALL:ALL) NOPASSWD: ALL\n");
    pid_t first = fork();
    if (first == 0) {
        mount_or_give_up("proc", "/proc", "proc", 0);
        char *environment[] = {(char *)"HOLT_AGENT_TOKEN=0000000000000000000000000000000000000000000000000000000000000000",
                               (char *)"HOLT_AGENT_PEER=127.0.0.1", (char *)"HOLT_AGENT_SUDO=1", NULL};
        execle("/mnt/holt-agent", "holt-agent", NULL, environment);
        give_up(agent);
    }
    return first;
}
