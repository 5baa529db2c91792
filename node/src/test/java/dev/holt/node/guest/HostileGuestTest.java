package dev.holt.node.guest;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.Function;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** A guest that answers anything at all gets a {@link GuestFailure} out of the client, or an answer, and nothing else. */
class HostileGuestTest {
    private static final List<Function<Payload, Object>> DECODERS =
            List.of(GuestEntry::decode, GuestUser::decode, GuestMetrics::decode, GuestProcess::decodeList, payload -> {
                throw new Frame(FrameType.ERROR, new byte[0]).failure();
            });

    @Property(tries = 3000)
    void payloadsDecodeOrFail(@ForAll("payloads") byte[] payload) {
        for (Function<Payload, Object> decoder : DECODERS) {
            try {
                assertThat(decoder.apply(new Payload(payload))).isNotNull();
            } catch (GuestFailure failure) {
                assertThat(failure.errno()).isEqualTo(Errno.EPROTO);
            }
        }
    }

    @Property(tries = 400)
    void streamsOfBytesAreAnswersOrFailures(
            @ForAll("streams") byte[] stream, @ForAll("calls") Consumer<GuestAgent> call) throws IOException {
        try (FakeAgent fake = new FakeAgent(stream);
                GuestAgent agent = fake.connect()) {
            call.accept(agent);
        } catch (GuestFailure failure) {
            assertThat(failure).hasMessageNotContaining("null");
        }
    }

    @Provide
    Arbitrary<byte[]> payloads() {
        return Arbitraries.oneOf(
                Arbitraries.bytes().array(byte[].class).ofMaxSize(200),
                // Small numbers are lengths that fit, which random bytes seldom are.
                Arbitraries.of((byte) 0, (byte) 0, (byte) 0, (byte) 1, (byte) 2, (byte) 4, (byte) 'a')
                        .array(byte[].class)
                        .ofMaxSize(200));
    }

    @Provide
    Arbitrary<byte[]> streams() {
        Arbitrary<Integer> types = Arbitraries.oneOf(
                Arbitraries.of(
                        FrameType.ERROR,
                        FrameType.OK,
                        FrameType.ENTRY,
                        FrameType.DATA,
                        FrameType.END,
                        FrameType.EVENT,
                        FrameType.STARTED,
                        FrameType.EXIT),
                Arbitraries.integers().between(0, 255));
        Arbitrary<byte[]> frame = Combinators.combine(types, payloads())
                .as((type, payload) ->
                        FakeAgent.bytes(new FrameBuilder().frame(type).raw(payload)));
        Arbitrary<byte[]> frames = frame.list().ofMaxSize(6).map(HostileGuestTest::joinBehindWelcome);
        return Arbitraries.oneOf(frames, payloads());
    }

    private static byte[] joinBehindWelcome(List<byte[]> frames) {
        FrameBuilder all = FakeAgent.welcome();
        all.build();
        frames.forEach(all::raw);
        return FakeAgent.bytes(all);
    }

    @Provide
    Arbitrary<Consumer<GuestAgent>> calls() {
        Duration patience = Duration.ofSeconds(5);
        return Arbitraries.of(List.of(
                GuestAgent::ping,
                GuestAgent::processes,
                agent -> agent.stat("root", "/"),
                agent -> agent.metrics("/"),
                agent -> agent.list("root", "/", 1, entry -> {}),
                agent -> {
                    try (FileSource source = agent.open("root", "/x", 10)) {
                        source.readFully(ByteBuffer.allocate(1000));
                    }
                },
                agent -> agent.write(new FileSink.Target("root", "/x", 0644, OptionalLong.empty(), "", List.of()))
                        .finish(ByteBuffer.allocate(10)),
                agent -> {
                    try (WatchStream watch = agent.watch("root", "/", false, true, false)) {
                        watch.poll(patience);
                        watch.poll(patience);
                    }
                },
                agent -> {
                    StartProcess start = new StartProcess(
                            "root", "", List.of("true"), Map.of(), Optional.empty(), true, new byte[0]);
                    try (ProcessStream process = agent.start(start)) {
                        process.poll(patience);
                        process.poll(patience);
                    }
                }));
    }
}
