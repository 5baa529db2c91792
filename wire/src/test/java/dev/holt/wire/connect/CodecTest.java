package dev.holt.wire.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.protobuf.ByteString;
import dev.holt.wire.filesystem.EntryInfo;
import dev.holt.wire.filesystem.FileType;
import dev.holt.wire.process.ProcessConfig;
import dev.holt.wire.process.ProcessEvent;
import dev.holt.wire.process.StartRequest;
import dev.holt.wire.process.StartResponse;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class CodecTest {
    private static final int MAXIMUM = 1000;

    private static EnvelopeReader reader(byte[] bytes, String encoding) {
        return new EnvelopeReader(
                new ByteArrayInputStream(bytes), Optional.of(encoding).filter(name -> !name.isEmpty()), MAXIMUM);
    }

    private static byte[] gzip(byte[] plain) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
            gzip.write(plain);
        }
        return bytes.toByteArray();
    }

    @Property(tries = 300)
    void envelopesComeBackAsTheyWere(@ForAll @Size(max = 5) List<byte[]> messages, @ForAll boolean compressed)
            throws IOException {
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        for (byte[] message : messages) {
            stream.write(compressed ? Envelope.wrap(Envelope.COMPRESSED, gzip(message)) : Envelope.wrap(0, message));
        }
        EnvelopeReader reader = reader(stream.toByteArray(), "gzip");
        for (byte[] message : messages) {
            assertThat(reader.next())
                    .hasValueSatisfying(read -> assertThat(read).isEqualTo(message));
        }
        assertThat(reader.next()).isEmpty();
    }

    @Property(tries = 1000)
    void anyBytesAreEnvelopesOrAFailure(@ForAll @Size(max = 40) byte[] bytes) throws IOException {
        EnvelopeReader reader = reader(bytes, "gzip");
        List<byte[]> read = new ArrayList<>();
        try {
            for (Optional<byte[]> next = reader.next(); next.isPresent(); next = reader.next()) {
                read.add(next.get());
            }
        } catch (ConnectFailure failure) {
            assertThat(failure.code()).isIn(ConnectCode.INVALID_ARGUMENT, ConnectCode.RESOURCE_EXHAUSTED);
        }
        assertThat(read).allSatisfy(message -> assertThat(message.length).isLessThanOrEqualTo(MAXIMUM));
    }

    @Property(tries = 1000)
    void anyBytesAreAMessageOrInvalid(@ForAll @Size(max = 60) byte[] bytes, @ForAll MessageFormat format) {
        try {
            assertThat(format.decode(bytes, StartRequest.getDefaultInstance())).isNotNull();
        } catch (ConnectFailure failure) {
            assertThat(failure.code()).isEqualTo(ConnectCode.INVALID_ARGUMENT);
        }
    }

    private static ConnectCode codeOf(byte[] bytes, String encoding) {
        return catchThrowableOfType(
                        ConnectFailure.class, () -> reader(bytes, encoding).next())
                .code();
    }

    @Test
    void refusesWhatIsTooLongOrOfUnknownCompression() throws IOException {
        byte[] bomb = gzip(new byte[MAXIMUM + 1]);
        assertThat(codeOf(Envelope.wrap(Envelope.COMPRESSED, bomb), "gzip")).isEqualTo(ConnectCode.RESOURCE_EXHAUSTED);
        assertThat(codeOf(Envelope.wrap(0, new byte[MAXIMUM + 1]), "")).isEqualTo(ConnectCode.RESOURCE_EXHAUSTED);
        assertThat(codeOf(Envelope.wrap(Envelope.COMPRESSED, bomb), "br")).isEqualTo(ConnectCode.UNIMPLEMENTED);
        assertThat(codeOf(Envelope.wrap(Envelope.COMPRESSED, bomb), "")).isEqualTo(ConnectCode.INVALID_ARGUMENT);
        assertThat(codeOf(Arrays.copyOf(Envelope.wrap(0, new byte[10]), 8), ""))
                .isEqualTo(ConnectCode.INVALID_ARGUMENT);
        assertThat(codeOf(Envelope.end(), "")).isEqualTo(ConnectCode.INVALID_ARGUMENT);
    }

    @Test
    void writesJsonAsOtherImplementationsDo() {
        StartResponse data = StartResponse.newBuilder()
                .setEvent(ProcessEvent.newBuilder()
                        .setData(ProcessEvent.DataEvent.newBuilder().setStdout(ByteString.copyFromUtf8("hi\n"))))
                .build();
        assertThat(MessageFormat.JSON.encode(data))
                .asString()
                .isEqualTo("{\"event\":{\"data\":{\"stdout\":\"aGkK\"}}}");
        EntryInfo entry = EntryInfo.newBuilder()
                .setType(FileType.FILE_TYPE_DIRECTORY)
                .setSize(1L << 40)
                .setSymlinkTarget("")
                .build();
        assertThat(MessageFormat.JSON.encode(entry))
                .asString()
                .isEqualTo("{\"type\":\"FILE_TYPE_DIRECTORY\",\"size\":\"1099511627776\",\"symlinkTarget\":\"\"}");
    }

    @Test
    void readsJsonWithUnknownFieldsAndEitherSpelling() {
        StartRequest request = MessageFormat.JSON.decode(
                "{\"process\":{\"cmd\":\"ls\",\"later\":{\"a\":[1]}},\"stdin\":false}".getBytes(StandardCharsets.UTF_8),
                StartRequest.getDefaultInstance());
        assertThat(request.getProcess())
                .isEqualTo(ProcessConfig.newBuilder().setCmd("ls").build());
        assertThat(request.hasStdin()).isTrue();
        assertThat(MessageFormat.JSON
                        .decode(
                                "{\"symlink_target\":\"x\"}".getBytes(StandardCharsets.UTF_8),
                                EntryInfo.getDefaultInstance())
                        .getSymlinkTarget())
                .isEqualTo("x");
    }

    @Test
    void knowsItsContentTypesAndNoOthers() {
        assertThat(ConnectContentType.parse("application/json; charset=UTF-8"))
                .contains(new ConnectContentType(MessageFormat.JSON, false));
        for (String header : List.of(
                "application/json", "application/proto", "application/connect+json", "application/connect+proto")) {
            assertThat(ConnectContentType.parse(header).orElseThrow().header()).isEqualTo(header);
        }
        for (String header : List.of("", "text/json", "application/grpc", "application/json; charset=latin1")) {
            assertThat(ConnectContentType.parse(header)).isEmpty();
        }
    }

    @Test
    void errorsAreJson() {
        ConnectFailure failure = new ConnectFailure(ConnectCode.NOT_FOUND, "no \"x\"");
        assertThat(failure.toJson()).asString().isEqualTo("{\"code\":\"not_found\",\"message\":\"no \\\"x\\\"\"}");
        assertThat(failure.toEndOfStream())
                .asString()
                .isEqualTo("{\"error\":{\"code\":\"not_found\",\"message\":\"no \\\"x\\\"\"}}");
    }
}
