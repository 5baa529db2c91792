package dev.holt.app.server;

import dev.holt.control.template.OfferedTemplates;
import dev.holt.control.template.TemplateSeed;
import dev.holt.node.image.BuiltInTemplate;
import dev.holt.node.image.ImageFailure;
import dev.holt.node.image.TemplateBuild;
import dev.holt.node.image.TemplateStore;
import dev.holt.node.process.CommandFailure;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The built-in templates as control offers them: made in the background when somebody first asks, where the settings allow that. */
final class BuiltInTemplates implements OfferedTemplates, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(BuiltInTemplates.class);
    private static final Duration ASK_AGAIN = Duration.ofSeconds(30);
    /** After a failure, before another ask begins anew. */
    private static final Duration REST = Duration.ofMinutes(1);

    private final TemplateStore store;
    private final BiConsumer<BuiltInTemplate, Consumer<String>> builder;
    private final Function<BuiltInTemplate, Resources> resources;
    private final boolean onDemand;
    private final Map<BuiltInTemplate, Work> works = new EnumMap<>(BuiltInTemplate.class);
    private Optional<Thread> tidying = Optional.empty();
    private boolean closed;

    /**
     * @param resources of sandboxes of each
     * @param onDemand whether asking for one that is missing begins to build it
     */
    BuiltInTemplates(TemplateStore store, Function<BuiltInTemplate, Resources> resources, boolean onDemand) {
        this(store, store::ensure, resources, onDemand);
    }

    /** @param builder builds one into the store, telling how it goes */
    BuiltInTemplates(
            TemplateStore store,
            BiConsumer<BuiltInTemplate, Consumer<String>> builder,
            Function<BuiltInTemplate, Resources> resources,
            boolean onDemand) {
        this.store = store;
        this.builder = builder;
        this.resources = resources;
        this.onDemand = onDemand;
    }

    /** One run of a build. */
    private static final class Work {
        final Thread thread;
        volatile String step = "waiting for its turn";
        volatile @Nullable String failure;
        volatile Instant ended = Instant.MAX;

        Work(Function<Work, Runnable> body) {
            this.thread = Thread.ofVirtual().name("template build").unstarted(body.apply(this));
        }

        boolean running() {
            return ended.equals(Instant.MAX);
        }
    }

    /** What is built on this host, by the present recipe or, until that is renewed, by an older one. */
    List<TemplateSeed> seeds() {
        return Arrays.stream(BuiltInTemplate.values())
                .flatMap(template -> newest(template).stream().map(build -> seed(template, build)))
                .toList();
    }

    /**
     * Builds anew, in the background, what an older Holt built, so that what this one expects is in it.
     *
     * @param renewed told of each when it is there
     */
    void renewOld(Consumer<TemplateSeed> renewed) {
        Stream.of(BuiltInTemplate.values())
                .filter(template ->
                        newest(template).isPresent() && store.current(template).isEmpty())
                .forEach(template -> begin(template, renewed));
    }

    /**
     * Removes what older Holts built and nothing stands on any more: while nobody is served yet, but for the files, which go in the background.
     *
     * @param inUse ids of builds
     */
    synchronized void tidy(Set<String> inUse) {
        try {
            store.retire(inUse);
        } catch (ImageFailure e) {
            log.warn("builds of templates that nothing needs any more stay: {}", e.getMessage());
        }
        tidying = Optional.of(Thread.ofVirtual().name("template removal").start(() -> {
            try {
                store.removeRetired();
            } catch (ImageFailure | CommandFailure e) {
                log.warn("old builds of templates are not all removed, the next start goes on: {}", e.getMessage());
            }
        }));
    }

    @Override
    public List<Offer> offers() {
        return Arrays.stream(BuiltInTemplate.values())
                .map(template ->
                        new Offer(template.id(), template.aliases(), resources.apply(template), state(template)))
                .toList();
    }

    @Override
    public Answer ask(TemplateId id) {
        BuiltInTemplate template = BuiltInTemplate.named(id.value())
                .orElseThrow(() -> new IllegalArgumentException("there is no built-in template " + id));
        Optional<TemplateBuild> build = newest(template);
        if (build.isPresent()) {
            return new Answer.Ready(seed(template, build.get()));
        }
        String command = "holt template build " + id;
        if (!onDemand) {
            return new Answer.NotReady(
                    "template '" + id + "' is not built on this host; its operator builds it with: " + command,
                    Optional.empty());
        }
        Optional<Work> before = work(template);
        Optional<String> failure = before.flatMap(work -> Optional.ofNullable(work.failure));
        Duration rest = before.map(
                        work -> work.running() ? Duration.ZERO : Duration.between(Instant.now(), work.ended.plus(REST)))
                .orElse(Duration.ZERO);
        if (failure.isPresent() && rest.isPositive()) {
            return new Answer.NotReady(
                    "template '" + id + "' could not be built: " + failure.get() + " (to see all of it: " + command
                            + ")",
                    Optional.of(rest));
        }
        begin(template, built -> {}); // who asks next finds it
        String step = work(template).map(work -> work.step).orElse("waiting");
        return new Answer.NotReady(
                "template '" + id + "' is being built on this host, once, which takes some minutes; now: " + step
                        + ". Try again then",
                Optional.of(ASK_AGAIN));
    }

    private Optional<TemplateBuild> newest(BuiltInTemplate template) {
        return store.current(template)
                .or(() -> store.builds(template.id()).stream().findFirst());
    }

    private TemplateSeed seed(BuiltInTemplate template, TemplateBuild build) {
        return new TemplateSeed(
                template.id(),
                template.aliases(),
                UUID.fromString(build.buildId()),
                resources.apply(template),
                build.createdAt());
    }

    private synchronized Optional<Work> work(BuiltInTemplate template) {
        return Optional.ofNullable(works.get(template));
    }

    private String state(BuiltInTemplate template) {
        return work(template)
                .map(work -> work.running() ? "building" : work.failure == null ? "waiting" : "error")
                .orElse("waiting");
    }

    private synchronized void begin(BuiltInTemplate template, Consumer<TemplateSeed> built) {
        Work before = works.get(template);
        if (closed || (before != null && before.running())) {
            return;
        }
        Work work = new Work(self -> () -> build(template, self, built));
        works.put(template, work);
        work.thread.start();
    }

    private void build(BuiltInTemplate template, Work work, Consumer<TemplateSeed> built) {
        log.info("building template {} in the background", template.id());
        try {
            builder.accept(template, line -> {
                work.step = line;
                log.debug("template {}: {}", template.id(), line);
            });
            log.info("template {} is built", template.id());
            newest(template).map(build -> seed(template, build)).ifPresent(built);
        } catch (ImageFailure | CommandFailure e) {
            work.failure = lastLine(String.valueOf(e.getMessage()));
            log.error("template {} could not be built: {}", template.id(), e.getMessage());
        } catch (RuntimeException e) {
            work.failure = "an error in Holt, which its log tells";
            log.error("template {} could not be built", template.id(), e);
        } finally {
            work.ended = Instant.now();
        }
    }

    /** The tools' own last word; what came before it is in the log, which is the operator's. */
    private static String lastLine(String message) {
        return message.lines().reduce((first, second) -> second).orElse(message);
    }

    /** Ends builds under way, which leave nothing, and the tidying, which the next start goes on with. */
    @Override
    public void close() {
        List<Thread> running;
        synchronized (this) {
            closed = true;
            running = Stream.concat(
                            works.values().stream().filter(Work::running).map(work -> work.thread), tidying.stream())
                    .toList();
        }
        running.forEach(Thread::interrupt);
        boolean interrupted = false;
        for (Thread thread : running) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
