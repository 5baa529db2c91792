package dev.holt.node.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.node.process.HostCommand;
import dev.holt.node.runtime.InstanceSpec;
import dev.holt.wire.id.TemplateId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
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
    void oldBuildsGoUnlessTheyAreUsed(@TempDir Path directory) throws Exception {
        TemplateStore store = new TemplateStore(directory);
        for (int age = 1; age <= 3; age++) {
            Path build = Files.createDirectories(directory.resolve("base/build-" + age));
            Files.writeString(
                    build.resolve("build.json"),
                    "{\"buildId\":\"build-%1$d\",\"recipe\":\"r\",\"createdAt\":\"2026-01-0%2$dT00:00:00Z\"}"
                            .formatted(age, 5 - age));
        }
        store.sweep(BaseTemplate.ID, Set.of("build-3"));
        assertThat(store.builds(BaseTemplate.ID).stream().map(TemplateBuild::buildId))
                .containsExactly("build-1", "build-3");
    }

    @Test
    void aBuildLiesOverTheOneThatItNames(@TempDir Path directory) throws Exception {
        TemplateStore store = new TemplateStore(directory);
        marker(directory.resolve("base/low"), "low", 1, "");
        marker(directory.resolve("base/new"), "new", 2, "");
        marker(directory.resolve("base/newest"), "newest", 3, "");
        marker(
                directory.resolve("packages/middle"),
                "middle",
                1,
                ",\"over\":{\"template\":\"base\",\"buildId\":\"low\"}");
        marker(
                directory.resolve("top/high"),
                "high",
                1,
                ",\"over\":{\"template\":\"packages\",\"buildId\":\"middle\"}");
        TemplateId top = new TemplateId("top");
        assertThat(store.find(top, "high").orElseThrow().image().layers())
                .containsExactly(
                        directory.resolve("top/high/rootfs"),
                        directory.resolve("packages/middle/rootfs"),
                        directory.resolve("base/low/rootfs"));

        store.sweep(BaseTemplate.ID, Set.of());
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
