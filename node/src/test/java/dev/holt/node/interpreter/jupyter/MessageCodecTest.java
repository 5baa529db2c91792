package dev.holt.node.interpreter.jupyter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class MessageCodecTest {
    private final MessageCodec codec = new MessageCodec("a key");

    @Test
    void whatIsEncodedCanBeDecoded() {
        String id = codec.newId();
        List<byte[]> parts = new ArrayList<>(List.of("an identity".getBytes(StandardCharsets.UTF_8)));
        parts.addAll(codec.encode(id, "execute_request", Map.of("code", "1")));
        parts.add("a buffer behind it".getBytes(StandardCharsets.UTF_8));
        KernelMessage message = codec.decode(Channel.SHELL, parts).orElseThrow();
        assertThat(message.type()).isEqualTo("execute_request");
        assertThat(message.id()).isEqualTo(id);
        assertThat(message.parent()).isEmpty();
        assertThat(message.content()).asString().isEqualTo("{\"code\":\"1\"}");
    }

    @Property(tries = 300)
    void aMessageThatWasTamperedWithIsNone(
            @ForAll @IntRange(min = 1, max = 5) int part, @ForAll int position, @ForAll byte change) {
        List<byte[]> parts = codec.encode("id", "execute_request", Map.of("code", "print(1)"));
        byte[] tampered = parts.get(part);
        int at = Math.floorMod(position, tampered.length);
        byte before = tampered[at];
        tampered[at] += change;
        assertThat(codec.decode(Channel.SHELL, parts).isPresent()).isEqualTo(before == tampered[at]);
    }

    @Test
    void anotherKeyIsAnotherKernel() {
        List<byte[]> parts = new MessageCodec("another").encode("id", "status", Map.of());
        assertThat(codec.decode(Channel.IOPUB, parts)).isEmpty();
    }

    @Property(tries = 500)
    void anythingElseIsNoMessage(@ForAll @Size(max = 12) List<byte[]> parts) {
        assertThat(codec.decode(Channel.IOPUB, parts)).isEmpty();
    }

    @Property(tries = 500)
    void whatIsSignedAndYetNoMessageIsRefused(@ForAll @Size(min = 4, max = 4) List<byte[]> signed) {
        Optional<KernelMessage> message;
        try {
            message = codec.decode(Channel.IOPUB, codec.signed(signed));
        } catch (KernelFailure failure) {
            assertThat(failure.kind()).isEqualTo(KernelFailure.Kind.MALFORMED);
            return;
        }
        assertThat(message).isPresent();
    }

    @Test
    void headersAreReadWhateverElseIsInThem() {
        KernelMessage message = codec.decode(
                        Channel.IOPUB,
                        codec.signed(List.of(
                                bytes(
                                        "{\"extra\":{\"msg_type\":\"no\"},\"msg_type\":\"stream\",\"date\":\"2026-01-02T03:04:05.6+00:00\"}"),
                                bytes("{\"msg_id\":\"its parent\",\"more\":[1,[2]]}"),
                                bytes("not looked at"),
                                bytes("not looked at either"))))
                .orElseThrow();
        assertThat(message.type()).isEqualTo("stream");
        assertThat(message.answers("its parent")).isTrue();
        assertThat(message.date()).isEqualTo("2026-01-02T03:04:05.600Z");
    }

    @Test
    void aHeaderOfUnreasonableLengthIsRefused() {
        List<byte[]> parts = codec.signed(List.of(new byte[100_000], bytes("{}"), bytes("{}"), bytes("{}")));
        assertThatThrownBy(() -> codec.decode(Channel.IOPUB, parts)).hasMessageContaining("100000 bytes");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
