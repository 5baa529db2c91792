package dev.holt.edge;

import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.wire.files.FileSignature;
import dev.holt.wire.id.SandboxId;
import java.util.Optional;
import java.util.OptionalLong;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.Fields;
import org.jspecify.annotations.Nullable;

/**
 * Finds the sandbox that a signed address of a file is for when nothing else in the request says it. SDKs that are told one
 * address for all sandboxes ({@code E2B_SANDBOX_URL}) make signed addresses without the sandbox's name; the signature is
 * made with its token, so the sandbox whose token makes the same signature is the one. One hash for each sandbox.
 */
final class SignedFiles {
    private static final int LONGEST_QUERY = 16 * 1024;

    private SignedFiles() {}

    /** Whether the request asks for a file with a signature. */
    static boolean isSigned(Request request) {
        String query = request.getHttpURI().getQuery();
        return Request.getPathInContext(request).equals("/files")
                && query != null
                && query.length() <= LONGEST_QUERY
                && query.contains("signature=v1_");
    }

    /** Whose token signed a signed request; empty when it is nobody's that runs. */
    static Optional<SandboxId> signer(Request request, Node node) {
        Fields fields = Request.extractQueryParameters(request);
        String signature = orEmpty(fields.getValue("signature"));
        OptionalLong expires;
        try {
            String text = fields.getValue("signature_expiration");
            expires = text == null ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(text));
        } catch (NumberFormatException nonsense) {
            return Optional.empty();
        }
        String operation = request.getMethod().equals("POST") ? "write" : "read";
        String path = orEmpty(fields.getValue("path"));
        String user = orEmpty(fields.getValue("username"));
        for (SandboxStatus sandbox : node.list()) {
            Optional<String> token = sandbox.accessToken();
            if (token.isPresent()
                    && FileSignature.of(path, operation, user, token.get(), expires)
                            .matches(signature)) {
                return Optional.of(sandbox.id());
            }
        }
        return Optional.empty();
    }

    private static String orEmpty(@Nullable String text) {
        return text == null ? "" : text;
    }
}
