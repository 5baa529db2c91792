package dev.holt.edge.relay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class ResponseParsingTest {
    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    @Property(tries = 5000)
    void anyHeadIsParsedOrRefused(@ForAll @From("heads") String text) {
        ByteBuffer in = bytes(text);
        int end = ResponseHead.end(in, 0);
        if (end < 0) {
            return;
        }
        try {
            ResponseHead head = ResponseHead.parse(in, end);
            assertThat(in.position()).isEqualTo(end);
            assertThat(head.status()).isBetween(100, 599);
            head.fields().forEach(field -> {
                assertThat(field.getName()).matches("[!#$%&'*+.^_`|~0-9A-Za-z-]+");
                assertThat(field.getValue()).doesNotContain("\r", "\n", "\0");
            });
        } catch (MalformedResponse refused) {
            assertThat(refused).hasMessageNotContaining("null");
        }
    }

    @Provide
    Arbitrary<String> heads() {
        Arbitrary<String> pieces = Arbitraries.of(
                "HTTP/1.1 200 OK\r\n",
                "HTTP/1.0 ",
                "204",
                " ",
                "\r\n",
                "\n",
                "\r",
                "\0",
                ":",
                "Content-Length: ",
                "5",
                ",",
                "99999999999999999999",
                "Transfer-Encoding: chunked\r\n",
                "Connection: close, X-A\r\n",
                "X-A: b\r\n",
                "\t",
                "\u00e9");
        Arbitrary<String> text = pieces.list().ofMaxSize(20).map(list -> String.join("", list));
        return Arbitraries.oneOf(text.map(rest -> "HTTP/1.1 200 OK\r\n" + rest + "\r\n\r\n"), text);
    }

    @Property
    void chunksComeOutWholeHoweverTheyAreCut(
            @ForAll @Size(max = 20) List<@From("payloads") String> chunks, @ForAll @IntRange(min = 1, max = 50) int cut)
            throws Exception {
        StringBuilder wire = new StringBuilder();
        for (String chunk : chunks) {
            wire.append(Integer.toHexString(chunk.length()))
                    .append(";ext=\"1\"\r\n")
                    .append(chunk)
                    .append("\r\n");
        }
        wire.append("0\r\nTrailer: x\r\n\r\nbehind");
        BodyDecoder decoder = BodyDecoder.chunked();
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        String rest = wire.toString();
        while (!decoder.isEnd()) {
            ByteBuffer in = bytes(rest.substring(0, Math.min(cut, rest.length())));
            int given = in.remaining();
            ByteBuffer data = decoder.decode(in);
            while (data.hasRemaining()) {
                body.write(data.get());
            }
            rest = rest.substring(given - in.remaining());
        }
        assertThat(body.toString(StandardCharsets.ISO_8859_1)).isEqualTo(String.join("", chunks));
        assertThat(rest).isEqualTo("behind");
    }

    @Provide
    Arbitrary<String> payloads() {
        return Arbitraries.strings()
                .withCharRange((char) 0, (char) 255)
                .ofMinLength(1)
                .ofMaxLength(40);
    }

    @Property(tries = 5000)
    void anyBytesAreABodyOrRefused(
            @ForAll @From("chunkish") String text,
            @ForAll @IntRange(max = 3) int framing,
            @ForAll @IntRange(min = 1, max = 9) int cut) {
        BodyDecoder decoder = switch (framing) {
            case 0 -> BodyDecoder.none();
            case 1 -> BodyDecoder.ofLength(7);
            case 2 -> BodyDecoder.untilClose();
            default -> BodyDecoder.chunked();
        };
        ByteBuffer whole = bytes(text);
        int out = 0;
        try {
            while (whole.hasRemaining() && !decoder.isEnd()) {
                int length = Math.min(cut, whole.remaining());
                ByteBuffer in = ByteBuffer.allocate(length)
                        .put(whole.slice(whole.position(), length))
                        .flip();
                out += decoder.decode(in).remaining();
                whole.position(whole.position() + length - in.remaining());
                assertThat(in.hasRemaining()).isEqualTo(decoder.isEnd() && in.hasRemaining());
            }
            assertThat(out).isLessThanOrEqualTo(text.length());
        } catch (MalformedResponse refused) {
            assertThat(framing).isEqualTo(3);
        }
    }

    @Provide
    Arbitrary<String> chunkish() {
        Arbitrary<String> pieces =
                Arbitraries.of("5", "a", "F", "0", "\r\n", "\n", ";", " ", "hello", "-1", "x", "fffffffffffffffff");
        return pieces.list().ofMaxSize(30).map(list -> String.join("", list));
    }

    @Test
    void chunkLinesAndTrailersAreBounded() {
        for (String endless :
                List.of("5;" + "x".repeat(20_000), "0\r\n" + "a: b\r\n".repeat(5000), "0".repeat(20_000))) {
            BodyDecoder decoder = BodyDecoder.chunked();
            assertThatThrownBy(() -> decoder.decode(bytes(endless))).isInstanceOf(MalformedResponse.class);
        }
        assertThatThrownBy(() -> BodyDecoder.chunked().decode(bytes("7fffffffffffffffff\r\n")))
                .isInstanceOf(MalformedResponse.class);
    }

    @Test
    void anEndWithinABodyIsNoEnd() throws Exception {
        assertThatThrownBy(() -> BodyDecoder.ofLength(3).connectionEnded()).isInstanceOf(EOFException.class);
        assertThatThrownBy(() -> BodyDecoder.chunked().connectionEnded()).isInstanceOf(EOFException.class);
        BodyDecoder decoder = BodyDecoder.untilClose();
        decoder.connectionEnded();
        assertThat(decoder.isEnd()).isTrue();
    }
}
