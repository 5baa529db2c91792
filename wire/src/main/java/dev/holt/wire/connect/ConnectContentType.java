package dev.holt.wire.connect;

import java.util.Locale;
import java.util.Optional;

/** What the content type of a Connect request says: how messages are written and whether they come in envelopes. */
public record ConnectContentType(MessageFormat format, boolean streaming) {
    private static final String UNARY = "application/";
    private static final String STREAMING = "application/connect+";

    /** The content type that {@code header} names, or empty when it is none of Connect's. */
    public static Optional<ConnectContentType> parse(String header) {
        String[] parts = header.toLowerCase(Locale.ROOT).split(";", -1);
        String type = parts[0].strip();
        for (int i = 1; i < parts.length; i++) {
            String parameter = parts[i].replace("\"", "").replace(" ", "");
            if (!parameter.isEmpty() && !parameter.equals("charset=utf-8")) {
                return Optional.empty();
            }
        }
        for (MessageFormat format : MessageFormat.values()) {
            if (type.equals(UNARY + format.wireName())) {
                return Optional.of(new ConnectContentType(format, false));
            }
            if (type.equals(STREAMING + format.wireName())) {
                return Optional.of(new ConnectContentType(format, true));
            }
        }
        return Optional.empty();
    }

    /** The value for the header of an answer. */
    public String header() {
        return (streaming ? STREAMING : UNARY) + format.wireName();
    }
}
