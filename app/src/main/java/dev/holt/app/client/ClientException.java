package dev.holt.app.client;

/** A request to Holt that did not succeed; the message is for the person at the terminal. */
public final class ClientException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int exitCode;

    /** @param exitCode of {@link ExitCode} */
    public ClientException(int exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
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
