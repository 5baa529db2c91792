package dev.holt.node.envd;

import com.google.protobuf.CodedOutputStream;
import dev.holt.node.guest.ProcessStream;
import dev.holt.wire.connect.Envelope;
import dev.holt.wire.connect.MessageFormat;
import dev.holt.wire.process.ProcessEvent;
import dev.holt.wire.process.StartResponse;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

/**
 * The messages of Start and Connect, which look alike, in their envelopes. Output is the bulk of all traffic and is written by
 * hand, with one copy; everything else takes the general way.
 */
final class ProcessEvents {
    private static final byte[] JSON_END = "\"}}}".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] JSON_STDOUT = jsonStart("stdout");
    private static final byte[] JSON_STDERR = jsonStart("stderr");
    private static final byte[] JSON_TERMINAL = jsonStart("pty");

    private ProcessEvents() {}

    private static byte[] jsonStart(String field) {
        return ("{\"event\":{\"data\":{\"" + field + "\":\"").getBytes(StandardCharsets.US_ASCII);
    }

    static byte[] start(MessageFormat format, int pid) {
        return general(
                format,
                ProcessEvent.newBuilder()
                        .setStart(ProcessEvent.StartEvent.newBuilder().setPid(pid)));
    }

    static byte[] end(MessageFormat format, ProcessEvent.EndEvent end) {
        return general(format, ProcessEvent.newBuilder().setEnd(end));
    }

    static byte[] keepalive(MessageFormat format) {
        return general(format, ProcessEvent.newBuilder().setKeepalive(ProcessEvent.KeepAlive.getDefaultInstance()));
    }

    private static byte[] general(MessageFormat format, ProcessEvent.Builder event) {
        return Envelope.wrap(
                0, format.encode(StartResponse.newBuilder().setEvent(event).build()));
    }

    static byte[] output(MessageFormat format, ProcessStream.Output output) {
        return switch (format) {
            case JSON -> json(output);
            case PROTO -> proto(output);
        };
    }

    private static byte[] json(ProcessStream.Output output) {
        byte[] start = switch (output.channel()) {
            case OUT -> JSON_STDOUT;
            case ERR -> JSON_STDERR;
            case TERMINAL -> JSON_TERMINAL;
        };
        byte[] text = Base64.getEncoder().encode(output.data());
        int length = start.length + text.length + JSON_END.length;
        byte[] envelope = new byte[Envelope.HEADER_BYTES + length];
        Envelope.putHeader(envelope, 0, length);
        int at = Envelope.HEADER_BYTES;
        System.arraycopy(start, 0, envelope, at, start.length);
        System.arraycopy(text, 0, envelope, at + start.length, text.length);
        System.arraycopy(JSON_END, 0, envelope, at + start.length + text.length, JSON_END.length);
        return envelope;
    }

    /** StartResponse.event, ProcessEvent.data and DataEvent.stdout, stderr or pty, all length-delimited (wire type 2). */
    private static byte[] proto(ProcessStream.Output output) {
        byte[] data = output.data();
        int field = switch (output.channel()) {
            case OUT -> ProcessEvent.DataEvent.STDOUT_FIELD_NUMBER;
            case ERR -> ProcessEvent.DataEvent.STDERR_FIELD_NUMBER;
            case TERMINAL -> ProcessEvent.DataEvent.PTY_FIELD_NUMBER;
        };
        int inner = 1 + CodedOutputStream.computeUInt32SizeNoTag(data.length) + data.length;
        int middle = 1 + CodedOutputStream.computeUInt32SizeNoTag(inner) + inner;
        int length = 1 + CodedOutputStream.computeUInt32SizeNoTag(middle) + middle;
        byte[] envelope = new byte[Envelope.HEADER_BYTES + length];
        Envelope.putHeader(envelope, 0, length);
        int at = putHead(envelope, Envelope.HEADER_BYTES, StartResponse.EVENT_FIELD_NUMBER, middle);
        at = putHead(envelope, at, ProcessEvent.DATA_FIELD_NUMBER, inner);
        at = putHead(envelope, at, field, data.length);
        System.arraycopy(data, 0, envelope, at, data.length);
        return envelope;
    }

    private static int putHead(byte[] target, int start, int field, int length) {
        int at = start;
        target[at++] = (byte) (field << 3 | 2);
        int rest = length;
        while (rest > 0x7f) {
            target[at++] = (byte) (rest & 0x7f | 0x80);
            rest >>>= 7;
        }
        target[at++] = (byte) rest;
        return at;
    }
}
