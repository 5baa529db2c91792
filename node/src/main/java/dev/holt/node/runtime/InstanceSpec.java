package dev.holt.node.runtime;

import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.SandboxId;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * What a runtime needs to start an instance.
 *
 * @param id names it everywhere
 * @param bundle an existing directory of its own for config.json and the like
 * @param rootFileSystem the mounted, writable root file system
 * @param networkNamespace path of the prepared network namespace, for example /run/netns/holt7
 * @param hostname inside the guest
 * @param resources its limits
 * @param agent host path of the guest agent, bind-mounted read-only at {@link #GUEST_AGENT} and run as PID 1
 * @param agentEnvironment environment of the agent, secret: must not be readable by other users of the host
 * @param bindFiles host files to bind read-only over guest paths (resolv.conf and the like)
 */
public record InstanceSpec(
        SandboxId id,
        Path bundle,
        Path rootFileSystem,
        Path networkNamespace,
        String hostname,
        Resources resources,
        Path agent,
        Map<String, String> agentEnvironment,
        List<BindFile> bindFiles) {
    /** Where the guest sees the agent. Templates have an empty file there, so that no start needs to make one. */
    public static final String GUEST_AGENT = "/.holt/agent";

    public InstanceSpec {
        agentEnvironment = Map.copyOf(agentEnvironment);
        bindFiles = List.copyOf(bindFiles);
    }

    /** One host file shown at a guest path, read-only. */
    public record BindFile(Path hostFile, String guestPath) {}
}
