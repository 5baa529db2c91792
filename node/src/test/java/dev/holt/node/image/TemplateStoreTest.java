package dev.holt.node.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.node.process.HostCommand;
import dev.holt.node.runtime.InstanceSpec;
import dev.holt.wire.id.TemplateId;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Uses the base template that the tests of this machine share; builds it, in about a minute, when it is not there yet. */
class TemplateStoreTest {
    private static final Path KEPT = Path.of("/var/tmp/holt-test/templates");

    @Test
    void everyCallerGetsTheSameBuild() throws Exception {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Callable<TemplateBuild>> callers = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                callers.add(() -> new TemplateStore(KEPT).ensureBase(System.out::println));
            }
            List<TemplateBuild> builds = new ArrayList<>();
            for (Future<TemplateBuild> caller : threads.invokeAll(callers)) {
                builds.add(caller.get());
            }
            assertThat(Set.copyOf(builds)).hasSize(1);
        }
    }

    @Test
    void theBaseHoldsWhatSandboxesNeedAndNothingOfTheHost() throws Exception {
        TemplateBuild build = new TemplateStore(KEPT).ensureBase(System.out::println);
        Path root = build.rootFileSystem();
        assertThat(Files.readAllLines(root.resolve("etc/passwd"))).contains("user:x:1000:1000::/home/user:/bin/bash");
        assertThat(Files.getPosixFilePermissions(root.resolve("etc/sudoers.d/user")))
                .isEqualTo(PosixFilePermissions.fromString("r--r-----"));
        assertThat(root.resolve(InstanceSpec.GUEST_AGENT.substring(1))).isEmptyFile();
        assertThat(Files.getAttribute(root.resolve("tmp"), "unix:mode")).isEqualTo(041777);
        assertThat(Files.getAttribute(root.resolve("tmp/.X11-unix"), "unix:mode"))
                .isEqualTo(041777);
        assertThat(root.resolve("etc/apt/apt.conf.d/99mmdebstrap")).doesNotExist();
        assertThat(root.resolve("etc/resolv.conf")).isEmptyFile();
        assertThat(build.packages()).anyMatch(line -> line.startsWith("python3 "));
        assertThat(build.image().layers()).containsExactly(root);
    }

    @Test
    void aBuildWithoutItsMarkerDoesNotExist(@TempDir Path directory) throws Exception {
        TemplateStore store = new TemplateStore(directory);
        assertThat(store.builds(BaseTemplate.ID)).isEmpty();
        TemplateBuild build = new TemplateStore(KEPT).ensureBase(System.out::println);
        Path copy = Files.createDirectories(directory.resolve("base").resolve(build.buildId()));
        assertThat(store.find(BaseTemplate.ID, build.buildId())).isEmpty();
        Files.copy(build.directory().resolve("build.json"), copy.resolve("build.json"));
        assertThat(store.find(BaseTemplate.ID, build.buildId()))
                .get()
                .extracting(TemplateBuild::createdAt, TemplateBuild::directory)
                .containsExactly(build.createdAt(), copy);
        Files.delete(copy.resolve("build.json"));
        assertThat(store.find(BaseTemplate.ID, build.buildId())).isEmpty();
    }

    @Test
    void oldBuildsGoUnlessSomethingNeedsThem(@TempDir Path directory) throws Exception {
        TemplateStore store = new TemplateStore(directory);
        TemplateId interpreter = BuiltInTemplate.CODE_INTERPRETER.id();
        marker(directory.resolve("base/used"), "used", 1, "");
        marker(directory.resolve("base/below"), "below", 2, "");
        marker(directory.resolve("base/under-old"), "under-old", 3, "");
        marker(directory.resolve("base/unused"), "unused", 4, "");
        marker(directory.resolve("base/newest"), "newest", 5, "");
        marker(directory.resolve(interpreter + "/old"), "old", 1, over("base", "under-old"));
        marker(directory.resolve(interpreter + "/high"), "high", 2, over("base", "below"));
        marker(directory.resolve("of-a-team/first"), "first", 1, "");
        marker(directory.resolve("of-a-team/second"), "second", 2, "");
        assertThat(store.builds(BaseTemplate.ID)).hasSize(5);

        store.retire(Set.of("used"));
        assertThat(ids(store, BaseTemplate.ID))
                .as("the newest, one that another lies over, and one in use; not the one below one that goes itself")
                .containsExactly("newest", "below", "used");
        assertThat(ids(store, interpreter)).containsExactly("high");
        assertThat(ids(store, new TemplateId("of-a-team")))
                .as("none of Holt's own")
                .containsExactly("second", "first");
        assertThat(directory.resolve("base/.retired-unused")).isDirectory();

        // What a run that was killed left is removed by the next.
        new TemplateStore(directory).removeRetired();
        try (Stream<Path> left = Files.list(directory.resolve("base"))) {
            assertThat(left.map(path -> path.getFileName().toString()))
                    .containsExactlyInAnyOrder(".lock", "newest", "below", "used");
        }
    }

    @Test
    void nothingGoesWhileSomebodyBuilds(@TempDir Path directory) throws Exception {
        marker(directory.resolve("base/old"), "old", 1, "");
        marker(directory.resolve("base/newest"), "newest", 2, "");
        TemplateStore store = new TemplateStore(directory);
        try (FileChannel builder = FileChannel.open(
                        directory.resolve("base/.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = builder.lock()) {
            store.retire(Set.of());
            assertThat(lock.isValid()).isTrue();
            assertThat(ids(store, BaseTemplate.ID)).containsExactly("newest", "old");
        }
        store.retire(Set.of());
        assertThat(ids(store, BaseTemplate.ID)).containsExactly("newest");
    }

    private static List<String> ids(TemplateStore store, TemplateId template) {
        return store.builds(template).stream().map(TemplateBuild::buildId).toList();
    }

    private static String over(String template, String build) {
        return ",\"over\":{\"template\":\"%s\",\"buildId\":\"%s\"}".formatted(template, build);
    }

    @Test
    void aBuildLiesOverTheOneThatItNames(@TempDir Path directory) throws Exception {
        TemplateStore store = new TemplateStore(directory);
        marker(directory.resolve("base/low"), "low", 1, "");
        marker(directory.resolve("base/new"), "new", 2, "");
        marker(directory.resolve("base/newest"), "newest", 3, "");
        marker(directory.resolve("packages/middle"), "middle", 1, over("base", "low"));
        marker(directory.resolve("top/high"), "high", 1, over("packages", "middle"));
        TemplateId top = new TemplateId("top");
        assertThat(store.find(top, "high").orElseThrow().image().layers())
                .containsExactly(
                        directory.resolve("top/high/rootfs"),
                        directory.resolve("packages/middle/rootfs"),
                        directory.resolve("base/low/rootfs"));

        store.retire(Set.of());
        assertThat(store.builds(BaseTemplate.ID).stream().map(TemplateBuild::buildId))
                .as("the newest, and the one that others lie over")
                .containsExactly("newest", "low");

        Files.delete(directory.resolve("base/low/build.json"));
        assertThat(store.find(top, "high")).isEmpty();
        assertThat(new TemplateStore(directory).builds(top)).isEmpty();
    }

    private static void marker(Path build, String id, int day, String over) throws Exception {
        Files.createDirectories(build);
        Files.writeString(
                build.resolve("build.json"),
                "{\"buildId\":\"%s\",\"recipe\":\"r\",\"createdAt\":\"2026-01-0%dT00:00:00Z\"%s}"
                        .formatted(id, day, over));
    }

    @Test
    void templatesAreFoundByEveryName() {
        assertThat(BuiltInTemplate.named("code-interpreter-v1")).contains(BuiltInTemplate.CODE_INTERPRETER);
        assertThat(BuiltInTemplate.named("code-interpreter-beta")).contains(BuiltInTemplate.CODE_INTERPRETER);
        assertThat(BuiltInTemplate.named("base")).contains(BuiltInTemplate.BASE);
        assertThat(BuiltInTemplate.named("code-interpreter-packages")).isEmpty();
    }

    @Test
    void templatesUseTheHostsOwnSources() {
        HostPackages packages = HostPackages.find();
        String release = HostCommand.of("sh", "-c", ". /etc/os-release && echo $VERSION_CODENAME")
                .runOrFail()
                .output()
                .strip();
        assertThat(packages.suite()).isEqualTo(release);
        assertThat(packages.sources()).isNotEmpty().allMatch(line -> line.startsWith("deb "));
        assertThat(packages.keyring()).exists();
    }
}
