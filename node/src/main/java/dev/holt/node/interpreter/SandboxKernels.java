package dev.holt.node.interpreter;

import dev.holt.http.HttpFailure;
import dev.holt.node.guest.Companion;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestProcess;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The contexts of one sandbox. Those whose kernels an earlier daemon started, or that came with a resumed or forked guest, are learnt
 * from the guest's agent when somebody first asks.
 */
final class SandboxKernels implements Companion {
    static final String HOME = "/home/user";
    private static final int CONTEXTS_MAXIMUM = 100;
    /** Contexts that E2B's clients expect to be listed before they were used. */
    private static final List<String> LISTED = List.of(Languages.PYTHON, Languages.JAVASCRIPT);

    private final GuestAgent agent;
    private final KernelStarter starter;

    private final ReentrantLock lock = new ReentrantLock();
    private final Map<String, Context> contexts = new LinkedHashMap<>();
    /** Languages whose standard context was removed and not used again. */
    private final Set<String> unlisted = new HashSet<>();

    private int making;
    private boolean merged;
    private boolean forgotten;
    private @Nullable List<String> listed;

    SandboxKernels(GuestAgent agent, KernelStarter starter) {
        this.agent = agent;
        this.starter = starter;
        agent.join(this);
    }

    /** Whether this is about the same run of the sandbox: a resumed one has another agent. */
    boolean isOf(InterpreterSandbox sandbox) {
        return agent == sandbox.agent();
    }

    /** The id of the standard context of a language: always the same, so that it is known again whatever happened to its kernel. */
    static String standardId(String language) {
        return UUID.nameUUIDFromBytes(("holt standard context " + language).getBytes(StandardCharsets.UTF_8))
                .toString();
    }

    /**
     * The context that code of a language runs in when it names none.
     *
     * @throws HttpFailure 400 when the sandbox has no kernel for it
     */
    Context standard(InterpreterSandbox sandbox, String asked) {
        merge();
        String language = Languages.normalize(asked);
        String id = standardId(language);
        lock.lock();
        try {
            Context known = contexts.get(id);
            if (known != null) {
                return known;
            }
        } finally {
            lock.unlock();
        }
        KernelSpec unused = new KernelSpecs(agent, sandbox.environment()).require(language);
        lock.lock();
        try {
            unlisted.remove(language);
            return putIfAbsent(standardContext(language));
        } finally {
            lock.unlock();
        }
    }

    private Context standardContext(String language) {
        return new Context(standardId(language), language, HOME, Instant.now(), true, starter);
    }

    /** Under the lock. */
    private Context putIfAbsent(Context context) {
        if (forgotten) {
            throw new KernelFailure(KernelFailure.Kind.FORGOTTEN, "the sandbox went away");
        }
        return contexts.computeIfAbsent(context.id(), id -> context);
    }

    /** @throws HttpFailure 404 */
    Context require(String id) {
        merge();
        lock.lock();
        try {
            Context context = contexts.get(id);
            if (context == null) {
                throw new HttpFailure(404, "Context " + id + " not found");
            }
            return context;
        } finally {
            lock.unlock();
        }
    }

    /**
     * A new context, its kernel running.
     *
     * @throws HttpFailure 400 for a language without a kernel or a directory that does not exist, 429 when there are too many
     */
    Context create(InterpreterSandbox sandbox, String language, String workingDirectory) throws InterruptedException {
        merge();
        lock.lock();
        try {
            if (contexts.size() + making >= CONTEXTS_MAXIMUM) {
                throw new HttpFailure(
                        429, "the sandbox has " + CONTEXTS_MAXIMUM + " contexts, which is the most; remove one first");
            }
            making++;
        } finally {
            lock.unlock();
        }
        Context context = new Context(
                UUID.randomUUID().toString(),
                Languages.normalize(language),
                workingDirectory,
                Instant.now(),
                false,
                starter);
        try {
            Kernel unused = context.start(sandbox);
        } finally {
            lock.lock();
            try {
                making--;
            } finally {
                lock.unlock();
            }
        }
        boolean kept = false;
        lock.lock();
        try {
            Context put = putIfAbsent(context);
            kept = true;
            return put;
        } finally {
            lock.unlock();
            if (!kept) {
                context.forget();
            }
        }
    }

    /** Every context, the oldest first; also the standard ones that would be made when they are used. */
    List<Context> list(InterpreterSandbox sandbox) {
        merge();
        List<String> standard = listed(sandbox);
        lock.lock();
        try {
            for (String language : standard) {
                if (!unlisted.contains(language) && !forgotten) {
                    Context unused = putIfAbsent(standardContext(language));
                }
            }
            List<Context> all = new ArrayList<>(contexts.values());
            all.sort(Comparator.comparing((Context context) -> !context.standard())
                    .thenComparing(Context::created));
            return all;
        } finally {
            lock.unlock();
        }
    }

    private List<String> listed(InterpreterSandbox sandbox) {
        lock.lock();
        try {
            if (listed != null) {
                return listed;
            }
        } finally {
            lock.unlock();
        }
        Set<String> languages = new KernelSpecs(agent, sandbox.environment()).languages();
        List<String> found = LISTED.stream().filter(languages::contains).toList();
        lock.lock();
        try {
            if (!found.isEmpty()) {
                listed = found;
            }
        } finally {
            lock.unlock();
        }
        return found;
    }

    /** @throws HttpFailure 404 */
    void remove(String id) {
        Context context = require(id);
        lock.lock();
        try {
            contexts.remove(id, context);
            if (context.standard()) {
                unlisted.add(context.language());
            }
        } finally {
            lock.unlock();
        }
        context.remove();
    }

    /** Learns of the kernels that run already, once. Asks the guest. */
    void merge() {
        lock.lock();
        try {
            if (merged) {
                return;
            }
            Map<String, Found> newest = new HashMap<>();
            for (GuestProcess process : agent.processes()) {
                KernelRecord.ofAnnotation(process.annotation())
                        .map(record -> new Found(record, process))
                        .ifPresent(found -> newest.merge(found.record.contextId(), found, Found::better));
            }
            newest.values().stream()
                    .sorted(Comparator.comparing(found -> found.record.created()))
                    .forEach(this::adopt);
            merged = true;
        } finally {
            lock.unlock();
        }
    }

    private record Found(KernelRecord record, GuestProcess process) {
        /** Of two kernels of one context the one that runs, of two that run the later. */
        Found better(Found other) {
            return Comparator.<Found>comparingInt(found -> found.process.ended() ? 0 : 1)
                                    .thenComparingLong(found -> found.process.startId())
                                    .compare(this, other)
                            >= 0
                    ? this
                    : other;
        }
    }

    private void adopt(Found found) {
        KernelRecord record = found.record;
        Context context = contexts.computeIfAbsent(
                record.contextId(),
                id -> new Context(
                        id,
                        record.language(),
                        record.workingDirectory(),
                        record.created(),
                        id.equals(standardId(record.language())),
                        starter));
        context.adopt(starter.running(agent, record, found.process.pid(), found.process.startId()));
    }

    /** The context of an id if there is one. */
    Optional<Context> find(String id) {
        merge();
        lock.lock();
        try {
            return Optional.ofNullable(contexts.get(id));
        } finally {
            lock.unlock();
        }
    }

    /** The contexts that have a kernel, the oldest first. */
    List<Context> running() {
        merge();
        return known().stream()
                .filter(context -> context.current().isPresent())
                .sorted(Comparator.comparing(Context::created))
                .toList();
    }

    /** The contexts that there are now, without asking the guest. */
    private List<Context> known() {
        lock.lock();
        try {
            return new ArrayList<>(contexts.values());
        } finally {
            lock.unlock();
        }
    }

    /** Breaks off all that goes on and lets go of every kernel, for good. */
    void forget() {
        lock.lock();
        try {
            forgotten = true;
        } finally {
            lock.unlock();
        }
        agent.leave(this);
        known().forEach(Context::forget);
    }

    /** The kernels' connections must be gone before a checkpoint: libzmq in a guest restored from one with them crashes. */
    @Override
    public void rest(Optional<String> cutOff) {
        KernelFailure why = cutOff.map(reason -> new KernelFailure(
                        KernelFailure.Kind.CUT_OFF,
                        reason
                                + "; this code goes on with it only where its memory is kept, until other code is run in its"
                                + " context"))
                .orElseGet(() -> new KernelFailure(
                        KernelFailure.Kind.DISCONNECTED, "the sandbox was captured while this code ran"));
        Set<Integer> ports = new HashSet<>();
        known().forEach(context -> ports.addAll(context.rest(why, cutOff.isPresent())));
        if (!ports.isEmpty()) {
            starter.awaitUnconnected(agent, ports);
        }
    }
}
