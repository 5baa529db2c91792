package dev.holt.app.client;

/** What the exit code of a {@code holt} command means. {@code sandbox exec} and {@code connect} end with the command's own. */
public final class ExitCode {
    /** Done. */
    public static final int OK = 0;
    /** Holt answered that it could not do it, or a check of the doctor failed. */
    public static final int FAILED = 1;
    /** The command line or the settings are wrong; nothing was tried. */
    public static final int USAGE = 2;
    /** No Holt answered. */
    public static final int UNREACHABLE = 3;
    /** The API key is missing or not accepted. */
    public static final int NOT_ALLOWED = 4;
    /** There is no such sandbox, template or key. */
    public static final int NOT_FOUND = 5;
    /** Holt is full or a quota is used up: worth another try later. */
    public static final int FULL = 6;
    /** {@code sandbox exec} could not run the command at all: apart from the codes that commands themselves use. */
    public static final int NOT_RUN = 125;

    private ExitCode() {}
}
