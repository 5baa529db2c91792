package dev.holt.node.runtime;

import dev.holt.nodeapi.Isolation;
import dev.holt.wire.id.SandboxId;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** What distinguishes one OCI engine from another: its words, its files, its quirks. {@link OciRuntime} does the rest. */
public sealed interface OciEngine permits Runc, Runsc {
    /** The capabilities that root has inside: Docker's default set, which sudo, package managers and ping get along with. */
    List<String> USUAL_CAPABILITIES = List.of(
            "CAP_AUDIT_WRITE",
            "CAP_CHOWN",
            "CAP_DAC_OVERRIDE",
            "CAP_FOWNER",
            "CAP_FSETID",
            "CAP_KILL",
            "CAP_MKNOD",
            "CAP_NET_BIND_SERVICE",
            "CAP_NET_RAW",
            "CAP_SETFCAP",
            "CAP_SETGID",
            "CAP_SETPCAP",
            "CAP_SETUID",
            "CAP_SYS_CHROOT");

    /** Names it in paths, cgroups and messages: "runc". */
    String name();

    Isolation isolation();

    Path binary();

    RuntimeCapabilities capabilities();

    /** What comes before the subcommand: the binary, what must run around it, its global flags. */
    List<String> command(Path root, Path log);

    /**
     * What makes the engine write the memory of a suspended guest to a directory and leave it as it is: subcommand and flags, without
     * the id. Empty when it keeps no memory.
     */
    Optional<List<String>> checkpoint(Path imageDirectory);

    /** How a memory image is taken from its kernel while it is written, where the engine has a way. */
    Optional<ImageStream> images(Remains remains, SandboxId id, ImageWitness witness);

    /** What in the guest made the engine refuse a checkpoint, in the words of a user, if what it said means that. */
    Optional<String> refusal(String said);

    /** How it stops one guest. */
    Suspension suspension(Remains remains, SandboxId id);

    /** Environment variables for the engine itself; nothing of them reaches the guest. */
    Map<String, String> environment();

    /** The capabilities of root inside. */
    List<String> guestCapabilities();

    /** Whether guests run on the host's kernel, and so need a seccomp filter, hidden paths and a limit of processes. */
    boolean sharesHostKernel();

    /** The sandbox whose state an entry of the engine's root directory is, if it is one. */
    Optional<SandboxId> stateOf(String entry);

    /** Whether an entry of the engine's root directory belongs to that sandbox. */
    boolean owns(String entry, SandboxId id);

    /** The host's pid of the sandbox's first process according to the engine's state, if that can be read. */
    OptionalLong firstProcess(Path root, SandboxId id);

    /** What must be so in a root file system before a start. */
    void prepare(Path rootFileSystem);

    /** What must be done to the processes of a sandbox right after its start. */
    void settle(Set<Long> processes);

    /** Makes the processes of a sandbox save CPU time, or not any more; see {@link RuntimeInstance#attend}. */
    void attend(Set<Long> processes, boolean attended);
}
