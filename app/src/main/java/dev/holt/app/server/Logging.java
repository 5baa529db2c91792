package dev.holt.app.server;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.slf4j.LoggerFactory;

/** Sets how much is logged; where to is logback.xml's business. */
public final class Logging {
    private Logging() {}

    /**
     * From now on lines below {@code level} are left out.
     *
     * @param level a value of the setting {@code log-level}
     */
    public static void setLevel(String level) {
        if (LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME) instanceof Logger root) {
            root.setLevel(Level.valueOf(level));
        }
    }
}
