package dev.holt.app.client;

/** A request to Holt that did not succeed; the message is for the person at the terminal. */
public final class ClientException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int exitCode;
    private final boolean timeout;

    /** @param exitCode of {@link ExitCode} */
    public ClientException(int exitCode, String message) {
        this(exitCode, message, false);
    }

    private ClientException(int exitCode, String message, boolean timeout) {
        super(message);
        this.exitCode = exitCode;
        this.timeout = timeout;
    }

    /** A request that was ended because its time was up. */
    static ClientException timeout(String message) {
        return new ClientException(ExitCode.FAILED, message, true);
    }

    /** Whether the time that the caller had set was up. */
    public boolean isTimeout() {
        return timeout;
    }

    /** What the process should end with. */
    public int exitCode() {
        return exitCode;
    }

    /** The failure that an HTTP status stands for. */
    public static ClientException ofStatus(int status, String message) {
        int code = switch (status) {
            case 401, 403 -> ExitCode.NOT_ALLOWED;
            case 404 -> ExitCode.NOT_FOUND;
            case 429, 503 -> ExitCode.FULL;
            default -> ExitCode.FAILED;
        };
        return new ClientException(code, message);
    }
}
