package dev.holt.app.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.control.template.OfferedTemplates.Answer;
import dev.holt.control.template.OfferedTemplates.Offer;
import dev.holt.control.template.TemplateSeed;
import dev.holt.node.image.BuiltInTemplate;
import dev.holt.node.image.ImageFailure;
import dev.holt.node.image.TemplateStore;
import dev.holt.nodeapi.Resources;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BuiltInTemplatesTest {
    private static final BuiltInTemplate TEMPLATE = BuiltInTemplate.CODE_INTERPRETER;

    @TempDir
    Path directory;

    private final AtomicInteger builds = new AtomicInteger();
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch mayEnd = new CountDownLatch(1);

    private BuiltInTemplates templates(boolean onDemand, Runnable build) {
        return new BuiltInTemplates(
                new TemplateStore(directory),
                (template, progress) -> {
                    assertThat(template).isEqualTo(TEMPLATE);
                    builds.incrementAndGet();
                    progress.accept("installing");
                    begun.countDown();
                    build.run();
                },
                template -> new Resources(1, 256, 512),
                onDemand);
    }

    private static String state(BuiltInTemplates templates) {
        return templates.offers().stream()
                .filter(offer -> offer.template().equals(TEMPLATE.id()))
                .map(Offer::state)
                .findFirst()
                .orElseThrow();
    }

    private void write(String buildId) {
        write(buildId, "2026-01-01T00:00:00Z");
    }

    private void write(String buildId, String createdAt) {
        try {
            Path build = Files.createDirectories(
                    directory.resolve(TEMPLATE.id().value()).resolve(buildId));
            Files.writeString(
                    build.resolve("build.json"),
                    "{\"buildId\":\"%s\",\"recipe\":\"older\",\"createdAt\":\"%s\"}".formatted(buildId, createdAt));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new ImageFailure("interrupted", e);
        }
    }

    private static void awaitState(BuiltInTemplates templates, String wanted) throws InterruptedException {
        for (int turn = 0; turn < 3000 && !state(templates).equals(wanted); turn++) {
            Thread.sleep(10);
        }
        assertThat(state(templates)).isEqualTo(wanted);
    }

    @Test
    void theFirstAskBeginsOneBuildAndALaterOneFindsIt() throws Exception {
        String buildId = UUID.randomUUID().toString();
        try (BuiltInTemplates templates = templates(true, () -> {
            await(mayEnd);
            write(buildId);
        })) {
            assertThat(state(templates)).isEqualTo("waiting");
            assertThat(templates.ask(TEMPLATE.id())).isInstanceOf(Answer.NotReady.class);
            await(begun);
            assertThat(state(templates)).isEqualTo("building");
            Answer.NotReady second = (Answer.NotReady) templates.ask(TEMPLATE.id());
            assertThat(second.problem()).contains("code-interpreter-v1", "being built", "installing");
            assertThat(second.retryAfter()).isPresent();
            mayEnd.countDown();
            awaitState(templates, "waiting");
            TemplateSeed seed = ((Answer.Ready) templates.ask(TEMPLATE.id())).seed();
            assertThat(seed.buildId()).hasToString(buildId);
            assertThat(seed.aliases()).contains("code-interpreter-beta");
            assertThat(seed.resources().memoryMegabytes()).isEqualTo(256);
            assertThat(builds).hasValue(1);
        }
    }

    @Test
    void aFailureIsToldAndNotRepeatedAtOnce() throws Exception {
        try (BuiltInTemplates templates = templates(true, () -> {
            throw new ImageFailure("tool said\nno space left", new IOException("x"));
        })) {
            templates.ask(TEMPLATE.id());
            awaitState(templates, "error");
            Answer.NotReady answer = (Answer.NotReady) templates.ask(TEMPLATE.id());
            assertThat(answer.problem()).contains("no space left", "holt template build code-interpreter-v1");
            assertThat(answer.problem()).doesNotContain("tool said");
            assertThat(answer.retryAfter()).isPresent();
            assertThat(builds).hasValue(1);
        }
    }

    @Test
    void withoutDemandOnlyTheOperatorBuilds() {
        try (BuiltInTemplates templates = templates(false, () -> {})) {
            Answer.NotReady answer = (Answer.NotReady) templates.ask(TEMPLATE.id());
            assertThat(answer.problem()).contains("holt template build code-interpreter-v1");
            assertThat(answer.retryAfter()).isEmpty();
            assertThat(builds).hasValue(0);
            write(UUID.randomUUID().toString());
            assertThat(templates.ask(TEMPLATE.id())).isInstanceOf(Answer.Ready.class);
        }
    }

    @Test
    void whatNothingNeedsAnyMoreIsRemoved() throws Exception {
        String old = UUID.randomUUID().toString();
        String used = UUID.randomUUID().toString();
        String newest = UUID.randomUUID().toString();
        write(old);
        write(used);
        write(newest, "2026-01-02T00:00:00Z");
        Path home = directory.resolve(TEMPLATE.id().value());
        try (BuiltInTemplates templates = templates(true, () -> {})) {
            templates.tidy(Set.of(used));
            assertThat(templates.seeds())
                    .singleElement()
                    .satisfies(seed -> assertThat(seed.buildId()).hasToString(newest));
            for (int turn = 0; turn < 3000 && Files.exists(home.resolve(".retired-" + old)); turn++) {
                Thread.sleep(10);
            }
        }
        try (Stream<Path> left = Files.list(home)) {
            assertThat(left.map(path -> path.getFileName().toString()))
                    .containsExactlyInAnyOrder(".lock", used, newest);
        }
    }

    @Test
    void whatAnOlderHoltBuiltIsServedWhileItIsRenewed() throws Exception {
        write(UUID.randomUUID().toString());
        List<TemplateSeed> renewed = new CopyOnWriteArrayList<>();
        try (BuiltInTemplates templates = templates(true, () -> await(mayEnd))) {
            templates.renewOld(renewed::add);
            await(begun);
            assertThat(templates.seeds()).hasSize(1);
            assertThat(templates.ask(TEMPLATE.id())).isInstanceOf(Answer.Ready.class);
            assertThat(renewed).isEmpty();
            mayEnd.countDown();
            awaitState(templates, "waiting");
            assertThat(renewed)
                    .singleElement()
                    .extracting(TemplateSeed::templateId)
                    .isEqualTo(TEMPLATE.id());
        }
    }

    @Test
    void closingEndsTheBuild() {
        AtomicInteger ended = new AtomicInteger();
        BuiltInTemplates templates = templates(true, () -> {
            try {
                mayEnd.await();
            } catch (InterruptedException e) {
                ended.incrementAndGet();
            }
        });
        templates.ask(TEMPLATE.id());
        await(begun);
        templates.close();
        assertThat(ended).hasValue(1);
        templates.ask(TEMPLATE.id());
        assertThat(builds).hasValue(1);
    }
}
