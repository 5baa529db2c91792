package dev.holt.node.runtime;

import dev.holt.node.linux.LinuxException;
import dev.holt.node.linux.ProcessEnds;
import dev.holt.node.linux.ProcessIdentity;
import dev.holt.node.process.CommandFailure;
import dev.holt.node.process.HostCommand;
import dev.holt.nodeapi.Isolation;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * Sandboxes by an OCI engine's command line. The engine is spawned once a start ({@code run --detach}) or restore and once a checkpoint: asking,
 * measuring and ending go by /proc, the cgroups and the engine's state files.
 */
public final class OciRuntime implements SandboxRuntime {
    private static final Duration START_LIMIT = Duration.ofSeconds(60);

    private final OciEngine engine;
    private final Remains remains;
    private final OciConfig config;
    private final ProcessEnds ends;

    /**
     * @param stateDirectory where the engine's state goes, in a directory of its own: lost with a reboot, as the sandboxes are, and
     *     short, because sockets are made there; /run/holt for example
     * @param cgroupParent below which the cgroups are made, for example "holt". No two nodes of a host may share these two.
     * @param ends watches the first processes; outlives this
     */
    public OciRuntime(OciEngine engine, Path stateDirectory, String cgroupParent, ProcessEnds ends) {
        Cgroups cgroups = Cgroups.ofHost();
        this.engine = engine;
        this.ends = ends;
        this.config = new OciConfig(engine, cgroups.limitsSwap());
        Path root = stateDirectory.resolve(engine.name());
        try {
            Files.createDirectories(stateDirectory);
            if (!Files.isDirectory(root)) {
                Files.createDirectory(
                        root, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            }
        } catch (IOException e) {
            throw new RuntimeFailure("could not make '" + root + "' for the state of " + engine.name(), e);
        }
        this.remains = new Remains(engine, root, cgroups, cgroupParent + "/" + engine.name());
    }

    @Override
    public Isolation isolation() {
        return engine.isolation();
    }

    @Override
    public RuntimeCapabilities capabilities() {
        return engine.capabilities();
    }

    @Override
    public RuntimeInstance start(InstanceSpec spec) {
        SandboxId id = spec.id();
        if (remains.exist(id)) {
            throw new RuntimeFailure(engine.name() + " has a sandbox " + id + " already, or remains of one");
        }
        try {
            engine.prepare(spec.rootFileSystem());
            return launch(spec, List.of("run"), START_LIMIT);
        } catch (IOException | CommandFailure | LinuxException e) {
            throw cleanedUp(id, new RuntimeFailure(failed(id) + e.getMessage(), e));
        } catch (RuntimeException e) {
            throw cleanedUp(id, e);
        }
    }

    @Override
    public RuntimeInstance restore(InstanceSpec spec, Path imageDirectory, Duration limit) {
        SandboxId id = spec.id();
        if (!engine.capabilities().keepsMemoryOnDisk()) {
            throw new RuntimeFailure(failed(id) + "it keeps no memory that could be restored");
        }
        if (remains.exist(id)) {
            throw new RuntimeFailure(engine.name() + " has a sandbox " + id + " already, or remains of one");
        }
        try {
            requireFits(spec, imageDirectory);
            return launch(spec, List.of("restore", "--image-path=" + imageDirectory), limit);
        } catch (IOException | CommandFailure | LinuxException e) {
            throw cleanedUp(id, new RuntimeFailure(failed(id) + e.getMessage(), e));
        } catch (RuntimeException e) {
            throw cleanedUp(id, e);
        }
    }

    /** Looked for before: an engine's kernel that is killed while it reads an image says nothing of why. */
    private void requireFits(InstanceSpec spec, Path imageDirectory) throws IOException {
        long bytes = 0;
        try (Stream<Path> files = Files.list(imageDirectory)) {
            for (Path file : files.toList()) {
                bytes += Files.size(file);
            }
        }
        long megabytes = bytes >> 20;
        if (megabytes > spec.resources().memoryMegabytes()) {
            throw new RuntimeFailure(failed(spec.id()) + "its memory image of " + megabytes
                    + " MB does not fit into the memory limit of "
                    + spec.resources().memoryMegabytes() + " MB");
        }
    }

    private RuntimeInstance launch(InstanceSpec spec, List<String> subcommand, Duration limit) throws IOException {
        SandboxId id = spec.id();
        config.write(spec, remains.group(id));
        ProcessIdentity firstProcess = run(spec, subcommand, limit);
        engine.settle(remains.cgroups().processes(remains.group(id)));
        return new OciInstance(id, firstProcess, ends.of(firstProcess), remains, Optional.of(false));
    }

    private ProcessIdentity run(InstanceSpec spec, List<String> subcommand, Duration limit) throws IOException {
        Path log = spec.bundle().resolve("engine.log");
        Path pidFile = spec.bundle().resolve("pid");
        List<String> words = new ArrayList<>(engine.command(remains.root(), log));
        words.addAll(subcommand);
        words.addAll(List.of("--detach", "--pid-file", pidFile.toString()));
        words.addAll(List.of("--bundle", spec.bundle().toString(), spec.id().value()));
        HostCommand command = HostCommand.of(words).withLimit(limit);
        for (Map.Entry<String, String> variable : engine.environment().entrySet()) {
            command = command.withVariable(variable.getKey(), variable.getValue());
        }
        int exitCode = command.runSilently();
        if (exitCode != 0) {
            throw new RuntimeFailure(failed(spec.id()) + "status " + exitCode + ", " + EngineLog.said(log));
        }
        long pid = Long.parseLong(Files.readString(pidFile).strip());
        return ProcessIdentity.of(pid)
                .orElseThrow(() -> new RuntimeFailure(
                        failed(spec.id()) + "its first process ended at once; " + EngineLog.said(log)));
    }

    private String failed(SandboxId id) {
        return engine.name() + " could not start sandbox " + id + ": ";
    }

    private RuntimeException cleanedUp(SandboxId id, RuntimeException failure) {
        try {
            remains.sweep(id);
        } catch (RuntimeException e) {
            failure.addSuppressed(e);
        }
        return failure;
    }

    @Override
    public List<SandboxId> instances() {
        return remains.ids();
    }

    @Override
    public Optional<RuntimeInstance> find(SandboxId id) {
        OptionalLong pid = engine.firstProcess(remains.root(), id);
        // The state may be of a process long gone and its pid be another's by now: in the sandbox's cgroup it can only
        // be its own.
        if (pid.isEmpty() || !remains.cgroups().processes(remains.group(id)).contains(pid.getAsLong())) {
            return Optional.empty();
        }
        return ProcessIdentity.of(pid.getAsLong())
                .map(firstProcess ->
                        new OciInstance(id, firstProcess, ends.of(firstProcess), remains, Optional.empty()));
    }

    @Override
    public void sweep(SandboxId id) {
        remains.sweep(id);
    }

    @Override
    public void close() {
        remains.endParents();
    }
}
