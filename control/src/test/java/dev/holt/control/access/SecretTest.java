package dev.holt.control.access;

import static org.assertj.core.api.Assertions.assertThat;

import java.security.SecureRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SecretTest {
    @Test
    void masksShowTheEndsOnly() {
        Secret secret = Secret.parse("e2b_" + "0123456789abcdef".repeat(2)).orElseThrow();
        assertThat(secret.mask()).isEqualTo(new Mask("e2b_", 32, "01", "cdef"));
        assertThat(secret).hasToString("e2b_01...cdef");
        assertThat(Secret.parse("sk_e2b_" + "ab".repeat(20)).orElseThrow().mask())
                .isEqualTo(new Mask("sk_e2b_", 40, "ab", "abab"));
    }

    @Test
    void hashesAreThePublishedFunction() {
        // The example of FIPS 180-2 for "abc".
        assertThat(Secret.sha256("abc")).isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        Secret secret = Secret.parse("e2b_" + "0".repeat(40)).orElseThrow();
        assertThat(secret.hash()).isEqualTo(Secret.sha256(secret.clear()));
    }

    @Test
    void newSecretsDifferAndAreTheirOwnKind() {
        SecureRandom random = new SecureRandom();
        assertThat(Secret.random(Secret.API_KEY, random).clear())
                .matches("e2b_[0-9a-f]{40}")
                .isNotEqualTo(Secret.random(Secret.API_KEY, random).clear());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "e2b_",
                "e2b_0123",
                "E2B_00000000000000000000000000000000",
                "e2b_0000000000000000000000000000000G",
                "x_e2b_00000000000000000000000000000000"
            })
    void whatCannotBeAKeyIsNone(String text) {
        assertThat(Secret.parse(text)).isEmpty();
    }

    @Test
    void comparingLooksAtEverything() {
        assertThat(Secret.same("abc", "abc")).isTrue();
        assertThat(Secret.same("abc", "abd")).isFalse();
        assertThat(Secret.same("abc", "abcd")).isFalse();
    }
}
