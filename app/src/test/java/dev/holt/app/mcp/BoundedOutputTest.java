package dev.holt.app.mcp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BoundedOutputTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 9, 10, 15, 19, 20})
    void whatFitsIsWhole(int length) {
        BoundedOutput output = new BoundedOutput(20);
        String text = "0123456789abcdefghij".substring(0, length);
        for (byte next : text.getBytes(StandardCharsets.UTF_8)) {
            output.add(new byte[] {next});
        }
        assertThat(output.text()).isEqualTo(text);
        assertThat(output.isEmpty()).isEqualTo(length == 0);
    }

    @ParameterizedTest
    @ValueSource(ints = {21, 22, 29, 30, 31, 1000, 100_003})
    void ofMoreTheBeginningAndTheEndAreKept(int length) {
        BoundedOutput output = new BoundedOutput(20);
        output.add("ABCDEFGHIJ" + "x".repeat(length - 20) + "0123456789");
        assertThat(output.text()).isEqualTo("ABCDEFGHIJ\n[... " + (length - 20) + " bytes left out ...]\n0123456789");
    }

    @ParameterizedTest
    @ValueSource(strings = {"é", "€", "😀"})
    void noCharacterIsCutApart(String character) {
        int width = character.getBytes(StandardCharsets.UTF_8).length;
        for (int shift = 0; shift < 5; shift++) {
            BoundedOutput output = new BoundedOutput(21);
            String text = "a".repeat(shift) + character.repeat(40);
            output.add(text);
            String shown = output.text();
            assertThat(shown).doesNotContain("\ufffd");
            int gap = shown.indexOf("\n[... ");
            String before = shown.substring(0, gap);
            String after = shown.substring(shown.indexOf("]\n") + 2);
            assertThat(text).startsWith(before).endsWith(after);
            int leftOut = Integer.parseInt(shown.replaceAll("(?s).*\\[\\.\\.\\. (\\d+) bytes.*", "$1"));
            assertThat(leftOut)
                    .isEqualTo(shift
                            + 40 * width
                            - before.getBytes(StandardCharsets.UTF_8).length
                            - after.getBytes(StandardCharsets.UTF_8).length);
        }
    }

    @Test
    void bytesThatAreNoTextAreKeptAsWellAsTheyCanBe() {
        BoundedOutput output = new BoundedOutput(4);
        output.add(new byte[] {(byte) 0x80, (byte) 0x80, (byte) 0x80, (byte) 0x80, (byte) 0x80, (byte) 0x80});
        assertThat(output.text()).contains("bytes left out");
    }
}
