package dev.holt.node.interpreter.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holt.node.interpreter.jupyter.Channel;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import dev.holt.node.interpreter.jupyter.KernelMessage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class OutputsTest {
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private final LineWriter writer = new LineWriter(bytes -> {
        byte[] copy = new byte[bytes.remaining()];
        bytes.get(copy);
        written.writeBytes(copy);
    });
    private final Outputs outputs = new Outputs(writer);

    private static KernelMessage message(String content) {
        return new KernelMessage(
                Channel.IOPUB,
                "any",
                "id",
                Optional.of("parent"),
                Instant.ofEpochSecond(1_700_000_000, 5_000),
                content.getBytes(StandardCharsets.UTF_8));
    }

    private static KernelMessage message(Object content) {
        return message(JsonMapper.shared().writeValueAsString(content));
    }

    /** The one line that was written, which must be ASCII. */
    private JsonNode line() throws IOException {
        writer.flush();
        String text = written.toString(StandardCharsets.ISO_8859_1);
        written.reset();
        assertThat(text).endsWith("\n");
        assertThat(text.indexOf('\n')).isEqualTo(text.length() - 1);
        assertThat(text.chars()).allMatch(character -> character == '\n' || (character >= ' ' && character < 0x7f));
        return JsonMapper.shared().readTree(text);
    }

    @Test
    void streamsHaveTextAndTimestamp() throws IOException {
        outputs.stream(message(Map.of("name", "stdout", "text", "höhe 😀\u2028\n")));
        JsonNode line = line();
        assertThat(line.path("type").asString()).isEqualTo("stdout");
        assertThat(line.path("text").asString()).isEqualTo("höhe 😀\u2028\n");
        assertThat(line.path("timestamp").asLong()).isEqualTo(1_700_000_000_000_005_000L);
        outputs.stream(message(Map.of("name", "stderr", "text", "")));
        assertThat(line().path("type").asString()).isEqualTo("stderr");
    }

    @Test
    void everyKnownFormatHasItsFieldAndTheRestIsExtra() throws IOException {
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("text/plain", "t");
        data.put("text/html", "<b>");
        data.put("text/markdown", "*");
        data.put("image/svg+xml", "<svg>");
        data.put("image/png", "cG5n");
        data.put("image/jpeg", "anBn");
        data.put("application/pdf", "cGRm");
        data.put("text/latex", "$x$");
        data.put("application/json", Map.of("a", List.of(1, 2)));
        data.put("application/javascript", "1");
        data.put("e2b/data", Map.of("column", List.of(1)));
        data.put("e2b/chart", Map.of("type", "line"));
        data.put("application/vnd.other+json", Map.of("x", 1));
        data.put("text/\"odd\"é", "o");
        outputs.result(message(Map.of("data", data, "metadata", Map.of())), true);
        JsonNode line = line();
        assertThat(line.toString())
                .isEqualTo(
                        "{\"type\":\"result\",\"text\":\"t\",\"html\":\"<b>\",\"markdown\":\"*\",\"svg\":\"<svg>\",\"png\":\"cG5n\","
                                + "\"jpeg\":\"anBn\",\"pdf\":\"cGRm\",\"latex\":\"$x$\",\"json\":{\"a\":[1,2]},\"javascript\":\"1\","
                                + "\"data\":{\"column\":[1]},\"chart\":{\"type\":\"line\"},\"extra\":{\"application/vnd.other+json\":{\"x\":1},"
                                + "\"text/\\\"odd\\\"é\":\"o\"},\"is_main_result\":true}");
    }

    @Test
    void aResultWithoutAnythingKnownIsStillOne() throws IOException {
        outputs.result(message("{\"data\":{}, \"metadata\":{}}"), false);
        assertThat(line().toString()).isEqualTo("{\"type\":\"result\",\"is_main_result\":false}");
        outputs.result(message("{\"data\":{\"text/html\":null,\"x/y\":1}}"), false);
        assertThat(line().toString()).isEqualTo("{\"type\":\"result\",\"extra\":{\"x/y\":1},\"is_main_result\":false}");
    }

    @Test
    void theQuotesOfAShownStringAreLeftOut() throws IOException {
        assertThat(shown("'a'")).isEqualTo("a");
        assertThat(shown("\"it's\"")).isEqualTo("it's");
        assertThat(shown("''")).isEmpty();
        assertThat(shown("\"\"")).isEmpty();
        assertThat(shown("'")).isEqualTo("'");
        assertThat(shown("\"")).isEqualTo("\"");
        assertThat(shown("'a\"")).isEqualTo("'a\"");
        assertThat(shown("\"a\\")).isEqualTo("\"a\\");
        assertThat(shown("\"a\\\"")).isEqualTo("a\\");
        assertThat(shown("5")).isEqualTo("5");
    }

    private String shown(String text) throws IOException {
        outputs.result(message(Map.of("data", Map.of("text/plain", text))), true);
        return line().path("text").asString();
    }

    @Property(tries = 500)
    void anyTextComesThrough(@ForAll String text) throws IOException {
        String sound = new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8); // no lone surrogates
        outputs.stream(message(Map.of("name", "stdout", "text", sound)));
        assertThat(line().path("text").asString()).isEqualTo(sound);
        outputs.result(message(Map.of("data", Map.of("text/html", sound, sound + "/x", sound))), false);
        JsonNode result = line();
        assertThat(result.path("html").asString()).isEqualTo(sound);
        assertThat(result.path("extra").path(sound + "/x").asString()).isEqualTo(sound);
    }

    @Property(tries = 1000)
    void anyContentBecomesALineOrIsRefused(@ForAll byte[] content) throws IOException {
        KernelMessage message = new KernelMessage(Channel.IOPUB, "any", "id", Optional.empty(), Instant.EPOCH, content);
        for (Tell tell : List.<Tell>of(
                outputs::stream, told -> outputs.result(told, true), outputs::executionCount, outputs::error)) {
            try {
                tell.tell(message);
            } catch (KernelFailure failure) {
                assertThat(failure.kind()).isEqualTo(KernelFailure.Kind.MALFORMED);
                assertThat(writer.isDirty()).isFalse();
                continue;
            }
            if (writer.isDirty()) {
                assertThat(line().has("type")).isTrue();
            }
        }
    }

    private interface Tell {
        void tell(KernelMessage message) throws IOException;
    }

    @Test
    void whatIsNoJsonIsRefusedBeforeAnythingIsWritten() {
        for (String content :
                List.of("", "{", "[]", "{\"data\":nonsense}", "{\"data\":{}} x", "{\"data\":NaN}", "\u0000")) {
            assertThatThrownBy(() -> outputs.result(message(content), true))
                    .as(content)
                    .isInstanceOfSatisfying(
                            KernelFailure.class,
                            failure -> assertThat(failure.kind()).isEqualTo(KernelFailure.Kind.MALFORMED));
            assertThat(writer.isDirty()).isFalse();
        }
    }

    @Test
    void spreadOutJsonStaysOneLine() throws IOException {
        outputs.result(
                message(
                        "{\n \"data\" : {\n\t\"application/json\" : {\r\n \"a\" : [ 1 ,\n 2 ] } ,\n \"text/plain\":\"'x'\"\n}\n}\n"),
                true);
        JsonNode line = line();
        assertThat(line.path("json").path("a").size()).isEqualTo(2);
        assertThat(line.path("text").asString()).isEqualTo("x");
    }

    @Test
    void anErrorHasNameValueAndACleanTraceback() throws IOException {
        outputs.error(message(Map.of(
                "ename",
                "ValueError",
                "evalue",
                "\u001b[31mred\u001b[0m",
                "traceback",
                List.of("first\u001b[1;32m", "second"))));
        assertThat(line().toString())
                .isEqualTo(
                        "{\"type\":\"error\",\"name\":\"ValueError\",\"value\":\"red\",\"traceback\":\"first\\nsecond\"}");
        outputs.error("Another", "is not told", "");
        assertThat(writer.isDirty()).isFalse();
        assertThat(outputs.failed()).isTrue();
    }

    @Test
    void anErrorOfUnreasonableLengthIsNamed() throws IOException {
        outputs.error(message(Map.of("ename", "E", "evalue", "x".repeat(5_000_000))));
        assertThat(line().path("name").asString()).isEqualTo("ErrorTooLarge");
    }

    @Test
    void theCountOfExecutions() throws IOException {
        outputs.executionCount(message("{\"code\":\"1\",\"execution_count\":7}"));
        assertThat(line().toString()).isEqualTo("{\"type\":\"number_of_executions\",\"execution_count\":7}");
    }

    @Test
    void bytesThatAreNoUtf8AreReplaced() throws IOException {
        byte[][] odd = {
            {(byte) 0xc3},
            {(byte) 0xc0, (byte) 0x80},
            {(byte) 0xed, (byte) 0xa0, (byte) 0x80},
            {(byte) 0xff},
            {(byte) 0xf4, (byte) 0x90, (byte) 0x80, (byte) 0x80}
        };
        for (byte[] bytes : odd) {
            writer.ascii("{\"x\":\"");
            writer.bytes(bytes, 0, bytes.length);
            writer.ascii("\"}\n");
            assertThat(line().path("x").asString()).matches("\ufffd+");
        }
    }
}
