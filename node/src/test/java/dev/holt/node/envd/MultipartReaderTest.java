package dev.holt.node.envd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Assume;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class MultipartReaderTest {
    private static final String BOUNDARY = "b-";

    /** Gives at most so many bytes at a time. */
    private static final class Dribble extends InputStream {
        private final byte[] bytes;
        private final int most;
        private int at;

        Dribble(byte[] bytes, int most) {
            this.bytes = bytes;
            this.most = most;
        }

        @Override
        public int read() {
            return at == bytes.length ? -1 : bytes[at++] & 0xff;
        }

        @Override
        public int read(byte[] target, int offset, int length) {
            if (at == bytes.length) {
                return -1;
            }
            int count = Math.min(Math.min(most, length), bytes.length - at);
            System.arraycopy(bytes, at, target, offset, count);
            at += count;
            return count;
        }
    }

    private static byte[] readPart(MultipartReader reader, int size) throws IOException {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        byte[] bytes = new byte[size];
        for (int count = reader.read(bytes, 0, size); count >= 0; count = reader.read(bytes, 0, size)) {
            content.write(bytes, 0, count);
        }
        return content.toByteArray();
    }

    @Property(tries = 3000)
    void partsComeBackAsTheyWere(
            @ForAll @Size(max = 4) List<@net.jqwik.api.From("contents") byte[]> contents,
            @ForAll @IntRange(min = 1, max = 50) int chunk,
            @ForAll @IntRange(min = 1, max = 20) int read)
            throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (byte[] content : contents) {
            Assume.that(!new String(content, StandardCharsets.ISO_8859_1).contains("\r\n--" + BOUNDARY));
            body.writeBytes(("--" + BOUNDARY + "\r\nName: value\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            body.writeBytes(content);
            body.writeBytes("\r\n".getBytes(StandardCharsets.US_ASCII));
        }
        body.writeBytes(("--" + BOUNDARY + "--\r\n").getBytes(StandardCharsets.US_ASCII));
        MultipartReader reader = new MultipartReader(new Dribble(body.toByteArray(), chunk), BOUNDARY);
        for (byte[] content : contents) {
            assertThat(reader.next()).contains(Map.of("name", "value"));
            assertThat(readPart(reader, read)).isEqualTo(content);
        }
        assertThat(reader.next()).isEmpty();
    }

    /** Made of what delimiters are made of. */
    @Provide
    Arbitrary<byte[]> contents() {
        return Arbitraries.of((byte) '\r', (byte) '\n', (byte) '-', (byte) 'b', (byte) 'x')
                .array(byte[].class)
                .ofMaxSize(30);
    }

    @Property(tries = 2000)
    void anythingIsPartsOrAFailure(@ForAll("garbage") byte[] body, @ForAll @IntRange(min = 1, max = 9) int chunk) {
        List<Integer> sizes = new ArrayList<>();
        try {
            MultipartReader reader = new MultipartReader(new Dribble(body, chunk), BOUNDARY);
            while (reader.next().isPresent()) {
                sizes.add(readPart(reader, 7).length);
            }
        } catch (IOException malformed) {
            assertThat(malformed.getMessage()).isNotBlank();
        }
        assertThat(sizes.stream().mapToInt(Integer::intValue).sum()).isLessThanOrEqualTo(body.length);
    }

    @Provide
    Arbitrary<byte[]> garbage() {
        return Arbitraries.of(
                        "\r\n", "--", BOUNDARY, "--" + BOUNDARY, "\r\n--" + BOUNDARY, "Name: value\r\n", "x", "\0", " ")
                .list()
                .ofMaxSize(20)
                .map(pieces -> String.join("", pieces).getBytes(StandardCharsets.US_ASCII));
    }

    @Test
    void contentLargerThanTheBufferPassesThrough() throws IOException {
        byte[] content = new byte[1_000_000];
        Arrays.fill(content, (byte) '\r');
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        body.writeBytes("preamble\r\n--b-  \r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        body.writeBytes(content);
        body.writeBytes("\r\n--b---".getBytes(StandardCharsets.US_ASCII));
        MultipartReader reader = new MultipartReader(new ByteArrayInputStream(body.toByteArray()), BOUNDARY);
        assertThat(reader.next()).contains(Map.of());
        assertThat(readPart(reader, 8192)).isEqualTo(content);
        assertThat(reader.next()).isEmpty();
    }

    @Test
    void endlessHeadersAreRefused() throws IOException {
        MultipartReader reader = new MultipartReader(
                new ByteArrayInputStream(("--b-\r\nName: " + "x".repeat(100_000)).getBytes(StandardCharsets.US_ASCII)),
                BOUNDARY);
        assertThatThrownBy(reader::next).isInstanceOf(MultipartReader.MalformedException.class);
    }

    @Test
    void namesKeepTheirSlashesQuotesAndLetters() {
        assertThat(FileHeaders.parameter("form-data; name=\"file\"; filename=\"/a/b \\\"c\\\".txt\"", "filename"))
                .contains("/a/b \"c\".txt");
        assertThat(FileHeaders.parameter("form-data; filename=\"C:\\dir\\x\"", "filename"))
                .contains("C:\\dir\\x");
        assertThat(FileHeaders.parameter("form-data; filename=plain; filename*=UTF-8''%C3%A4+b", "filename"))
                .contains("ä+b");
        assertThat(FileHeaders.parameter("form-data; name=file", "filename")).isEqualTo(Optional.empty());
        assertThat(FileHeaders.contentDisposition("a b\".txt")).isEqualTo("inline; filename=\"a b\\\".txt\"");
        assertThat(FileHeaders.contentDisposition("ä.txt")).isEqualTo("inline; filename*=utf-8''%C3%A4.txt");
    }
}
