package dev.holt.node.interpreter.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holt.http.HttpFailure;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SocketMessagesTest {
    private static final List<byte[]> PLAIN =
            List.of(bytes("{\"msg_id\":\"1\"}"), bytes("{}"), bytes("{\"m\":1}"), bytes("{\"c\":\"ü\"}"));

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static List<byte[]> with(byte[]... buffers) {
        List<byte[]> parts = new java.util.ArrayList<>(PLAIN);
        parts.addAll(List.of(buffers));
        return parts;
    }

    @Test
    void theOriginalFormIsTextWithTheKernelsPartsInIt() {
        assertThat(SocketMessages.encode("iopub", "1", "status", PLAIN, false))
                .isEqualTo(new SocketMessages.Outgoing.Text(
                        "{\"channel\":\"iopub\",\"msg_id\":\"1\",\"msg_type\":\"status\",\"buffers\":[],"
                                + "\"header\":{\"msg_id\":\"1\"},\"parent_header\":{},\"metadata\":{\"m\":1},"
                                + "\"content\":{\"c\":\"ü\"}}"));
    }

    @Test
    void whatIsTextIsReadAndWhatIsMissingIsAnEmptyObject() {
        SocketMessages.Incoming message = SocketMessages.ofText(
                "{\"channel\":\"control\",\"header\":{\"msg_id\":\"1\"},\"parent_header\":null,\"content\":{\"c\":1}}");
        assertThat(message.channel()).isEqualTo("control");
        assertThat(message.parts())
                .containsExactly(bytes("{\"msg_id\":\"1\"}"), bytes("{}"), bytes("{}"), bytes("{\"c\":1}"));
        assertThat(SocketMessages.ofText("{\"header\":{}}").channel()).isEmpty();
        assertThatThrownBy(() -> SocketMessages.ofText("nonsense")).isInstanceOf(HttpFailure.class);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void buffersSurviveBothBinaryForms(boolean version1) {
        List<byte[]> parts = with(new byte[] {1, 2, 3}, new byte[0], new byte[] {-1});
        var encoded = (SocketMessages.Outgoing.Binary) SocketMessages.encode("shell", "1", "comm_msg", parts, version1);
        SocketMessages.Incoming back = SocketMessages.ofBinary(encoded.bytes(), version1);
        assertThat(back.channel()).isEqualTo("shell");
        assertThat(back.parts()).containsExactlyElementsOf(parts);
    }

    @Test
    void versionOneIsAsJupyterDescribesIt() {
        ByteBuffer bytes = ((SocketMessages.Outgoing.Binary) SocketMessages.encode("iopub", "1", "t", PLAIN, true))
                .bytes()
                .order(ByteOrder.LITTLE_ENDIAN);
        assertThat(bytes.getLong(0)).as("the number of offsets").isEqualTo(6);
        int start = 8 * 7;
        assertThat(bytes.getLong(8)).as("where the channel starts").isEqualTo(start);
        assertThat(bytes.getLong(16)).as("where it ends").isEqualTo(start + "iopub".length());
        assertThat(bytes.getLong(8 * 6)).as("the end").isEqualTo(bytes.limit());
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void nonsenseIsRefusedAndNothingWorse(boolean version1) {
        Random random = new Random(7);
        byte[] good = new byte
                [((SocketMessages.Outgoing.Binary)
                                SocketMessages.encode("shell", "1", "t", with(new byte[] {1}), version1))
                        .bytes()
                        .remaining()];
        ((SocketMessages.Outgoing.Binary) SocketMessages.encode("shell", "1", "t", with(new byte[] {1}), version1))
                .bytes()
                .get(good);
        for (int turn = 0; turn < 20_000; turn++) {
            byte[] bad = java.util.Arrays.copyOf(good, random.nextInt(good.length + 1));
            for (int change = 0; change < 3 && bad.length > 0; change++) {
                bad[random.nextInt(Math.min(bad.length, 70))] = (byte) random.nextInt();
            }
            try {
                SocketMessages.Incoming read = SocketMessages.ofBinary(ByteBuffer.wrap(bad), version1);
                assertThat(read.parts()).hasSizeGreaterThanOrEqualTo(4);
            } catch (HttpFailure refused) {
                assertThat(refused.body().code()).isEqualTo(400);
            }
        }
    }
}
