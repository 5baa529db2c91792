package dev.holt.node.envd;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.holt.node.guest.ProcessStream;
import dev.holt.node.guest.StartProcess;
import dev.holt.wire.connect.Envelope;
import dev.holt.wire.connect.MessageFormat;
import dev.holt.wire.process.ProcessConfig;
import dev.holt.wire.process.ProcessEvent;
import dev.holt.wire.process.StartResponse;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class ProcessCodecTest {
    @Property(tries = 300)
    void outputIsWrittenAsTheGeneralWayWould(
            @ForAll @Size(min = 1, max = 40_000) byte[] data,
            @ForAll ProcessStream.Channel channel,
            @ForAll MessageFormat format) {
        ProcessEvent.DataEvent.Builder event = ProcessEvent.DataEvent.newBuilder();
        switch (channel) {
            case OUT -> event.setStdout(ByteString.copyFrom(data));
            case ERR -> event.setStderr(ByteString.copyFrom(data));
            case TERMINAL -> event.setPty(ByteString.copyFrom(data));
        }
        byte[] general = Envelope.wrap(
                0,
                format.encode(StartResponse.newBuilder()
                        .setEvent(ProcessEvent.newBuilder().setData(event))
                        .build()));
        // JSON printers may escape differently; what is read back is what counts there.
        byte[] written = ProcessEvents.output(format, new ProcessStream.Output(channel, data));
        if (format == MessageFormat.PROTO) {
            assertThat(written).isEqualTo(general);
        } else {
            byte[] message = java.util.Arrays.copyOfRange(written, Envelope.HEADER_BYTES, written.length);
            assertThat(format.decode(message, StartResponse.getDefaultInstance())
                            .getEvent()
                            .getData())
                    .isEqualTo(event.build());
        }
    }

    @Property(tries = 200)
    void annotationsFitAndAreReadBack(
            @ForAll String command,
            @ForAll @Size(max = 20) List<@net.jqwik.api.constraints.StringLength(max = 1000) String> arguments,
            @ForAll boolean terminal) {
        ProcessRecord record = new ProcessRecord(
                ProcessConfig.newBuilder()
                        .setCmd(ByteString.copyFromUtf8(command).toStringUtf8())
                        .addAllArgs(arguments.stream()
                                .map(argument ->
                                        ByteString.copyFromUtf8(argument).toStringUtf8())
                                .toList())
                        .putEnvs("NAME", "value")
                        .build(),
                Optional.of("tag"),
                terminal,
                true,
                Optional.of(Instant.ofEpochMilli(123_456)));
        byte[] annotation = record.toAnnotation();
        assertThat(annotation.length).isLessThanOrEqualTo(StartProcess.ANNOTATION_MAXIMUM);
        ProcessRecord read = ProcessRecord.ofAnnotation(annotation).orElseThrow();
        assertThat(read.tag()).contains("tag");
        assertThat(read.terminal()).isEqualTo(terminal);
        assertThat(read.deadline()).contains(Instant.ofEpochMilli(123_456));
        if (arguments.stream().mapToInt(String::length).sum() * 4 + command.length() * 4 < 3000) {
            assertThat(read).isEqualTo(record);
        }
    }

    @Property(tries = 500)
    void anyAnnotationIsReadOrIgnored(@ForAll @Size(max = 100) byte[] bytes) {
        assertThat(ProcessRecord.ofAnnotation(bytes)).isNotNull();
    }

    @Test
    void endsAreToldInGosWords() {
        assertThat(ExitStatus.describe(new ProcessStream.Exit(true, 11, true)).getStatus())
                .isEqualTo("signal: segmentation fault (core dumped)");
        assertThat(ExitStatus.describe(new ProcessStream.Exit(true, 31, false)).getError())
                .isEqualTo("signal: signal 31");
        assertThat(ExitStatus.describe(new ProcessStream.Exit(false, 0, false)).hasError())
                .isFalse();
    }
}
