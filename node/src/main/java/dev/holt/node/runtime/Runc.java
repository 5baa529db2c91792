package dev.holt.node.runtime;

import dev.holt.nodeapi.Isolation;
import dev.holt.wire.id.SandboxId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** runc: containers on the host's kernel. Its state is a directory named by the id, with a state.json in it. */
record Runc(Path binary) implements OciEngine {
    @Override
    public String name() {
        return "runc";
    }

    @Override
    public Isolation isolation() {
        return Isolation.CONTAINER;
    }

    @Override
    public RuntimeCapabilities capabilities() {
        return new RuntimeCapabilities(false, false, true, false, false, true, true);
    }

    @Override
    public List<String> command(Path root, Path log) {
        return List.of(binary.toString(), "--root", root.toString(), "--log", log.toString(), "--log-format", "json");
    }

    @Override
    public Optional<ImageStream> images(Remains remains, SandboxId id, ImageWitness witness) {
        return Optional.empty();
    }

    @Override
    public Optional<List<String>> checkpoint(Path imageDirectory) {
        return Optional.empty();
    }

    @Override
    public Optional<String> refusal(String said) {
        return Optional.empty();
    }

    @Override
    public Suspension suspension(Remains remains, SandboxId id) {
        return new Freezing(remains.cgroups(), remains.group(id));
    }

    /** By the group's freezer, which can be asked and told any number of times. */
    private record Freezing(Cgroups cgroups, String group) implements Suspension {
        @Override
        public boolean stands(Duration limit) {
            return cgroups.frozen(group);
        }

        @Override
        public void begin(Duration limit) {
            cgroups.freeze(group, limit);
        }

        @Override
        public void end(Duration limit) {
            cgroups.thaw(group);
        }
    }

    /** It ends long before it has filled the memory that one collection would save: without any, a start takes a tenth less. */
    @Override
    public Map<String, String> environment() {
        return Map.of("GOGC", "off");
    }

    @Override
    public List<String> guestCapabilities() {
        return USUAL_CAPABILITIES;
    }

    @Override
    public boolean sharesHostKernel() {
        return true;
    }

    @Override
    public Optional<SandboxId> stateOf(String entry) {
        return SandboxId.parse(entry);
    }

    @Override
    public boolean owns(String entry, SandboxId id) {
        return entry.equals(id.value());
    }

    @Override
    public OptionalLong firstProcess(Path root, SandboxId id) {
        Path state = root.resolve(id.value()).resolve("state.json");
        return Files.exists(state) ? EngineState.number(state, "init_process_pid") : OptionalLong.empty();
    }

    @Override
    public void prepare(Path rootFileSystem) {}

    @Override
    public void settle(Set<Long> processes) {}

    @Override
    public void attend(Set<Long> processes, boolean attended) {}
}
