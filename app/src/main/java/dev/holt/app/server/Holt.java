package dev.holt.app.server;

import dev.holt.app.settings.Settings;
import dev.holt.control.Control;
import dev.holt.control.ControlConfig;
import dev.holt.control.ControlFoundation;
import dev.holt.edge.Edge;
import dev.holt.http.HttpListener;
import dev.holt.http.HttpServer;
import dev.holt.http.SandboxService;
import dev.holt.node.LocalNode;
import dev.holt.node.envd.EnvdService;
import dev.holt.node.image.BuiltInTemplate;
import dev.holt.node.image.Disks;
import dev.holt.node.image.ImageFailure;
import dev.holt.node.image.TemplateStore;
import dev.holt.node.interpreter.Interpreter;
import dev.holt.node.interpreter.InterpreterService;
import dev.holt.node.linux.ProcessEnds;
import dev.holt.node.network.NetworkFailure;
import dev.holt.node.pool.Foreground;
import dev.holt.node.pool.Lease;
import dev.holt.node.process.CommandFailure;
import dev.holt.node.runtime.OciRuntime;
import dev.holt.node.runtime.RuntimeFailure;
import dev.holt.node.runtime.RuntimeProbe;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.nodeapi.Isolation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A running Holt in its all-in-one form: node, control, edge and the servers before them. {@link #start} reads from top to bottom in
 * the order of the start; closing goes the other way. Sandboxes run on unless the settings say otherwise.
 */
public final class Holt implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Holt.class);
    private static final int ENVD_PORT = 49_983;
    private static final int INTERPRETER_PORT = 49_999;

    private final Deque<AutoCloseable> started = new ArrayDeque<>();
    private final RoomSettings rooms;
    private Map<String, String> clientVariables = Map.of();
    private List<Isolation> isolations = List.of();

    private Holt(Settings settings) {
        this.rooms = new RoomSettings(settings);
    }

    /**
     * Starts everything and returns when requests are answered. The caller holds the state directory's {@link InstanceLock}. On a failure nothing stays running but sandboxes of an earlier run.
     *
     * @param progress told, line by line, what takes long
     * @throws StartFailure that says what to mend
     */
    public static Holt start(Settings settings, String version, Consumer<String> progress) {
        Holt holt = new Holt(settings);
        try {
            holt.start(version, progress);
            return holt;
        } catch (StartFailure | ImageFailure | NetworkFailure | RuntimeFailure | CommandFailure | IOException e) {
            // a signal in the middle of a start interrupts it; stopping must not be interrupted too
            boolean interrupted = Thread.interrupted();
            holt.close();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            throw e instanceof StartFailure failure ? failure : new StartFailure(String.valueOf(e.getMessage()), e);
        } catch (RuntimeException e) {
            holt.close();
            throw e;
        }
    }

    private void start(String version, Consumer<String> progress) throws IOException {
        Foreground foreground = new Foreground();
        try (Lease starting = foreground.enter()) { // pools have time until clients are served
            serve(version, progress, foreground);
        }
    }

    private void serve(String version, Consumer<String> progress, Foreground foreground) throws IOException {
        Path state = rooms.stateDirectory();
        Files.createDirectories(state);
        Files.deleteIfExists(EnvFile.inStateDirectory(state));
        unpackLibrariesTo(state.resolve("libraries"));
        ControlConfig controlConfig = rooms.control(state, version);
        FutureTask<ControlFoundation> foundation = new FutureTask<>(() -> ControlFoundation.open(controlConfig));
        Thread.ofPlatform().daemon().name("opening control").start(foundation);
        started((AutoCloseable) () -> closeIfOpened(foundation));
        Path agent = AgentProgram.unpack(state.resolve("agents"));

        List<SandboxRuntime> runtimes = runtimes(agent);
        TemplateStore templates = new TemplateStore(state.resolve("templates"));
        for (BuiltInTemplate template : rooms.prepared()) {
            templates.ensure(template, progress);
        }
        BuiltInTemplates builtIn = started(new BuiltInTemplates(templates, rooms::resources, rooms.buildOnDemand()));

        Disks disks = started(new Disks(state.resolve("empty-disks"), state.resolve("disks")));
        Interpreter interpreter = started(new Interpreter());
        LocalNode node = started(
                LocalNode.start(rooms.node(), runtimes, templates, disks, agent, foreground, interpreter::warm));
        for (BuiltInTemplate template : BuiltInTemplate.values()) {
            node.usually(template.id(), rooms.resources(template));
        }
        node.buildsInUse().ifPresent(builtIn::tidy);
        EnvdService envd = envd(node, interpreter);
        InterpreterService code = new InterpreterService(interpreter, node.interpreterSandboxes());

        Control control = started(new Control(controlConfig, opened(foundation), node, builtIn.seeds(), builtIn));
        Edge edge = started(new Edge(
                rooms.edge(),
                node,
                control::wake,
                Map.<Integer, SandboxService>of(ENVD_PORT, envd, INTERPRETER_PORT, code)));
        started(HttpServer.start(rooms.http(), handler(edge.handler(), control.handler())));

        for (BuiltInTemplate template : rooms.prepared()) {
            templates.current(template).ifPresent(build -> node.keepWarm(build.template(), build.buildId()));
        }
        builtIn.renewOld(control::built);
        clientVariables = rooms.clientVariables(control.ensureDefaultApiKey());
        EnvFile.write(EnvFile.inStateDirectory(state), clientVariables);
        log.info("serving {} at {}", isolations, rooms.http().listeners());
    }

    /** SQLite's driver unpacks its library and removes it when it ends; a killed one can't, so what is there is removed first. */
    private static void unpackLibrariesTo(Path directory) throws IOException {
        Files.createDirectories(directory);
        try (Stream<Path> leftOver = Files.list(directory)) {
            for (Path file : leftOver.toList()) {
                Files.delete(file);
            }
        }
        System.setProperty("org.sqlite.tmpdir", directory.toString());
    }

    private static void closeIfOpened(FutureTask<ControlFoundation> foundation) {
        try {
            opened(foundation).close();
        } catch (StartFailure told) {
            log.debug("there is no database to close", told);
        }
    }

    private static ControlFoundation opened(FutureTask<ControlFoundation> foundation) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return foundation.get();
                } catch (InterruptedException e) {
                    interrupted = true; // it must be closed in any case
                } catch (ExecutionException e) {
                    throw new StartFailure(
                            "could not open the database: "
                                    + foundation.exceptionNow().getMessage(),
                            e);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Every runtime that works here, the strongest first; sandboxes are tried only when something changed since the last start. */
    private List<SandboxRuntime> runtimes(Path agent) {
        Path run = rooms.runDirectory();
        RuntimeProbe probe = new RuntimeProbe(
                rooms.stateDirectory().resolve("runtimes"), run.resolve("probe"), agent, rooms.engines());
        ProcessEnds ends = started(new ProcessEnds());
        List<SandboxRuntime> working = new ArrayList<>();
        StringBuilder reasons = new StringBuilder();
        for (RuntimeProbe.Report report : probe.probeAll()) {
            if (report.working().isPresent()) {
                working.add(started(new OciRuntime(report.working().get(), run, rooms.networkName(), ends)));
            } else {
                log.warn("no {} sandboxes here: {}", report.isolation().wireName(), report.explanation());
                reasons.append(System.lineSeparator())
                        .append(report.isolation().wireName())
                        .append(": ")
                        .append(report.explanation());
            }
        }
        var wanted = rooms.node().runtime();
        isolations = working.stream()
                .map(SandboxRuntime::isolation)
                .filter(isolation -> wanted.isEmpty() || wanted.get() == isolation)
                .toList();
        if (isolations.isEmpty()) {
            throw new StartFailure("No runtime that the settings allow works on this host (see holt doctor)" + reasons);
        }
        return working;
    }

    /** The envd service; it and the interpreter follow what the node ends, and know again what an earlier run left. */
    private EnvdService envd(LocalNode node, Interpreter interpreter) {
        EnvdService envd = started(new EnvdService(node.envdSandboxes()));
        GuestFollower follower =
                started(new GuestFollower(envd, node.envdSandboxes(), interpreter, node.interpreterSandboxes()));
        started(node.subscribe(follower));
        node.list().forEach(follower::changed);
        return envd;
    }

    /** Sandboxes' traffic first, on every listener; what is none goes to control where control is served. */
    static Handler handler(Handler edge, Handler control) {
        return new Handler.Sequence(edge, new OnControlListener(control));
    }

    private <T extends AutoCloseable> T started(T part) {
        started.push(part);
        return part;
    }

    /** What a client on this host sets: {@code E2B_API_URL} and so on. */
    public Map<String, String> clientVariables() {
        return clientVariables;
    }

    /** What it can run, the strongest first. */
    public List<Isolation> isolations() {
        return isolations;
    }

    /** Stops listening, lets requests end, and gives everything back in reverse order. */
    @Override
    public void close() {
        while (!started.isEmpty()) {
            try {
                started.pop().close();
            } catch (Exception e) {
                log.error("a part of Holt did not stop cleanly", e);
            }
        }
    }

    /** Serves control where its own listener is; the traffic listeners carry nothing but sandboxes' traffic. */
    private static final class OnControlListener extends Handler.Wrapper {
        OnControlListener(Handler control) {
            super(control);
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            return HttpListener.nameOf(request).equals(RoomSettings.CONTROL)
                    && super.handle(request, response, callback);
        }
    }
}
