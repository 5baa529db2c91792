package dev.holt.node.envd;

import dev.holt.http.HttpFailure;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.guest.GuestUnreachable;
import dev.holt.wire.connect.ConnectCode;
import dev.holt.wire.connect.ConnectFailure;

/** The one place where failures of the guest become errors of the Connect protocol and of HTTP. */
final class GuestErrors {
    private static final int BAD_REQUEST = 400;
    private static final int UNAUTHORIZED = 401;
    private static final int NOT_FOUND = 404;
    private static final int INTERNAL = 500;
    private static final int BAD_GATEWAY = 502;
    private static final int INSUFFICIENT_STORAGE = 507;

    private GuestErrors() {}

    static ConnectFailure toConnect(GuestFailure failure) {
        return new ConnectFailure(code(failure), failure.text());
    }

    private static ConnectCode code(GuestFailure failure) {
        if (failure instanceof GuestUnreachable) {
            return ConnectCode.UNAVAILABLE;
        }
        return switch (failure.errno()) {
            case ENOKEY -> ConnectCode.UNAUTHENTICATED;
            case ENOENT, ESRCH -> ConnectCode.NOT_FOUND;
            case EEXIST -> ConnectCode.ALREADY_EXISTS;
            case ENOTDIR, EISDIR, EINVAL, ENAMETOOLONG, EREMOTE, E2BIG, ESPIPE -> ConnectCode.INVALID_ARGUMENT;
            case ELOOP, EBUSY, ENOTEMPTY, EXDEV, EROFS -> ConnectCode.FAILED_PRECONDITION;
            case EPERM, EACCES -> ConnectCode.PERMISSION_DENIED;
            case ENOSPC, EDQUOT, EMFILE, ENOMEM, EAGAIN, EOVERFLOW -> ConnectCode.RESOURCE_EXHAUSTED;
            default -> ConnectCode.INTERNAL;
        };
    }

    /** START's own: whatever is wrong with the program or its surroundings is the argument's fault. */
    static ConnectFailure ofStart(GuestFailure failure, String command) {
        return switch (failure.errno()) {
            case ENOENT, EACCES, EPERM, ENOEXEC, ELOOP, EISDIR, EINVAL, ENAMETOOLONG, ENOTDIR, E2BIG ->
                new ConnectFailure(
                        ConnectCode.INVALID_ARGUMENT,
                        failure.text().startsWith("cwd ")
                                ? failure.text()
                                : "error starting process '" + command + "': " + failure.text());
            default -> toConnect(failure);
        };
    }

    /** What {@code /files} answers; {@code path} is what was asked for, as the guest would resolve it. */
    static HttpFailure toHttp(GuestFailure failure, String user, String path) {
        if (failure instanceof GuestUnreachable) {
            return new HttpFailure(BAD_GATEWAY, failure.text());
        }
        return switch (failure.errno()) {
            case ENOKEY ->
                new HttpFailure(UNAUTHORIZED, "error looking up user '" + user + "': user: unknown user " + user);
            case ENOENT -> new HttpFailure(NOT_FOUND, "path '" + path + "' does not exist");
            case EISDIR -> new HttpFailure(BAD_REQUEST, "path '" + path + "' is a directory");
            case ENOTDIR, EINVAL, ENAMETOOLONG, ELOOP, ESPIPE, E2BIG -> new HttpFailure(BAD_REQUEST, failure.text());
            case ENOSPC, EDQUOT -> new HttpFailure(INSUFFICIENT_STORAGE, "not enough disk space available");
            default -> new HttpFailure(INTERNAL, failure.text());
        };
    }
}
