package dev.holt.node.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holt.node.linux.LoopDevice;
import dev.holt.node.linux.Mounts;
import dev.holt.node.pool.Foreground;
import dev.holt.node.pool.Pool;
import dev.holt.node.process.HostCommand;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Real mounts and loop devices. Needs root, e2fsprogs, util-linux and loop devices. */
class OverlayRootFileSystemsTest {
    private static final int MEGABYTES = 64;

    private final SandboxId sandbox = SandboxId.random(new SecureRandom());
    private Path state;
    private Path home;
    private TemplateImage image;
    private Disks disks;
    private Pool<Disk> ready;
    private OverlayRootFileSystems rootFileSystems;

    @BeforeEach
    void open() throws IOException {
        state = Files.createTempDirectory(Path.of("/var/tmp"), "holt-images");
        Path layer = Files.createDirectories(state.resolve("layer"));
        Files.createDirectories(layer.resolve("etc/deep"));
        Files.writeString(layer.resolve("etc/given"), "by the template");
        image = new TemplateImage(new TemplateId("base"), "b", List.of(layer), "user", Optional.empty());
        home = Files.createDirectories(state.resolve("sandboxes").resolve(sandbox.value()));
        restart();
    }

    private void restart() {
        disks = new Disks(state.resolve("empty"), state.resolve("disks"));
        ready = new Pool<>("test disks", 0, new Foreground(), missing -> List.of(disks.create(MEGABYTES)));
        rootFileSystems =
                new OverlayRootFileSystems(new TemplateStore(state.resolve("templates")), disks, ready, MEGABYTES);
    }

    @AfterEach
    void close() {
        ready.close();
        rootFileSystems.sweep(Set.of());
        Mounts.unmountBelow(state);
        assertThat(Mounts.below(state)).isEmpty();
        HostCommand.of("rm", "-rf", "--one-file-system", state.toString()).runOrFail();
    }

    private RootFileSystem mount(int megabytes) {
        return rootFileSystems.mount(sandbox, home, image, megabytes, upper -> {
            try {
                Files.writeString(upper.resolve("prepared"), "by the host");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    @Test
    void writesGoToTheDiskAndRenamesOfGivenDirectoriesWork() throws Exception {
        try (RootFileSystem root = mount(MEGABYTES)) {
            assertThat(root.path().resolve("prepared")).hasContent("by the host");
            Files.writeString(root.path().resolve("etc/given"), "changed");
            Files.move(root.path().resolve("etc/deep"), root.path().resolve("etc/renamed"));
            assertThat(root.path().resolve("etc/renamed")).isDirectory();
        }
        assertThat(image.layers().getFirst().resolve("etc/given")).hasContent("by the template");
        assertThat(image.layers().getFirst().resolve("etc/deep")).isDirectory();
    }

    @Test
    void theDiskIsLimitedAndSparse() throws Exception {
        try (Disk disk = disks.create(5120)) {
            long blocks = Long.parseLong(
                    HostCommand.of("stat", "-c", "%b", disk.image().toString())
                            .runOrFail()
                            .output()
                            .strip());
            assertThat(blocks * 512).as("bytes on the host").isLessThan(2 << 20);
            assertThat(disk.usage().total()).isBetween(4600L << 20, 5120L << 20);
        }
        try (Disk disk = disks.create(MEGABYTES)) {
            assertThatThrownBy(() -> Files.write(disk.upper().resolve("big"), new byte[70 << 20]))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("No space left");
        }
    }

    @Test
    void nothingIsLeftAfterClosing() throws Exception {
        RootFileSystem root = mount(MEGABYTES);
        assertThat(LoopDevice.below(state)).hasSize(1);
        root.close();
        root.close();
        assertNoDisks();
        assertThat(home).isEmptyDirectory();
    }

    @Test
    void aMountNamespaceThatCopiedTheMountsPinsNothing() throws Exception {
        RootFileSystem root = mount(MEGABYTES);
        // As any service of the host that starts while a sandbox runs: private copies of all mounts, kept as long as it
        // lives.
        Process other = new ProcessBuilder(
                        "unshare", "--mount", "--propagation", "private", "sh", "-c", "echo; exec sleep 600")
                .start();
        try {
            assertThat(other.getInputStream().read()).isEqualTo('\n');
            root.close();
            assertNoDisks();
            String mounts = Files.readString(Path.of("/proc", Long.toString(other.pid()), "mountinfo"));
            assertThat(mounts).doesNotContain(home.toString());
        } finally {
            other.destroyForcibly().waitFor();
        }
    }

    @Test
    void anOpenFileDelaysTheDiskButNotTheClosing() throws Exception {
        RootFileSystem root = mount(MEGABYTES);
        try (var writer = Files.newBufferedWriter(root.path().resolve("open"))) {
            writer.write("still open");
            writer.flush();
            root.close();
            assertThat(Mounts.below(home)).isEmpty();
        }
        assertNoDisks();
    }

    @Test
    void aRestartAdoptsWhatIsKeptAndFreesTheRest() throws Exception {
        RootFileSystem kept = mount(MEGABYTES);
        Files.writeString(kept.path().resolve("data"), "precious");
        SandboxId gone = SandboxId.random(new SecureRandom());
        Path goneHome = Files.createDirectories(state.resolve("sandboxes").resolve(gone.value()));
        rootFileSystems.mount(gone, goneHome, image, 128, upper -> {});
        disks.create(MEGABYTES); // pooled, and taken by nobody
        assertThat(LoopDevice.below(state)).hasSize(3);

        restart();
        rootFileSystems.sweep(Set.of(sandbox));
        RootFileSystem freed = rootFileSystems.adopt(gone, goneHome, image).orElseThrow();
        assertThat(freed.mounted()).isFalse();
        assertThatThrownBy(freed::mount)
                .isInstanceOf(ImageFailure.class)
                .hasMessageContaining(freed.image().toString());
        freed.close();
        Path noDisk = Files.createDirectories(state.resolve("sandboxes/none"));
        assertThat(rootFileSystems.adopt(gone, noDisk, image)).isEmpty();
        RootFileSystem adopted = rootFileSystems.adopt(sandbox, home, image).orElseThrow();
        assertThat(adopted.path().resolve("data")).hasContent("precious");
        adopted.close();
        assertNoDisks();
    }

    @Test
    void itComesBackFromItsImageAndACopyIsAnotherDisk() throws Exception {
        RootFileSystem root = mount(MEGABYTES);
        Files.writeString(root.path().resolve("data"), "precious");
        root.sync();
        root.unmount();
        assertThat(root.mounted()).isFalse();
        assertThat(LoopDevice.below(state)).as("at rest").isEmpty();
        assertThat(root.check()).as("it was unmounted in order").isEmpty();

        SandboxId other = SandboxId.random(new SecureRandom());
        Path otherHome = Files.createDirectories(state.resolve("sandboxes").resolve(other.value()));
        RootFileSystem copy = rootFileSystems.mountCopy(other, otherHome, image, root.image());
        assertThat(copy.path().resolve("data")).hasContent("precious");
        Files.writeString(copy.path().resolve("data"), "changed");
        root.mount();
        root.mount();
        assertThat(root.path().resolve("data")).hasContent("precious");
        assertThat(root.path().resolve("etc/given")).hasContent("by the template");

        copy.unmount();
        root.unmount();
        Path replacement = copy.image().resolveSibling("replacement");
        Files.copy(copy.image(), replacement);
        root.swap(replacement);
        root.mount();
        assertThat(root.path().resolve("data")).hasContent("changed");
        root.unmount();
        root.restoreAside();
        root.restoreAside();
        root.mount();
        assertThat(root.path().resolve("data")).hasContent("precious");
        copy.close();
        root.close();
        assertNoDisks();
    }

    @Test
    void aDamagedFileSystemIsRepairedOrSaidToBeBeyondRepair() throws Exception {
        RootFileSystem root = mount(MEGABYTES);
        Files.writeString(root.path().resolve("data"), "precious");
        root.unmount();
        HostCommand.of("debugfs", "-w", "-R", "clri upper/data", root.image().toString())
                .runOrFail();
        assertThat(root.check()).as("what e2fsck did").isPresent();
        assertThat(root.check()).isEmpty();
        Files.write(root.image(), new byte[4096]);
        HostCommand.of("truncate", "-s", "64M", root.image().toString()).runOrFail();
        assertThatThrownBy(root::check)
                .isInstanceOf(ImageFailure.class)
                .hasMessageContaining(root.image().toString());
        assertThatThrownBy(root::mount)
                .isInstanceOf(ImageFailure.class)
                .hasMessageContaining(root.image().toString());
        root.close();
        assertNoDisks();
    }

    @Test
    void aFailureLeavesNothing() {
        TemplateImage missing = new TemplateImage(
                image.template(), "b", List.of(state.resolve("no such layer")), "user", Optional.empty());
        assertThatThrownBy(() -> rootFileSystems.mount(sandbox, home, missing, MEGABYTES, upper -> {}))
                .isInstanceOf(ImageFailure.class)
                .hasMessageContaining("could not mount a root file system");
        assertThatThrownBy(() -> rootFileSystems.mount(sandbox, home, image, MEGABYTES, upper -> {
                    throw new IllegalStateException("refused");
                }))
                .hasMessage("refused");
        assertNoDisks();
        assertThat(home).isEmptyDirectory();
    }

    @Test
    void manyDisksAreMadeAtOnce() throws Exception {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Callable<Disk>> makers = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                makers.add(() -> disks.create(MEGABYTES));
            }
            List<Disk> made = new ArrayList<>();
            for (Future<Disk> maker : threads.invokeAll(makers)) {
                made.add(maker.get());
            }
            assertThat(LoopDevice.below(state)).hasSize(12);
            made.forEach(Disk::close);
        }
        assertNoDisks();
    }

    @Test
    void aLoopDeviceThatWasNeverMountedIsFreed() throws Exception {
        Path directory = Files.createDirectories(state.resolve("disks/cut-short"));
        HostCommand.of("truncate", "-s", "64M", directory.resolve("image.ext4").toString())
                .runOrFail();
        HostCommand.of("losetup", "--find", directory.resolve("image.ext4").toString())
                .runOrFail();
        assertThat(LoopDevice.below(state)).hasSize(1);
        rootFileSystems.sweep(Set.of());
        assertNoDisks();
    }

    /** The kernel frees a loop device a moment after its last user let go. */
    private void assertNoDisks() {
        for (int i = 0; i < 500 && !LoopDevice.below(state).isEmpty(); i++) {
            try {
                Thread.sleep(10);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
        assertThat(LoopDevice.below(state)).isEmpty();
        assertThat(state.resolve("disks")).isEmptyDirectory();
        assertThat(Mounts.below(state).stream().map(Mounts.Mount::target)).containsExactly(state.resolve("disks"));
    }
}
