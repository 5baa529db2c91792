package dev.holt.node.interpreter;

import dev.holt.http.HttpFailure;
import dev.holt.http.Json;
import dev.holt.node.interpreter.gateway.GatewayKernel;
import dev.holt.node.interpreter.gateway.GatewayKernels;
import dev.holt.node.interpreter.jupyter.Channel;
import dev.holt.node.interpreter.jupyter.KernelFailure;
import dev.holt.node.interpreter.jupyter.KernelLink;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * The contexts of a sandbox as the kernel gateway's kernels: one that a notebook made is one that code may name as its context, and the
 * other way round.
 */
final class NotebookKernels implements GatewayKernels {
    private static final int SPECIFICATION_MAXIMUM = 256 * 1024;
    private static final Duration INTERRUPT_PATIENCE = Duration.ofSeconds(5);

    private final InterpreterSandbox sandbox;
    private final SandboxKernels contexts;

    NotebookKernels(InterpreterSandbox sandbox, SandboxKernels contexts) {
        this.sandbox = sandbox;
        this.contexts = contexts;
    }

    private KernelSpecs specs() {
        return new KernelSpecs(sandbox.agent(), sandbox.environment());
    }

    @Override
    public List<Installed> installed() {
        return specs().list().stream()
                .map(spec -> new Installed(spec.name(), specification(spec)))
                .toList();
    }

    private JsonNode specification(KernelSpec spec) {
        Optional<byte[]> file =
                KernelSpecs.read(sandbox.agent(), spec.directory() + "/kernel.json", SPECIFICATION_MAXIMUM);
        try {
            if (file.isPresent()) {
                return Json.MAPPER.readTree(file.get());
            }
        } catch (JacksonException changedMeanwhile) {
            // then what was read a moment ago
        }
        return Json.MAPPER.valueToTree(
                Map.of("argv", spec.arguments(), "display_name", spec.name(), "language", spec.language()));
    }

    @Override
    public Optional<String> standard() {
        List<KernelSpec> all = specs().list();
        return KernelSpecs.choose(all, Languages.PYTHON)
                .or(() -> all.stream().findFirst())
                .map(KernelSpec::name);
    }

    @Override
    public List<GatewayKernel> running() {
        return contexts.running().stream().<GatewayKernel>map(OfContext::new).toList();
    }

    @Override
    public Optional<GatewayKernel> find(String id) {
        return contexts.find(id).map(OfContext::new);
    }

    @Override
    public GatewayKernel start(String name, Optional<String> directory) throws InterruptedException {
        List<KernelSpec> all = specs().list();
        KernelSpec spec = KernelSpecs.choose(all, name).orElseGet(() -> specs().require(Languages.normalize(name)));
        // the name of the language where that leads to the same kernel, so that both doors tell the same of it
        boolean same =
                KernelSpecs.choose(all, spec.language()).filter(spec::equals).isPresent();
        String language = same ? spec.language() : spec.name();
        List<String> places = new ArrayList<>(List.of(SandboxKernels.HOME, "/"));
        directory.ifPresent(wanted -> places.addFirst(wanted));
        for (Iterator<String> place = places.iterator(); ; ) {
            try {
                return new OfContext(contexts.create(sandbox, language, place.next()));
            } catch (HttpFailure failure) {
                // clients send the directory of the notebook on their own host
                if (!place.hasNext() || !KernelStarter.isMissingDirectory(failure)) {
                    throw failure;
                }
            }
        }
    }

    private final class OfContext implements GatewayKernel {
        private final Context context;
        private volatile @Nullable Kernel connected;

        OfContext(Context context) {
            this.context = context;
        }

        @Override
        public String id() {
            return context.id();
        }

        @Override
        public String name() {
            return context.current()
                    .map(kernel -> kernel.record().kernelName())
                    .orElseGet(() -> specs().require(context.language()).name());
        }

        @Override
        public Instant created() {
            return context.created();
        }

        @Override
        public Connection connect() throws InterruptedException {
            for (int attempt = 0; ; attempt++) {
                Kernel kernel = context.start(sandbox);
                Optional<String> end = kernel.ended();
                if (end.isPresent()) {
                    context.drop(kernel);
                    continue;
                }
                try {
                    KernelLink link = kernel.openAnother();
                    connected = kernel;
                    return new Connection(link, kernel.record().ports().key());
                } catch (KernelFailure failure) {
                    boolean again =
                            failure.kind() == KernelFailure.Kind.DIED || failure.kind() == KernelFailure.Kind.RESTARTED;
                    if (!again || attempt == 2) {
                        throw failure;
                    }
                }
            }
        }

        @Override
        public Optional<String> ended() throws InterruptedException {
            Kernel last = connected;
            if (last == null) {
                return Optional.empty();
            }
            Optional<String> end = last.awaitEnd();
            if (end.isPresent()) {
                context.drop(last);
            }
            return end;
        }

        @Override
        public void interrupt() throws InterruptedException {
            Optional<Kernel> kernel = context.current();
            if (kernel.isEmpty()) {
                return;
            }
            if (!kernel.get().record().interruptByMessage()) {
                kernel.get().interruptBySignal();
                return;
            }
            try (KernelLink link = kernel.get().openAnother()) {
                link.attend(true);
                String request = link.send(Channel.CONTROL, "interrupt_request", Map.of());
                long deadline = System.nanoTime() + INTERRUPT_PATIENCE.toNanos();
                boolean answered = false;
                while (!answered && System.nanoTime() - deadline < 0) {
                    try (KernelLink.Taken taken = link.poll(INTERRUPT_PATIENCE)) {
                        answered = taken != null
                                && taken.message().channel() == Channel.CONTROL
                                && taken.message().answers(request);
                    }
                }
            }
        }

        @Override
        public void restart() throws InterruptedException {
            context.restart(sandbox);
        }

        @Override
        public void remove() {
            contexts.remove(context.id());
        }
    }
}
