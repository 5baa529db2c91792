package dev.holt.http;

import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Answers what no handler did, and what a handler threw, with an {@link ErrorBody}; details go to the log only. */
final class JsonErrorHandler extends ErrorHandler {
    private static final Logger LOG = LoggerFactory.getLogger(JsonErrorHandler.class);

    @Override
    public boolean errorPageForMethod(String method) {
        return true;
    }

    @Override
    protected void generateResponse(
            Request request,
            Response response,
            int code,
            @Nullable String message,
            @Nullable Throwable cause,
            Callback callback) {
        if (cause instanceof HttpFailure failure) {
            JsonAnswer.failure(response, callback, failure);
            return;
        }
        if (code >= 500 && cause != null && !(cause instanceof HttpException)) {
            LOG.warn("{} {} failed", request.getMethod(), request.getHttpURI().getPath(), cause);
        }
        JsonAnswer.error(response, callback, new ErrorBody(code, text(request, code, message, cause)));
    }

    private static String text(Request request, int code, @Nullable String message, @Nullable Throwable cause) {
        if (code == HttpStatus.NOT_FOUND_404) {
            return "there is no " + request.getMethod() + " "
                    + request.getHttpURI().getPath();
        }
        if (cause instanceof HttpException refused && refused.getReason() != null) {
            return refused.getReason();
        }
        if (code >= 500 || message == null) {
            return HttpStatus.getMessage(code);
        }
        return message;
    }
}
