package dev.holt.guestagent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The requests of the file system and the streams of files. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class FilesTest {
    private static final int ENOENT = 2;
    private static final int EEXIST = 17;
    private static final int ENOTDIR = 20;
    private static final int EISDIR = 21;
    private static final int EINVAL = 22;
    private static final int ENOSPC = 28;
    private static final int ESPIPE = 29;
    private static final int ELOOP = 40;
    private static final int EPROTO = 71;
    private static final int ENOKEY = 126;
    private static final long TO_THE_END = -1;
    private static final int PIECE = 256 * 1024;

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

    private static Payload path(String user, Object path) {
        return new Payload().str(user).str(path.toString());
    }

    private int errno(int type, Object path) throws IOException {
        return connection.call(type, path("root", path)).failure().errno();
    }

    @Test
    void knowsUsers() throws IOException {
        var info = connection.call(Frame.USER, new Payload().str("root")).buffer();
        assertThat(List.of(info.getInt(), info.getInt())).containsExactly(0, 0);
        assertThat(Frame.string(info)).isEqualTo("root");
        assertThat(Frame.string(info)).isEqualTo("/root");
        Frame.Failure failure = connection.call(Frame.STAT, path("nix", "/")).failure();
        assertThat(failure).isEqualTo(new Frame.Failure(ENOKEY, "invalid username: 'nix'"));
    }

    @Test
    void describesFilesDirectoriesAndSymlinks() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "12345");
        Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("file"));
        Path broken = Files.createSymbolicLink(directory.resolve("broken"), Path.of("nowhere"));
        Frame.Entry entry = connection
                .call(Frame.STAT, path("root", directory + "/./x/..//file"))
                .entry();
        assertThat(entry.type()).isEqualTo(1);
        assertThat(entry.name()).isEqualTo("file");
        assertThat(entry.path()).isEqualTo(file.toString());
        assertThat(entry.size()).isEqualTo(5);
        assertThat(entry.owner()).isEqualTo("root");
        assertThat(entry.modifiedNanoseconds() / 1000)
                .isEqualTo(Files.getLastModifiedTime(file).to(java.util.concurrent.TimeUnit.MICROSECONDS));
        assertThat(entry.inode()).isEqualTo(Files.getAttribute(file, "unix:ino"));
        assertThat(connection.call(Frame.STAT, path("root", directory)).entry().type())
                .isEqualTo(2);
        Frame.Entry linked = connection.call(Frame.STAT, path("root", link)).entry();
        assertThat(linked.type()).isEqualTo(1);
        assertThat(linked.target()).isEqualTo("file");
        assertThat(linked.mode() & 0170000).isEqualTo(0120000);
        assertThat(connection.call(Frame.STAT, path("root", broken)).entry().type())
                .isEqualTo(3);
        assertThat(connection
                        .call(Frame.STAT, path("root", "/dev/null"))
                        .entry()
                        .type())
                .isZero();
        assertThat(connection.call(Frame.STAT, path("root", "")).entry().path()).isEqualTo("/root");
        assertThat(connection.call(Frame.STAT, path("root", "~/..")).entry().path())
                .isEqualTo("/");
        Frame.Failure failure =
                connection.call(Frame.STAT, path("root", "/nowhere")).failure();
        assertThat(failure.errno()).isEqualTo(ENOENT);
        assertThat(failure.message()).isEqualTo("stat '/nowhere': No such file or directory");
    }

    @Test
    void makesDirectoriesForTheUser() throws IOException {
        Path deep = directory.resolve("a/b/c");
        assertThat(connection.call(Frame.MKDIR, path("nobody", deep)).entry().owner())
                .isEqualTo("nobody");
        assertThat(Files.getOwner(directory.resolve("a")).getName()).isEqualTo("nobody");
        assertThat(Files.getOwner(directory).getName()).isEqualTo("root");
        assertThat(errno(Frame.MKDIR, deep)).isEqualTo(EEXIST);
        Path file = Files.createFile(directory.resolve("file"));
        assertThat(errno(Frame.MKDIR, file)).isEqualTo(ENOTDIR);
        assertThat(errno(Frame.MKDIR, file.resolve("below"))).isEqualTo(ENOTDIR);
        assertThat(errno(Frame.MKDIR, "/")).isEqualTo(EEXIST);
    }

    @Test
    void movesAndMakesParents() throws IOException {
        Path source = Files.writeString(directory.resolve("source"), "moved");
        Path destination = directory.resolve("new/parents/destination");
        Payload move = path("nobody", source).str(destination.toString());
        assertThat(connection.call(Frame.MOVE, move).entry().path()).isEqualTo(destination.toString());
        assertThat(destination).hasContent("moved");
        assertThat(source).doesNotExist();
        assertThat(Files.getOwner(destination.getParent()).getName()).isEqualTo("nobody");
        Payload missing = path("root", source).str(directory.resolve("other/x").toString());
        assertThat(connection.call(Frame.MOVE, missing).failure().errno()).isEqualTo(ENOENT);
        assertThat(directory.resolve("other")).doesNotExist();
    }

    @Test
    void removesTreesButNothingBehindSymlinks() throws IOException {
        Path kept = Files.createDirectory(directory.resolve("kept"));
        Files.createFile(kept.resolve("file"));
        Path tree = Files.createDirectories(directory.resolve("tree/a/b/c"));
        for (int i = 0; i < 600; i++) {
            Files.createFile(tree.resolve("file" + i));
        }
        Files.createSymbolicLink(tree.resolve("link"), kept);
        connection.call(Frame.REMOVE, path("root", directory.resolve("tree"))).ok();
        assertThat(directory.resolve("tree")).doesNotExist();
        assertThat(kept.resolve("file")).exists();
        Path link = Files.createSymbolicLink(directory.resolve("link"), kept);
        connection.call(Frame.REMOVE, path("root", link)).ok();
        assertThat(kept.resolve("file")).exists();
        assertThat(errno(Frame.REMOVE, directory.resolve("tree"))).isEqualTo(ENOENT);
    }

    @Test
    void removesTreesDeeperThanAnyPath() throws Exception {
        String script =
                "import os\nos.chdir('%s')\nfor i in range(3000):\n    os.mkdir('d'); open('f', 'w').close(); os.chdir('d')\n"
                        .formatted(directory);
        assertThat(new ProcessBuilder("python3", "-c", script)
                        .inheritIO()
                        .start()
                        .waitFor())
                .isZero();
        try (Agent own = Agent.start();
                AgentConnection ours = own.connect()) {
            List<String> before = own.descriptors();
            ours.call(Frame.REMOVE, path("root", directory.resolve("d"))).ok();
            assertThat(directory.resolve("d")).doesNotExist();
            assertThat(own.descriptors()).isEqualTo(before);
        }
    }

    private List<String> list(Object path, int depth) throws IOException {
        connection.send(Frame.LIST, path("root", path).u32(depth));
        List<String> found = new ArrayList<>();
        for (Frame frame = connection.receive(); ; frame = connection.receive()) {
            if (frame.type() != Frame.ENTRY) {
                assertThat(frame.end()).isEqualTo(found.size());
                return found;
            }
            found.add(frame.entry().path());
        }
    }

    @Test
    void listsToTheDepthAskedFor() throws IOException {
        Files.createDirectories(directory.resolve("a/b/c"));
        Files.createFile(directory.resolve("a/b/file"));
        Files.createSymbolicLink(directory.resolve("a/link"), Path.of("b"));
        String base = directory.toString();
        assertThat(list(directory, 0)).containsExactly(base + "/a");
        assertThat(list(directory, 2))
                .startsWith(base + "/a")
                .containsExactlyInAnyOrder(base + "/a", base + "/a/b", base + "/a/link");
        List<String> all = list(directory, 9);
        assertThat(all).hasSize(5).doesNotHaveDuplicates();
        assertThat(all.indexOf(base + "/a/b")).isLessThan(all.indexOf(base + "/a/b/c"));
        assertThat(list(directory.resolve("a/link"), 1))
                .containsExactlyInAnyOrder(base + "/a/link/c", base + "/a/link/file");
        assertThat(list(directory.resolve("a/b/c"), 1)).isEmpty();
    }

    @Test
    void refusesToListWhatIsNoDirectory() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        Path loop = Files.createSymbolicLink(directory.resolve("loop"), Path.of("loop"));
        assertThat(connection
                        .call(Frame.LIST, path("root", file).u32(1))
                        .failure()
                        .errno())
                .isEqualTo(ENOTDIR);
        assertThat(connection
                        .call(Frame.LIST, path("root", loop).u32(1))
                        .failure()
                        .errno())
                .isEqualTo(ELOOP);
        assertThat(connection
                        .call(Frame.LIST, path("root", "/nowhere").u32(1))
                        .failure()
                        .errno())
                .isEqualTo(ENOENT);
    }

    private byte[] read(long offset, long length) throws IOException {
        connection.send(Frame.RANGE, new Payload().u64(offset).u64(length));
        Payload read = new Payload();
        Frame frame;
        while ((frame = connection.receive()).type() == Frame.DATA) {
            assertThat(frame.payload().length).isBetween(1, PIECE);
            read.raw(frame.payload());
        }
        byte[] bytes = read.build();
        assertThat(frame.end()).isEqualTo(bytes.length);
        return bytes;
    }

    private Frame write(Object path, int mode, long offsetPlusOne, byte[] content) throws IOException {
        beginWrite("nobody", path, mode, offsetPlusOne).ok();
        for (int at = 0; at < content.length; at += PIECE) {
            connection.send(Frame.DATA, Arrays.copyOfRange(content, at, Math.min(content.length, at + PIECE)));
        }
        return connection.send(Frame.END, new Payload().u64(content.length)).receive();
    }

    private Frame beginWrite(String user, Object path, int mode, long offsetPlusOne) throws IOException {
        return connection.call(
                Frame.WRITE,
                path(user, path).u32(mode).u64(offsetPlusOne).str("").u32(0));
    }

    @Test
    void readsRanges() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "0123456789");
        Files.createSymbolicLink(directory.resolve("link"), file);
        Frame.Entry entry = connection
                .call(Frame.OPEN, path("root", directory.resolve("link")))
                .entry();
        assertThat(entry.type()).isEqualTo(1);
        assertThat(entry.target()).isNull();
        assertThat(entry.size()).isEqualTo(10);
        assertThat(read(3, 4)).asString().isEqualTo("3456");
        assertThat(read(8, TO_THE_END)).asString().isEqualTo("89");
        assertThat(read(20, 5)).isEmpty();
        connection.send(Frame.RANGE, new Payload().u64(-1).u64(1));
        assertThat(connection.receive().failure().errno()).isEqualTo(EINVAL);
        assertThat(read(0, 0)).isEmpty();
        connection.send(Frame.CLOSE).receive().ok();
        connection.send(Frame.PING).receive().ok();
    }

    @Test
    void readsFilesOfUnknownSizeAndSparseOnes() throws Exception {
        connection.call(Frame.OPEN, path("root", "/proc/self/status")).entry();
        assertThat(read(0, TO_THE_END)).asString().contains("holt-agent");
        connection.send(Frame.CLOSE).receive().ok();
        Path sparse = directory.resolve("sparse");
        assertThat(new ProcessBuilder("truncate", "-s", "3M", sparse.toString())
                        .start()
                        .waitFor())
                .isZero();
        connection.call(Frame.OPEN, path("root", sparse)).entry();
        assertThat(read(0, TO_THE_END)).isEqualTo(new byte[3 << 20]);
    }

    @Test
    void refusesToOpenWhatCannotBeRead() throws Exception {
        Path fifo = directory.resolve("fifo");
        assertThat(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor())
                .isZero();
        assertThat(errno(Frame.OPEN, fifo)).isEqualTo(ESPIPE);
        assertThat(errno(Frame.OPEN, directory)).isEqualTo(EISDIR);
        assertThat(errno(Frame.OPEN, directory.resolve("missing"))).isEqualTo(ENOENT);
        assertThat(beginWrite("root", fifo, 0644, 0).failure().errno()).isEqualTo(ESPIPE);
        assertThat(beginWrite("root", directory, 0644, 0).failure().errno()).isEqualTo(EISDIR);
    }

    @Test
    void writesNewFilesForTheUserAndKeepsWhatOldOnesAre() throws IOException {
        Path file = directory.resolve("new/file");
        Frame.Entry entry = write(file, 0640, 0, "first text".getBytes(StandardCharsets.UTF_8))
                .entry();
        assertThat(entry.owner()).isEqualTo("nobody");
        assertThat(entry.mode() & 07777).isEqualTo(0640);
        assertThat(Files.getOwner(file.getParent()).getName()).isEqualTo("nobody");
        Path old = Files.writeString(directory.resolve("old"), "older and longer");
        Files.setPosixFilePermissions(old, Set.of());
        entry = write(old, 0777, 0, "new".getBytes(StandardCharsets.UTF_8)).entry();
        assertThat(entry.owner()).isEqualTo("root");
        assertThat(entry.mode() & 07777).isZero();
        assertThat(old).hasContent("new");
        write(file, 0, 6 + 1, "words".getBytes(StandardCharsets.UTF_8)).entry();
        assertThat(file).hasContent("first words");
        Path dangling = Files.createSymbolicLink(directory.resolve("dangling"), directory.resolve("made"));
        write(dangling, 0600, 0, "x".getBytes(StandardCharsets.UTF_8)).entry();
        assertThat(directory.resolve("made")).hasContent("x");
        assertThat(Files.getOwner(directory.resolve("made")).getName()).isEqualTo("nobody");
    }

    @Test
    void carriesManyMegabytesUnchanged() throws IOException {
        byte[] content = new byte[40 * 1024 * 1024 + 17];
        new java.util.Random(1).nextBytes(content);
        Path file = directory.resolve("big");
        assertThat(write(file, 0644, 0, content).entry().size()).isEqualTo(content.length);
        connection.call(Frame.OPEN, path("root", file)).entry();
        assertThat(Arrays.equals(read(0, TO_THE_END), content)).isTrue();
        assertThat(Arrays.equals(Files.readAllBytes(file), content)).isTrue();
    }

    @Test
    void replacesAttributesWithThePrefix() throws IOException {
        Path file = directory.resolve("file");
        for (String value : List.of("one", "two")) {
            Payload request =
                    path("root", file).u32(0644).u64(0).str("user.holt.").u32(1);
            connection
                    .call(Frame.WRITE, request.str("user.holt." + value).str(value))
                    .ok();
            connection.send(Frame.END, new Payload().u64(0)).receive().entry();
        }
        Frame.Entry entry = connection.call(Frame.STAT, path("root", file)).entry();
        assertThat(entry.attributes()).containsOnlyKeys("user.holt.two").containsEntry("user.holt.two", "two");
    }

    @Test
    void saysWhyAWriteFailedAndDropsTheRest() throws IOException {
        beginWrite("root", "/dev/full", 0, 0).ok();
        connection.send(Frame.DATA, new byte[1000]).send(Frame.DATA, new byte[1000]);
        assertThat(connection.receive().failure().errno()).isEqualTo(ENOSPC);
        connection
                .send(Frame.END, new Payload().u64(2000))
                .send(Frame.PING)
                .receive()
                .ok();
    }

    @Test
    void refusesAWrongCountOfBytes() throws IOException {
        beginWrite("root", directory.resolve("file"), 0644, 0).ok();
        connection.send(Frame.DATA, new byte[10]).send(Frame.END, new Payload().u64(11));
        assertThat(connection.receive().failure().errno()).isEqualTo(EPROTO);
        assertThat(connection.ended()).isTrue();
    }

    @Test
    void keepsWhatWasWrittenWhenTheConnectionGoesAndLeavesNothingOpen() throws IOException {
        Path file = directory.resolve("partial");
        try (AgentConnection other = agent.connect()) {
            other.call(Frame.WRITE, path("root", file).u32(0644).u64(0).str("").u32(0))
                    .ok();
            other.send(Frame.DATA, "partial".getBytes(StandardCharsets.UTF_8));
        }
        while (agent.openFiles().contains(file.toString())) {
            Agent.pause();
        }
        assertThat(file).hasContent("partial");
    }

    @Test
    void composesAndRemovesTheSources() throws IOException {
        Path one = Files.writeString(directory.resolve("one"), "1");
        Path two = Files.writeString(directory.resolve("two"), "22");
        Path whole = directory.resolve("sub/whole");
        Payload request = new Payload().str("nobody").list(List.of(one.toString(), two.toString()));
        Frame.Entry entry =
                connection.call(Frame.COMPOSE, request.str(whole.toString())).entry();
        assertThat(entry.owner()).isEqualTo("nobody");
        assertThat(whole).hasContent("122");
        assertThat(one).doesNotExist();
        assertThat(two).doesNotExist();
        Path three = Files.writeString(directory.resolve("three"), "333");
        Payload onto = new Payload().str("root").list(List.of(whole.toString(), three.toString()));
        connection.call(Frame.COMPOSE, onto.str(whole.toString())).entry();
        assertThat(whole).hasContent("122333");
        Payload missing = new Payload().str("root").list(List.of(whole.toString(), one.toString()));
        Frame.Failure failure =
                connection.call(Frame.COMPOSE, missing.str(whole.toString())).failure();
        assertThat(failure.errno()).isEqualTo(ENOENT);
        assertThat(failure.message()).contains(one.toString());
        assertThat(whole).hasContent("122333");
        assertThat(whole.getParent())
                .isDirectoryNotContaining(file -> file.toString().contains(".holt-compose"));
    }
}
