package dev.holt.node.envd;

import dev.holt.http.HttpFailure;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What an {@code Accept-Encoding} header asks for, of gzip and identity (RFC 9110, 12.5.3). */
record AcceptedEncoding(boolean gzip, boolean identityAllowed) {
    private static final int NOT_ACCEPTABLE = 406;

    private record Choice(String coding, double quality) {}

    /** @throws HttpFailure 406 when neither will do */
    static AcceptedEncoding parse(@Nullable String header) {
        if (header == null || header.isBlank()) {
            return new AcceptedEncoding(false, true);
        }
        List<Choice> choices = new ArrayList<>();
        for (String part : header.split(",", -1)) {
            choices.add(choice(part));
        }
        boolean identityAllowed = choices.stream()
                .filter(choice -> choice.coding.equals("identity"))
                .findFirst()
                .or(() -> choices.stream()
                        .filter(choice -> choice.coding.equals("*"))
                        .findFirst())
                .map(choice -> choice.quality > 0)
                .orElse(true);
        choices.sort(Comparator.comparingDouble(Choice::quality).reversed());
        for (Choice choice : choices) {
            if (choice.quality <= 0) {
                continue;
            }
            switch (choice.coding) {
                case "gzip" -> {
                    return new AcceptedEncoding(true, identityAllowed);
                }
                case "identity" -> {
                    return new AcceptedEncoding(false, true);
                }
                case "*" -> {
                    return new AcceptedEncoding(!identityAllowed, identityAllowed);
                }
                default -> {}
            }
        }
        if (!identityAllowed) {
            throw notAcceptable("no acceptable encoding found, supported: [identity, gzip]");
        }
        return new AcceptedEncoding(false, true);
    }

    /** @throws HttpFailure 406 when the content must not come as it is */
    void requireIdentity() {
        if (!identityAllowed) {
            throw notAcceptable("identity encoding not acceptable for Range or conditional request");
        }
    }

    private static HttpFailure notAcceptable(String message) {
        return new HttpFailure(NOT_ACCEPTABLE, message);
    }

    private static Choice choice(String part) {
        String[] parameters = part.split(";", -1);
        double quality = 1;
        for (int i = 1; i < parameters.length; i++) {
            String parameter = parameters[i].strip().toLowerCase(Locale.ROOT);
            if (parameter.startsWith("q=")) {
                try {
                    quality = Double.parseDouble(parameter.substring(2));
                } catch (NumberFormatException nonsense) {
                    quality = 1;
                }
            }
        }
        return new Choice(parameters[0].strip().toLowerCase(Locale.ROOT), quality);
    }
}
