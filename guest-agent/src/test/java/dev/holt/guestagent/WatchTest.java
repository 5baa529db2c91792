package dev.holt.guestagent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The WATCH stream. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class WatchTest {
    private static final int CREATE = 1;
    private static final int WRITE = 2;
    private static final int REMOVE = 3;
    private static final int RENAME = 4;
    private static final int CHMOD = 5;
    private static final int ESRCH = 3;
    private static final int EPROTO = 71;

    private Agent agent;
    private AgentConnection connection;

    @TempDir
    private Path directory;

    @BeforeAll
    void startAgent() throws IOException {
        agent = Agent.start();
    }

    @AfterAll
    void stopAgent() throws IOException {
        agent.close();
    }

    @BeforeEach
    void connect() throws IOException {
        connection = agent.connect();
    }

    @AfterEach
    void disconnect() throws IOException {
        connection.close();
    }

    private static Payload request(Path path, boolean recursive, boolean entries) {
        return new Payload()
                .str("root")
                .str(path.toString())
                .u8(recursive ? 1 : 0)
                .u8(entries ? 1 : 0)
                .u8(0);
    }

    private void watch(Path path, boolean recursive) throws IOException {
        connection.call(Frame.WATCH, request(path, recursive, false)).ok();
    }

    /** Events up to the creation of the marker, as "kind path". */
    private List<String> eventsUntil(Path marker) throws IOException {
        Files.createFile(marker);
        String name = directory.relativize(marker).toString();
        List<String> events = new ArrayList<>();
        while (true) {
            Frame.Event event = connection.receive().event();
            if (event.path().equals(name)) {
                return events;
            }
            events.add(event.kind() + " " + event.path());
        }
    }

    private static Frame.Entry described(Frame.Event event) {
        return Objects.requireNonNull(event.entry(), () -> "no entry in " + event);
    }

    @Test
    void reportsEachKind() throws Exception {
        watch(directory, false);
        Path file = Files.createFile(directory.resolve("file"));
        Files.writeString(file, "x", StandardOpenOption.WRITE);
        Files.setPosixFilePermissions(file, Set.of());
        Files.move(file, directory.resolve("other"));
        Files.delete(directory.resolve("other"));
        assertThat(eventsUntil(directory.resolve("marker")))
                .containsExactly(
                        CREATE + " file",
                        WRITE + " file",
                        CHMOD + " file",
                        RENAME + " file",
                        CREATE + " other",
                        REMOVE + " other");
    }

    @Test
    void answersAPingBehindAllThatHappenedBefore() throws IOException {
        watch(directory, false);
        for (int file = 0; file < 500; file++) {
            Files.createFile(directory.resolve("a-file-with-a-name-that-fills-the-buffer-sooner-" + file));
        }
        connection.send(Frame.PING, new Payload());
        for (int file = 0; file < 500; file++) {
            assertThat(connection.receive().event().path()).endsWith("-" + file);
        }
        connection.receive().ok();
        connection.call(Frame.PING, new Payload()).ok();
        Files.createFile(directory.resolve("last"));
        assertThat(connection.receive().event().path()).isEqualTo("last");
        connection.send(Frame.STAT, new Payload());
        assertThat(connection.receive().failure().errno()).isEqualTo(EPROTO);
    }

    @Test
    void staysOutOfSubdirectoriesUnlessRecursive() throws IOException {
        Path sub = Files.createDirectory(directory.resolve("sub"));
        watch(directory, false);
        Files.createFile(sub.resolve("unseen"));
        assertThat(eventsUntil(directory.resolve("marker"))).isEmpty();
    }

    @Test
    void followsDirectoriesOldNewAndMoved() throws IOException {
        Path old = Files.createDirectories(directory.resolve("old/deep"));
        watch(directory, true);
        Files.createFile(old.resolve("one"));
        assertThat(eventsUntil(directory.resolve("marker1"))).containsExactly(CREATE + " old/deep/one");
        Files.move(directory.resolve("old"), directory.resolve("moved"));
        Files.createFile(directory.resolve("moved/deep/two"));
        assertThat(eventsUntil(directory.resolve("marker2")))
                .containsExactly(RENAME + " old", CREATE + " moved", CREATE + " moved/deep/two");
        Files.createDirectory(directory.resolve("new"));
        assertThat(eventsUntil(directory.resolve("marker3"))).containsExactly(CREATE + " new");
        Files.createFile(directory.resolve("new/three"));
        assertThat(eventsUntil(directory.resolve("marker4"))).containsExactly(CREATE + " new/three");
    }

    @Test
    void reportsOnceWhatAppearsWithADirectory(@TempDir Path outside) throws IOException {
        Files.createDirectories(outside.resolve("tree/a"));
        Files.createFile(outside.resolve("tree/a/file"));
        watch(directory, true);
        Files.move(outside.resolve("tree"), directory.resolve("tree"));
        assertThat(eventsUntil(directory.resolve("marker")))
                .containsExactly(CREATE + " tree", CREATE + " tree/a", CREATE + " tree/a/file");
        Files.move(directory.resolve("tree"), outside.resolve("tree"));
        assertThat(eventsUntil(directory.resolve("marker2"))).containsExactly(RENAME + " tree");
        Files.createFile(outside.resolve("tree/a/late"));
    }

    @Test
    void missesNothingInTreesThatGrowQuickly() throws IOException {
        watch(directory, true);
        Set<String> expected = new HashSet<>();
        for (int i = 0; i < 200; i++) {
            Path deep = directory.resolve("d" + i + "/e/f");
            Files.createDirectories(deep);
            Files.createFile(deep.resolve("file"));
            for (String part : List.of("", "/e", "/e/f", "/e/f/file")) {
                expected.add(CREATE + " d" + i + part);
            }
        }
        List<String> seen = eventsUntil(directory.resolve("marker"));
        while (!new HashSet<>(seen).containsAll(expected)) {
            Frame.Event event = connection.receive().event();
            seen.add(event.kind() + " " + event.path());
        }
        assertThat(seen).doesNotHaveDuplicates();
    }

    @Test
    void describesWhatItReportsWhenAsked() throws IOException {
        connection.call(Frame.WATCH, request(directory, false, true)).ok();
        Path file = Files.createFile(directory.resolve("file"));
        Frame.Event created = connection.receive().event();
        assertThat(described(created).path()).isEqualTo(file.toString());
        Files.delete(file);
        assertThat(connection.receive().event()).isEqualTo(new Frame.Event(REMOVE, "file", null));
    }

    @Test
    void followsASymlinkToTheRoot(@TempDir Path elsewhere) throws IOException {
        Path link = Files.createSymbolicLink(elsewhere.resolve("link"), directory);
        Files.createDirectory(directory.resolve("sub"));
        connection.call(Frame.WATCH, request(link, true, true)).ok();
        Files.createFile(directory.resolve("sub/file"));
        Frame.Event event = connection.receive().event();
        assertThat(event.path()).isEqualTo("sub/file");
        assertThat(described(event).path()).isEqualTo(link + "/sub/file");
    }

    @Test
    void endsWithTheWatchedDirectory() throws IOException {
        Path root = Files.createDirectory(directory.resolve("root"));
        watch(root, true);
        Files.delete(root);
        assertThat(connection.receive().end()).isZero();
        assertThat(connection.ended()).isTrue();
    }

    @Test
    void saysSoWhenEventsWereLost() throws IOException {
        int limit = Integer.parseInt(Files.readString(Path.of("/proc/sys/fs/inotify/max_queued_events"))
                .strip());
        watch(directory, false);
        Path one = Files.createFile(directory.resolve("one"));
        Path two = Files.createFile(directory.resolve("two"));
        // Nothing is read meanwhile: once the socket is full the queue of the kernel fills. Two files, because like
        // events are merged.
        long enough = limit + 4L * 1024 * 1024 / 14 * 2;
        try (var first = Files.newByteChannel(one, StandardOpenOption.WRITE);
                var second = Files.newByteChannel(two, StandardOpenOption.WRITE)) {
            for (long i = 0; i < enough; i++) {
                (i % 2 == 0 ? first : second).write(java.nio.ByteBuffer.wrap(new byte[1]));
            }
        }
        Frame frame = connection.receive();
        while (frame.type() == Frame.EVENT) {
            frame = connection.receive();
        }
        assertThat(frame.failure().errno()).isEqualTo(75);
        assertThat(connection.ended()).isTrue();
    }

    @Test
    void refusesWhatCannotBeWatched() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        assertThat(connection
                        .call(Frame.WATCH, request(file, true, false))
                        .failure()
                        .errno())
                .isEqualTo(20);
        assertThat(connection
                        .call(Frame.WATCH, request(directory.resolve("no"), true, false))
                        .failure()
                        .errno())
                .isEqualTo(2);
        connection.send(Frame.PING).receive().ok();
    }

    @Test
    void takesNoRequestWhileWatching() throws IOException {
        watch(directory, false);
        assertThat(connection.send(Frame.METRICS).receive().failure().errno()).isEqualTo(71);
        assertThat(connection.ended()).isTrue();
    }

    private long detached() throws IOException {
        Frame frame = connection.receive();
        assertThat(frame.type()).isEqualTo(Frame.DETACHED);
        assertThat(connection.ended()).isTrue();
        return frame.buffer().getLong();
    }

    @Test
    void keepsEventsWhileItIsDetached() throws IOException {
        Path inner = Files.createDirectory(directory.resolve("inner"));
        watch(directory, true);
        for (int round = 0; round < 3; round++) {
            connection.send(Frame.DETACH, new Payload().u32(30));
            long id = detached();
            Files.createFile(inner.resolve("f" + round));
            connect();
            connection.call(Frame.REWATCH, new Payload().u64(id)).ok();
            assertThat(eventsUntil(directory.resolve("marker" + round))).containsExactly(CREATE + " inner/f" + round);
        }
        connection.send(Frame.PING).receive().ok();
    }

    @Test
    void endsWhenNobodyTakesItUp() throws IOException {
        List<String> before = agent.descriptors();
        try (AgentConnection other = agent.connect()) {
            connection.call(Frame.WATCH, request(directory, false, false)).ok();
            connection.send(Frame.DETACH, new Payload().u32(1_000_000));
            long kept = detached();
            other.call(Frame.IDENTITY, new Payload().str("").u64(0).bytes(new byte[0]))
                    .ok();
            assertThat(other.call(Frame.REWATCH, new Payload().u64(kept))
                            .failure()
                            .errno())
                    .isEqualTo(ESRCH);
            connect();
            connection.call(Frame.WATCH, request(directory, false, false)).ok();
            connection.send(Frame.DETACH, new Payload().u32(0));
            long dropped = detached();
            assertThat(other.call(Frame.REWATCH, new Payload().u64(dropped))
                            .failure()
                            .errno())
                    .isEqualTo(ESRCH);
        }
        while (agent.descriptors().size() > before.size()) {
            Agent.pause();
        }
    }
}
