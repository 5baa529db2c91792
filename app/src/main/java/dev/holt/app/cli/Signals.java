package dev.holt.app.cli;

import java.util.List;
import java.util.Locale;

/** Signals by their names, as the end of a process tells them. */
final class Signals {
    /** The names as strsignal(3) and Go print them, by number on Linux (signal(7)). */
    private static final List<String> STATUS_WORDS = List.of(
            "",
            "hangup",
            "interrupt",
            "quit",
            "illegal instruction",
            "trace",
            "abort",
            "bus error",
            "floating point exception",
            "kill",
            "user defined signal 1",
            "segmentation fault",
            "user defined signal 2",
            "broken pipe",
            "alarm clock",
            "terminated");

    private Signals() {}

    /** The number of the signal that a status such as {@code signal: killed} names; 9 when it names none that we know. */
    static int numberIn(String status) {
        String lower = status.toLowerCase(Locale.ROOT);
        for (int number = 1; number < STATUS_WORDS.size(); number++) {
            if (lower.contains(STATUS_WORDS.get(number))) {
                return number;
            }
        }
        return 9;
    }
}
