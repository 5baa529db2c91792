package dev.holt.control.sandbox;

import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import dev.holt.wire.id.SandboxId;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How clients write a sandbox's id: as it is, or followed by {@code -} and a client id, as older SDKs do. */
final class SandboxReference {
    private static final Pattern WRITTEN = Pattern.compile("([a-z0-9]{1,64})(?:-[a-z0-9]{1,64})?");

    private SandboxReference() {}

    /**
     * The id, or empty for one that no sandbox of ours can have.
     *
     * @throws ApiException 400 for text that is no id at all
     */
    static Optional<SandboxId> parse(String text) {
        Matcher matcher = WRITTEN.matcher(text);
        if (!matcher.matches()) {
            throw ApiException.invalid(
                    "sandboxID", "an id of a-z and 0-9 expected, got '" + Validator.shorten(text) + "'");
        }
        return SandboxId.parse(matcher.group(1));
    }
}
