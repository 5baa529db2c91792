/*
 * Drives sudo as its users do: shell lines run as an unprivileged user, some of them on a terminal. Usage, as root:
 *
 *   sudo-cases AGENT SUDO   in namespaces of its own, with an /etc of its own and this agent as process 1; nothing outside changes
 *   sudo-cases              in a guest that can be thrown away, where the agent runs and /usr/bin/sudo is ours
 */
#include "sudo_world.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void commands(void) {
    check("sudo whoami", "root\n");
    check("sudo -u other id -un; sudo --user=other -g tester id -gn; sudo -u '#1002' id -u", "other\ntester\n1002\n");
    check("sudo -g tester sh -c 'id -un; id -gn'", "user\ntester\n");
    check("echo abc | sudo cat | tr a-c x-z", "xyz\n");
    check("f=/mnt/sudo-test/root-only/file; echo text | sudo tee $f; sudo cat $f; cat $f 2>&1 | grep -c denied", "text\ntext\n1\n");
    check("sudo sh -c 'exit 7'; echo $?; sudo true && echo yes; sudo false || echo no", "7\nyes\nno\n");
    check("(sudo sh -c 'kill -KILL $$'; echo $?; sudo sh -c 'kill -TERM $$'; echo $?) 2>/dev/null", "137\n143\n");
    check("sudo nosuchcommand; echo $?; sudo ./nosuch; sudo /etc; sudo ''",
          "sudo: nosuchcommand: command not found\n1\nsudo: ./nosuch: command not found\nsudo: /etc: command not found\n"
          "sudo: : command not found\n");
    check("head -c 3000000 /dev/zero | sudo cat | wc -c", "3000000\n");
    check("sudo echo $(seq 1 20000) | wc -w", "20000\n");
    check("sudo sh -c 'echo out; echo err >&2' 2>/dev/null; sudo sh -c 'echo err >&2' 2>&1 >/dev/null", "out\nerr\n");
    check("sudo cat <&-; sudo echo a 2>&-", "a\n");
    check("echo 'echo script $0 $1' > script; chmod 755 script; sudo ./script x", "script ./script x\n");
    check("umask 077; sudo sh -c umask; umask 002; sudo sh -c umask", "0077\n0022\n");
    check("mkdir -p priv/in; chmod 700 priv; cd priv/in; sudo -u other pwd; sudo ls /proc/self/fd | wc -l", "/mnt/sudo-test/home/priv/in\n4\n");
    check("mkdir gone; cd gone; rmdir ../gone; sudo whoami", "root\n");
    check("sudo -D /usr pwd; sudo -D /nosuch pwd; echo $?",
          "/usr\nsudo: unable to change directory to /nosuch: No such file or directory\n1\n");
    check("trap '' USR1; sudo sh -c 'kill -USR1 $$; echo ignored'", "ignored\n");
    check("f=/mnt/sudo-test/root-only/b; sudo -b sh -c \"sleep 1; echo background >$f.new; mv $f.new $f\" >/dev/null; echo $?; "
          "sudo sh -c \"until cat $f 2>/dev/null; do sleep 0.1; done\"",
          "0\nbackground\n");
    check("sudo $(command -v sudo) -u other id -un", "other\n");
    check("for i in 1 2 3 4 5 6 7 8 9; do sudo echo $i & done | sort -n | tr '\\n' ' '; wait", "1 2 3 4 5 6 7 8 9 ");
}

static void options(void) {
    check("sudo -k; sudo -K; sudo -v; sudo -n true; sudo -S -p prompt -A true; sudo -kn echo k; echo $?", "k\n0\n");
    check("sudo -V | grep -c holt-sudo; sudo -h | grep -c usage; sudo -l whoami; sudo -l nosuch; sudo -l | tail -1",
          "1\n3\n/usr/bin/whoami\nsudo: nosuch: command not found\n    (ALL : ALL) NOPASSWD: ALL\n");
    check("sudo --frobnicate 2>&1 >/dev/null | head -1; sudo -Z 2>/dev/null; echo $?; sudo -u 2>&1 | head -1; sudo 2>/dev/null; echo $?",
          "sudo: there is no such option in --frobnicate\n1\nsudo: an argument is missing behind -u\n1\n");
    check("sudo -i -s 2>/dev/null; echo $?; sudo -u nobody-here id; sudo -g nogroup-here id",
          "1\nsudo: unknown user nobody-here\nsudo: unknown group nogroup-here\n");
    check("sudo -i pwd; sudo -i echo '$HOME' \"a  b\" '*'; sudo -s echo '$HOME'; sudo -u other -i echo 'a\nb'; sudo -- echo -e; sudo --login pwd",
          "/root\n/root a  b *\n/root\na\nb\n\n/root\n");
    check("A=1 B=2 sudo sh -c 'echo $A$B$HOME $USER $LOGNAME $SUDO_USER $SUDO_UID $SUDO_GID $LC_ALL'", "/root root root user 1000 1000 C.UTF-8\n");
    check("A=1 B=2 sudo -E sh -c 'echo $A$B $HOME $USER'; A=1 B=2 sudo --preserve-env=A sh -c 'echo $A$B $HOME'; A=1 sudo -EH sh -c 'echo $A $HOME'",
          "12 /mnt/sudo-test/home root\n1 /root\n1 /root\n");
    check("sudo A=1 -u other B=2 C='3 4' sh -c 'echo $A$B$C'; sudo PATH=/x /bin/sh -c 'echo $PATH'; sudo sh -c 'echo $PATH'",
          "123 4\n/x\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
    check("LD_X=1 sudo -E sh -c 'echo \"[$LD_X]\"'; sudo sh -c 'echo $SUDO_COMMAND'", "[]\n/usr/bin/sh -c echo $SUDO_COMMAND\n");
}

static void policy(void) {
    check_as(OTHER, "sudo -n whoami; echo $?; sudo -v; sudo -l; sudo -u other id",
             "sudo: a password is required\n1\nsudo: a password is required\nsudo: a password is required\nsudo: a password is required\n");
    check_as(MEMBER, "sudo whoami; sudo -u other id -un", "root\nother\n");
    check_as(LIMITED, "sudo whoami; sudo -u other id -un; sudo -g tester id; sudo -l | tail -1",
             "root\nsudo: a password is required\nsudo: a password is required\n    (root) NOPASSWD: ALL\n");
}

static void signals(void) {
    const char *const format = "(rm -f ready; sudo sh -c 'touch ready; exec sleep 1000.1' & until test -e ready; do sleep 0.1; done; "
                               "kill -%s $!; wait $!; echo $?) 2>/dev/null";
    char line[512];
    snprintf(line, sizeof line, format, "TERM");
    check(line, "143\n");
    snprintf(line, sizeof line, format, "HUP");
    check(line, "129\n");
    check("rm -f ready; sudo sh -c 'trap \"echo caught; exit 3\" USR1; touch ready; while :; do sleep 0.1; done' & "
          "until test -e ready; do sleep 0.1; done; kill -USR1 $!; wait $!; echo $?",
          "caught\n3\n");
    verdict(await_processes("sleep 1000.1", 0), "signalled commands are gone", "", "");

    /* The whole group of a caller is killed: nothing of the command may be left, however deep. */
    int from;
    pid_t pid = start_line(USER, "sudo sh -c 'sleep 1000.2 & (sleep 1000.2; :) & sudo -u other sleep 1000.2 || /mnt/sudo-test/bin/sudo -u other sleep 1000.2; :'; :", &from);
    verdict(await_processes("sleep 1000.2", 3), "three sleep", "", "");
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(from);
    verdict(await_processes("sleep 1000.2", 0), "nothing lingers behind a killed sudo", "", "");
    verdict(no_monitor_left(), "no monitor is left", "", "");

    /* What was made a daemon stays. */
    check("sudo sh -c 'setsid sh -c \"echo \\$\\$ >/mnt/sudo-test/home/daemon; exec sleep 1000.3\" >/dev/null 2>&1 &'; "
          "until test -s daemon; do sleep 0.1; done",
          "");
    verdict(await_processes("sleep 1000.3", 1), "a daemon stays", "", "");
    check("sudo kill $(cat daemon)", "");
    verdict(await_processes("sleep 1000.3", 0), "and goes", "", "");

    /*
     * A stopped command stops its client, which whoever continues it continues in turn. Not in gVisor, which hangs a session up
     * when any of its processes ends while another is stopped.
     */
    if (access("/mnt/holt-sudo", F_OK) == 0) { /* a world of our own: Linux */
        check("(rm -f ready; sudo sh -c 'echo $$ >ready; exec sleep 1000.4' & until test -s ready; do sleep 0.1; done; sudo kill -STOP $(cat ready); "
              "until grep -q '^State:.T' /proc/$!/status; do sleep 0.1; done; kill -CONT $!; "
              "while grep -q '^State:.T' /proc/$(cat ready)/status; do sleep 0.1; done; sudo kill $(cat ready); wait $!; echo $?) 2>/dev/null",
              "143\n");
    }
}

static void limits(void) {
    enum { ALLOWED = 64 };
    pid_t pids[ALLOWED];
    int from[ALLOWED];
    for (int i = 0; i < ALLOWED; i++) {
        pids[i] = start_line(USER, "exec sudo sleep 1000.5", &from[i]);
    }
    verdict(await_processes("sleep 1000.5", ALLOWED), "64 commands", "", "");
    check("sudo true; echo $?", "sudo: too many commands at once: 64 run already\n1\n");
    for (int i = 0; i < ALLOWED; i++) {
        kill(-pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
        close(from[i]);
    }
    verdict(no_monitor_left(), "no monitor is left of 64", "", "");
    check("sudo whoami", "root\n");
}

static _Noreturn void make_noise(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    become(USER);
    memcpy(address.sun_path + 1, "holt-sudo", 9);
    for (int i = 0; i < 200; i++) {
        int connection = socket(AF_UNIX, SOCK_STREAM, 0);
        while (connect(connection, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 10) != 0) {
            if (errno != EAGAIN) { /* said by gVisor when too many wait */
                _exit(1);
            }
            usleep(10000);
        }
        unsigned char noise[64];
        for (size_t at = 0; at < sizeof noise; at++) {
            noise[at] = (unsigned char)(i * 31 + (int)at * 7);
        }
        if (i % 2 == 0) {
            memcpy(noise, (unsigned char[]){0, (unsigned char)(i % 3 * 31), 0, (unsigned char)i, 1}, 5);
        }
        if (send(connection, noise, sizeof noise, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET) {
            _exit(1);
        }
        close(connection);
    }
    _exit(0);
}

static void strangers(void) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        make_noise();
    }
    waitpid(pid, &status, 0);
    verdict(status == 0, "noise can be sent", "", "");
    verdict(no_monitor_left(), "no monitor is left of noise", "", "");
    check("sudo whoami", "root\n");
}

static void terminals(void) {
    check_terminal("a root shell", "sudo sh -c 'tty; stty size; echo is $((1+1))'\n", "33 77\r\nis 2\r\n", "", "$ ", "sudo bash --norc\n", "# ", "tty; id -un; echo a$((1+1))\n",
                   "/dev/pts/", "", "root\r\na2", "sh -c 'echo go$((1+1)); exec sleep 1000.6'\n", "go2", "\003", "# ", "echo code $?\n", "code 130",
                   "sh -c 'echo go$((2+2)); exec sleep 1000.6'\n", "go4", "\032", "Stopped", "kill -9 %1; while kill -0 %1; do :; done; exit 5\n", "$ ", "echo code $?\n", "code 5",
                   "stty -a | grep -o ' echo '; echo again$((2+2))\n", " echo \r\nagain4", NULL);
    check_terminal("its size", "sudo sh -c 'trap \"stty size\" WINCH; stty size; while :; do sleep 0.2; done'\n", "33 77", "RESIZE", "44 99", "\003", "$ ",
                   NULL);
    check_terminal("interrupt", "sudo sh -c 'echo go$((1+1)); exec sleep 1000.6'\n", "go2", "\003", "$ ", "echo code $?\n", "code 130", NULL);
    check_terminal("stop and continue", "sudo sh -c 'echo go$((1+1)); exec cat'\n", "go2", "one\n", "one\r\none\r\n", "\032", "Stopped", "fg\n", "exec cat", "two\n", "two\r\n", "", "two\r\n", "\004",
                   "$ ", "stty -a | grep -o ' icanon '\n", "\r\n icanon ", NULL);
    check_terminal("typed into a pipe", "sudo sh -c 'echo go$((1+1)) >&2; exec cat' | cat\n", "go2", "abc\n", "abc\r\nabc", "\004", "$ ",
                   "sudo sh -c 'echo go$((1+1)) >&2; exec sleep 1000.6' | cat\n", "go2", "\003", "$ ", NULL);
    check_terminal("in the background", "sudo sh -c 'sleep 1; echo done $((3+3))' &\n", "done 6", "wait; echo w$((1+1))\n", "w2", NULL);
    check_terminal("login", "sudo -i\n", "# ", "pwd; echo $((7*6))\n", "/root\r\n42", "exit\n", "$ ", NULL);
    if (access("/etc/pam.d/su", F_OK) == 0) {
        check_terminal("su", "sudo su -s /bin/sh\n", "# ", "id -un; echo $((7*6))\n", "root\r\n42", "exit\n", "$ ", NULL);
    }
    verdict(await_processes("sleep 1000.6", 0), "nothing is left of a terminal", "", "");
    verdict(no_monitor_left(), "no monitor is left of a terminal", "", "");
}

static int run_cases(void) {
    make_users();
    check("for i in 1 2 3 4 5 6 7 8 9 10; do sudo true 2>/dev/null && exec echo reached; sleep 1; done", "reached\n");
    commands();
    options();
    policy();
    signals();
    limits();
    strangers();
    terminals();
    return tell_result();
}

int main(int argc, char **argv) {
    /* nohup(1) has the first ignored, a shell in the background the others, by all that is started here. */
    signal(SIGHUP, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    umask(022);
    if (geteuid() != 0) {
        fprintf(stderr, "sudo: not checked, that takes root\n");
        return 0;
    }
    if (argc != 3) {
        return run_cases();
    }
    pid_t agent = make_world(argv[1], argv[2]);
    pid_t tester = fork();
    if (tester == 0) {
        if (mount("proc", "/proc", "proc", 0, NULL) != 0) {
            give_up("/proc");
        }
        exit(run_cases());
    }
    int result;
    waitpid(tester, &result, 0);
    kill(agent, SIGKILL);
    waitpid(agent, NULL, 0);
    return WIFEXITED(result) ? WEXITSTATUS(result) : 2;
}
