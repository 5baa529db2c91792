package dev.holt.node.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** With sentries that refuse, end or hang; with real ones: {@link MemoryImageTest}. */
final class ImageStreamTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4095, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 13 << 20, (40 << 20) + 4097})
    void aFileHoldsWhatTheStreamHeldAndTheWitnessSawIt(int size) throws Exception {
        byte[] content = new byte[size];
        new Random(size).nextBytes(content);
        Path file = directory.resolve("file");
        ByteArrayOutputStream seen = new ByteArrayOutputStream();
        boolean[] ended = new boolean[1];
        ImageFile.write(Channels.newChannel(new ByteArrayInputStream(content)), file, new ImageWitness.Content() {
            @Override
            public void bytes(ByteBuffer next) {
                byte[] copy = new byte[next.remaining()];
                next.get(copy);
                seen.writeBytes(copy);
            }

            @Override
            public void end() {
                ended[0] = true;
            }
        });
        assertThat(Files.readAllBytes(file)).isEqualTo(content);
        assertThat(seen.toByteArray()).isEqualTo(content);
        assertThat(ended[0]).isTrue();
    }

    @Test
    void aStreamThatBreaksOffFails() {
        ReadableByteChannel broken = new ReadableByteChannel() {
            private int left = 20 << 20;

            @Override
            public int read(ByteBuffer into) throws IOException {
                if (left <= 0) {
                    throw new IOException("broken off");
                }
                int length = into.remaining();
                left -= length;
                into.position(into.limit());
                return length;
            }

            @Override
            public boolean isOpen() {
                return true;
            }

            @Override
            public void close() {}
        };
        assertThatThrownBy(() -> ImageFile.write(broken, directory.resolve("file"), ImageWitness.NONE.begin(directory)))
                .isInstanceOf(IOException.class)
                .hasMessage("broken off");
    }

    @Test
    void aSentryThatWouldNotIsQuoted() throws Exception {
        try (FakeSentry sentry = new FakeSentry("{\"success\":false,\"err\":\"got 3 files, wanted 4\"}")) {
            assertThatThrownBy(() -> sentry.stream().write(images(), LIMIT))
                    .isInstanceOf(ImageStream.Refused.class)
                    .hasMessage("got 3 files, wanted 4");
            assertThat(sentry.asked())
                    .contains("\"method\":\"containerManager.Checkpoint\"")
                    .contains("\"have_pages_file\":true")
                    .contains("\"Resume\":true");
        }
    }

    @Test
    void aSentryThatEndsFails() throws Exception {
        try (FakeSentry sentry = new FakeSentry("")) {
            assertThatThrownBy(() -> sentry.stream().write(images(), LIMIT))
                    .isInstanceOf(IOException.class)
                    .hasMessage("it ended");
        }
    }

    @Test
    void aSentryThatHangsIsNotWaitedFor() throws Exception {
        try (FakeSentry sentry = new FakeSentry(null)) {
            assertThatThrownBy(() -> sentry.stream().write(images(), Duration.ofMillis(50)))
                    .isInstanceOf(TimeoutException.class);
        }
    }

    @Test
    void withoutASentryItFails() throws IOException {
        ImageStream stream = new ImageStream(new SentryControl(directory.resolve("none")), false, ImageWitness.NONE);
        Path images = images();
        assertThatThrownBy(() -> stream.write(images, LIMIT))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("could not connect to '" + directory.resolve("none") + "'");
    }

    private Path images() throws IOException {
        return Files.createTempDirectory(directory, "images");
    }

    /** Answers one call, or, given null, never does. */
    private final class FakeSentry implements AutoCloseable {
        private final Path socket = directory.resolve("sentry.sock");
        private final ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        private final StringBuffer asked = new StringBuffer();

        FakeSentry(@Nullable String answer) throws IOException {
            server.bind(UnixDomainSocketAddress.of(socket));
            Thread.ofVirtual().start(() -> serve(answer));
        }

        private void serve(@Nullable String answer) {
            try (SocketChannel call = server.accept()) {
                byte[] text = Channels.newInputStream(call).readAllBytes();
                asked.append(new String(text, StandardCharsets.UTF_8));
                if (answer == null) {
                    server.accept(); // until the test closes it
                } else {
                    call.write(ByteBuffer.wrap(answer.getBytes(StandardCharsets.UTF_8)));
                }
            } catch (IOException e) {
                asked.append(e);
            }
        }

        ImageStream stream() {
            return new ImageStream(new SentryControl(socket), false, ImageWitness.NONE);
        }

        String asked() {
            return asked.toString();
        }

        @Override
        public void close() throws IOException {
            server.close();
        }
    }
}
