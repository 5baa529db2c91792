package dev.holt.app.cli;

import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;

/** Times for people: the host's own zone, to the second. */
final class Times {
    private Times() {}

    /** A timestamp of the API, or the text itself when it is none. */
    static String ofAnswer(String timestamp) {
        try {
            return DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss")
                    .format(Instant.parse(timestamp).atZone(ZoneId.systemDefault()));
        } catch (DateTimeParseException e) {
            return timestamp;
        }
    }
}
