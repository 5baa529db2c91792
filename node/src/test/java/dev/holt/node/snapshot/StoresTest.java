package dev.holt.node.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.holt.node.guest.AgentToken;
import dev.holt.node.linux.FileCopy;
import dev.holt.node.linux.FileExtents;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.MemoryKept;
import dev.holt.nodeapi.Resources;
import dev.holt.nodeapi.SnapshotBuild;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sums, copies, and the two stores, on the file system of the test's directory. */
final class StoresTest {
    private static final SandboxId SANDBOX = SandboxId.random(new SecureRandom());
    private static final TemplateId TEMPLATE = new TemplateId("snap");
    private static final Resources SMALL = new Resources(1, 128, 64);

    @TempDir
    Path state;

    private final Verified verified = new Verified();
    private final Random random = new Random(42);
    private Path sandbox;

    @BeforeEach
    void makeSandbox() throws IOException {
        sandbox = Files.createDirectories(state.resolve("sandboxes").resolve(SANDBOX.value()));
    }

    /** Some data, some holes, some written zeros. */
    private Path sparse(String name, long size) throws IOException {
        Path file = state.resolve(name);
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.setLength(size);
            for (int i = 0; i < 10; i++) {
                open.seek(random.nextLong(size - 10_000));
                byte[] bytes = new byte[random.nextInt(10_000)];
                if (i % 3 > 0) {
                    random.nextBytes(bytes);
                }
                open.write(bytes);
            }
        }
        return file;
    }

    @Test
    void aSumFindsEveryChangeAndDoesNotSeeHoles() throws IOException {
        Path file = sparse("image", 50L << 20);
        FileSum sum = FileSum.of(file, "image");
        assertThat(sum.size()).isEqualTo(50L << 20);
        sum.verify(file);
        Path solid = state.resolve("solid");
        Files.write(solid, Files.readAllBytes(file)); // the same, with zeros written out
        sum.verify(solid);
        for (int i = 0; i < 200; i++) {
            long at = random.nextLong(sum.size());
            flip(solid, at);
            assertThatExceptionOfType(SnapshotFailure.class)
                    .as("byte " + at)
                    .isThrownBy(() -> sum.verify(solid))
                    .withMessageContaining(solid.toString())
                    .withMessageContaining("checksum");
            flip(solid, at);
        }
        sum.verify(solid);
        Files.write(solid, new byte[1], StandardOpenOption.APPEND);
        assertThatExceptionOfType(SnapshotFailure.class)
                .isThrownBy(() -> sum.verify(solid))
                .withMessageContaining("bytes");
        Files.delete(solid);
        assertThatExceptionOfType(SnapshotFailure.class)
                .isThrownBy(() -> sum.verify(solid))
                .withMessageContaining("is missing");
    }

    private static void flip(Path file, long at) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.seek(at);
            int before = open.read();
            open.seek(at);
            open.write(before ^ 0x40);
        }
    }

    @Test
    void aCopyHasTheSameBytesAndHoles() throws IOException {
        Path file = sparse("image", 100L << 20);
        Path copy = state.resolve("copy");
        FileCopy.copy(file, copy);
        FileSum.of(file, "image").verify(copy);
        assertThat(FileExtents.bytes(copy)).isLessThanOrEqualTo(FileExtents.bytes(file) + (1 << 16));
        assertThatExceptionOfType(IOException.class).isThrownBy(() -> FileCopy.copy(file, copy));
        Path empty = Files.createFile(state.resolve("empty"));
        FileCopy.copy(empty, state.resolve("empty copy"));
        assertThat(state.resolve("empty copy")).isEmptyFile();
        Thread.currentThread().interrupt();
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> FileCopy.copy(sparse("other", 10L << 20), state.resolve("interrupted")));
        assertThat(Thread.interrupted()).isTrue();
        assertThat(state.resolve("interrupted")).doesNotExist();
    }

    private PauseRecord paused(PauseStore pauses, int generation) throws IOException {
        Files.writeString(pauses.begin(generation).resolve("pages.img"), "memory of " + generation);
        MemoryImage image = new MemoryImage(
                Isolation.GVISOR,
                SMALL,
                AgentToken.random(new SecureRandom()),
                "/agent",
                List.of(),
                pauses.sumMemory(generation, new ImageSums(), verified));
        PauseRecord record = new PauseRecord(
                PauseRecord.VERSION,
                SANDBOX,
                generation,
                Instant.parse("2026-03-01T12:00:00Z"),
                MemoryKept.DISK,
                Optional.of(image),
                Optional.empty(),
                Optional.empty());
        pauses.commit(record);
        return record;
    }

    @Test
    void onlyWhatHasARecordIsAPause() throws IOException {
        PauseStore pauses = new PauseStore(sandbox);
        assertThat(pauses.next()).isEqualTo(1);
        PauseRecord first = paused(pauses, 1);
        assertThat(pauses.find(1)).contains(first);
        Files.writeString(pauses.begin(2).resolve("pages.img"), "half");
        assertThat(pauses.find(2)).isEmpty();
        assertThat(pauses.newestBefore(3)).contains(first);
        assertThat(pauses.next()).as("never a number twice").isEqualTo(3);
        pauses.sweep();
        assertThat(sandbox.resolve("pause/2")).doesNotExist();
        assertThat(pauses.find(1)).contains(first);

        Path disk = sparse("disk", 10L << 20);
        PauseRecord copied = pauses.keepCopy(first, disk, 1L << 30).orElseThrow();
        assertThat(pauses.find(1)).contains(copied);
        copied.copy().orElseThrow().verify(pauses.copy(1));
        assertThat(pauses.keepCopy(copied, disk, 10)).as("too much to copy").isEmpty();

        paused(pauses, 3);
        pauses.keepOnly(Set.of(3));
        assertThat(sandbox.resolve("pause/1")).doesNotExist();
        Files.writeString(sandbox.resolve("pause/3/record.json"), "{\"version\":1,");
        assertThatExceptionOfType(SnapshotFailure.class)
                .isThrownBy(() -> pauses.find(3))
                .withMessageContaining("record.json");
        assertThat(pauses.newestBefore(9)).isEmpty();
    }

    @Test
    void whatWasVerifiedIsReadAgainOnlyWhenItChanged() throws IOException {
        PauseStore pauses = new PauseStore(sandbox);
        PauseRecord record = paused(pauses, 1);
        pauses.verifyMemory(record, verified);
        Path file = pauses.memory(1).resolve("pages.img");
        Files.writeString(file, "memory of 9");
        assertThatExceptionOfType(SnapshotFailure.class).isThrownBy(() -> pauses.verifyMemory(record, verified));
        Files.writeString(file, "memory of 1");
        pauses.verifyMemory(record, verified);
        Files.delete(file);
        assertThatExceptionOfType(SnapshotFailure.class)
                .isThrownBy(() -> pauses.verifyMemory(record, verified))
                .withMessageContaining("missing");
    }

    private void build(SnapshotStore store, String buildId, Path disk) {
        try (SnapshotStore.Unfinished build = store.begin(TEMPLATE, buildId)) {
            build.copyDisk(disk);
            Files.write(build.memory().resolve("pages.img"), new byte[200_000]);
            FileSum sum = build.sumDisk();
            MemoryImage image = new MemoryImage(
                    Isolation.GVISOR,
                    SMALL,
                    AgentToken.random(new SecureRandom()),
                    "/agent",
                    List.of(),
                    build.sumMemory(new ImageSums()));
            build.sync();
            build.commit(new SnapshotRecord(
                    SnapshotRecord.VERSION,
                    new SnapshotBuild(
                            TEMPLATE,
                            buildId,
                            SANDBOX,
                            "team",
                            Isolation.GVISOR,
                            MemoryKept.DISK,
                            SMALL,
                            build.bytes(),
                            Instant.parse("2026-03-01T12:00:00Z"),
                            Duration.ofMillis(5)),
                    new TemplateId("base"),
                    "b1",
                    false,
                    Map.of(),
                    sum,
                    Optional.of(image)));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private SnapshotStore store() {
        return new SnapshotStore(state.resolve("snapshots"), verified, Clock.systemUTC());
    }

    @Test
    void whatBuildsHaveInCommonIsKeptOnceAndGoesWithTheLast() throws IOException {
        Path disk = sparse("disk", 10L << 20);
        SnapshotStore store = store();
        build(store, "one", disk);
        build(store, "two", disk);
        store.share(TEMPLATE, "one");
        store.share(TEMPLATE, "two");
        Path one = state.resolve("snapshots/snap/one/disk.ext4");
        Path two = state.resolve("snapshots/snap/two/disk.ext4");
        assertThat(Files.isSameFile(one, two)).isTrue();
        try (SnapshotStore.Use use = store.use(TEMPLATE, "two").orElseThrow()) {
            use.verify(true);
            store.delete(TEMPLATE, "one");
            assertThat(Files.getAttribute(two, "unix:nlink")).isEqualTo(2);
            use.verify(true);
            store.delete(TEMPLATE, "two");
            assertThat(store.find(TEMPLATE, "two")).isEmpty();
            use.verify(true);
        }
        assertThat(state.resolve("snapshots/.blobs")).isEmptyDirectory();
        assertThat(state.resolve("snapshots/snap")).doesNotExist();
    }

    @Test
    void theNextStartFindsWholeBuildsAndRemovesTheRest() throws IOException {
        Path disk = sparse("disk", 1L << 20);
        SnapshotStore before = store();
        build(before, "whole", disk);
        build(before, "deleted", disk);
        SnapshotStore.Use use = before.use(TEMPLATE, "deleted").orElseThrow();
        before.delete(TEMPLATE, "deleted");
        assertThat(use.disk()).as("in use").exists();
        before.begin(TEMPLATE, "half").copyDisk(disk);
        build(before, "damaged", disk);
        Files.writeString(state.resolve("snapshots/snap/damaged/build.json"), "{");

        SnapshotStore after = store();
        assertThat(after.list()).extracting(SnapshotBuild::buildId).containsExactly("whole");
        assertThat(state.resolve("snapshots/snap/deleted")).doesNotExist();
        assertThat(state.resolve("snapshots/snap/damaged"))
                .as("for a person to look at")
                .isDirectory();
        assertThatExceptionOfType(SnapshotFailure.class).isThrownBy(() -> after.begin(TEMPLATE, "whole"));
        try (SnapshotStore.Use again = after.use(TEMPLATE, "whole").orElseThrow()) {
            again.verify(true);
            flip(again.disk(), 5000);
            assertThatExceptionOfType(SnapshotFailure.class)
                    .isThrownBy(() -> again.verify(false))
                    .withMessageContaining("disk.ext4");
        }
    }
}
