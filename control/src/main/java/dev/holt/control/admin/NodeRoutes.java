package dev.holt.control.admin;

import dev.holt.control.access.Teams;
import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import dev.holt.control.rest.Answer;
import dev.holt.control.rest.Call;
import dev.holt.control.rest.Route;
import dev.holt.control.sandbox.SandboxFeature;
import dev.holt.control.sandbox.Sandboxes;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeStatus;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** The node and what runs on it, for the operator. */
public final class NodeRoutes {
    private static final long MEBI = 1024 * 1024;
    /** E2B's id of the cluster that nobody named. */
    private static final String CLUSTER = new UUID(0, 0).toString();

    private final Node node;
    private final SandboxFeature sandboxes;
    private final Teams teams;
    private final HostUsage host;
    private final String version;
    private final Instant started;
    private final String instance = UUID.randomUUID().toString();

    /** @param version of this program, as {@code version+commit} or without the commit */
    public NodeRoutes(
            Node node, SandboxFeature sandboxes, Teams teams, Path dataDirectory, String version, Instant started) {
        this.node = node;
        this.sandboxes = sandboxes;
        this.teams = teams;
        this.host = new HostUsage(dataDirectory);
        this.version = version;
        this.started = started.truncatedTo(ChronoUnit.MILLIS);
    }

    public Map<String, Route> routes() {
        return Map.of(
                "listNodes",
                call -> Answer.ok(inCluster(call) ? List.of(describe()) : List.of()),
                "getNode",
                this::get,
                "adminKillSandboxes",
                this::killAll,
                "adminRunningCounts",
                call -> Answer.ok(sandboxes.quotas().counts()));
    }

    private record Metrics(
            int allocatedCPU,
            int cpuPercent,
            int cpuCount,
            long allocatedMemoryBytes,
            long memoryUsedBytes,
            long memoryTotalBytes,
            List<HostUsage.Disk> disks,
            long hugePagesTotal,
            long hugePagesUsed,
            long hugePagesReserved,
            long hugePageSizeBytes) {}

    private record Described(
            String id,
            String serviceInstanceID,
            String clusterID,
            String status,
            Instant statusChangedAt,
            int sandboxCount,
            long sandboxStartingCount,
            long createSuccesses,
            long createFails,
            String version,
            String commit,
            HostUsage.Machine machineInfo,
            Metrics metrics) {}

    private record KillResult(int killedCount, int failedCount) {}

    private Answer get(Call call) {
        Described described = describe();
        String id = call.segment("nodeID");
        if (!inCluster(call) || !described.id().equals(id)) {
            throw ApiException.notFound("node " + Validator.shorten(id) + " not found");
        }
        return Answer.ok(described);
    }

    private Answer killAll(Call call) {
        String team = KeyRoutes.id(call, "teamID");
        if (teams.find(team).isEmpty()) {
            throw ApiException.notFound("team " + team + " not found");
        }
        Map.Entry<Integer, Integer> result = sandboxes.sandboxes().killAll(team);
        return Answer.ok(new KillResult(result.getKey(), result.getValue()));
    }

    private static boolean inCluster(Call call) {
        return call.text("clusterID").orElse(CLUSTER).equals(CLUSTER);
    }

    private Described describe() {
        NodeStatus status = node.status();
        Sandboxes.Creates creates = sandboxes.sandboxes().creates();
        HostUsage.Memory memory = host.memory();
        String[] parts = version.split("\\+", 2);
        return new Described(
                status.nodeId(),
                instance,
                CLUSTER,
                "ready",
                started,
                status.sandboxes(),
                creates.starting(),
                creates.succeeded(),
                creates.failed(),
                parts[0],
                parts.length > 1 ? parts[1] : "",
                host.machine(),
                new Metrics(
                        status.reservedCpuCount(),
                        host.cpuPercent(),
                        status.cpuCount(),
                        status.reservedMemoryMegabytes() * MEBI,
                        memory.usedBytes(),
                        status.memoryBytes(),
                        host.disks(),
                        memory.hugePagesTotal(),
                        memory.hugePagesUsed(),
                        memory.hugePagesReserved(),
                        memory.hugePageSizeBytes()));
    }
}
