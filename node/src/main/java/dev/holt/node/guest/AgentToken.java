package dev.holt.node.guest;

import java.security.SecureRandom;
import java.util.HexFormat;

/** The secret of one boot of a guest: 64 lower-case hex digits. */
public record AgentToken(String hex) {
    public AgentToken {
        if (!hex.matches("[0-9a-f]{64}")) {
            throw new IllegalArgumentException("an agent token is 64 lower-case hex digits");
        }
    }

    /** A new token. */
    public static AgentToken random(SecureRandom random) {
        byte[] bytes = new byte[32];
        random.nextBytes(bytes);
        return new AgentToken(HexFormat.of().formatHex(bytes));
    }

    /** Says nothing, so that no log ever does. */
    @Override
    public String toString() {
        return "AgentToken[hidden]";
    }
}
