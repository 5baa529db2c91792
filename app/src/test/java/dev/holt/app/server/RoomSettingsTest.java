package dev.holt.app.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.app.settings.SettingsReader;
import dev.holt.control.ControlConfig;
import dev.holt.node.NodeConfig;
import dev.holt.node.image.BuiltInTemplate;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Resources;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RoomSettingsTest {
    @Test
    void templatesAndTheirSandboxes() {
        RoomSettings rooms = rooms(Map.of());
        assertThat(rooms.prepared()).containsExactly(BuiltInTemplate.BASE);
        assertThat(rooms.buildOnDemand()).isTrue();
        assertThat(rooms.resources(BuiltInTemplate.CODE_INTERPRETER)).isEqualTo(new Resources(2, 1024, 5120));
        RoomSettings other = rooms(Map.of("templates.prepared", "code-interpreter-v1", "interpreter.memory", "2048"));
        assertThat(other.prepared()).containsExactly(BuiltInTemplate.BASE, BuiltInTemplate.CODE_INTERPRETER);
        assertThat(other.resources(BuiltInTemplate.CODE_INTERPRETER).memoryMegabytes())
                .isEqualTo(2048);
        assertThat(other.resources(BuiltInTemplate.BASE).memoryMegabytes()).isEqualTo(512);
    }

    @Test
    void theDefaultsAreThoseOfTheRooms() {
        RoomSettings rooms = rooms(Map.of());
        NodeConfig node = rooms.node();
        assertThat(node.pools()).isEqualTo(NodeConfig.Pools.DEFAULT);
        assertThat(node.limits()).isEqualTo(NodeConfig.Limits.DEFAULT);
        assertThat(node.metrics()).isEqualTo(NodeConfig.Metrics.DEFAULT);
        assertThat(node.logs()).isEqualTo(NodeConfig.Logs.DEFAULT);
        assertThat(node.runtime()).isEmpty();
        assertThat(node.killOnStop()).isFalse();
        assertThat(rooms.engines()).isEmpty();
        ControlConfig control = rooms.control(Path.of("/d"), "1");
        assertThat(control.quotas()).isEqualTo(ControlConfig.GENEROUS);
        assertThat(control.adminToken()).isEmpty();
        assertThat(control.weakestIsolation()).isEqualTo(Isolation.CONTAINER);
        assertThat(control.domain()).contains("localhost:3000");
        assertThat(rooms.edge().domains()).containsOnly("localhost");
        assertThat(rooms.edge().debug()).isFalse();
        assertThat(rooms.edge().trafficListeners().values()).containsExactlyInAnyOrder(49983, 49999);
        assertThat(rooms.http().listeners()).hasSize(3);
        assertThat(rooms.clientVariables("k"))
                .isEqualTo(Map.of(
                        "E2B_API_URL", "http://127.0.0.1:3000",
                        "E2B_API_KEY", "k",
                        "E2B_SANDBOX_URL", "http://127.0.0.1:49983",
                        "E2B_DOMAIN", "localhost:3000"));
    }

    @Test
    void theHighestValuesOfEverySettingSuitTheRooms() {
        RoomSettings rooms = rooms(Map.of(
                "node.sandboxes", "30000",
                "node.memory-overcommit", "100",
                "sandbox.cpus", "64",
                "sandbox.memory", "1048576",
                "sandbox.disk", "1048576",
                "logs.size", "1048576",
                "metrics.interval", "3600",
                "team.memory", "1099511627776",
                "traffic.exchanges", "100000",
                "network.name", "abcdefgh"));
        assertThat(rooms.node().limits().sandboxes()).isEqualTo(30_000);
        assertThat(rooms.node().logs().mostBytes()).isEqualTo(1 << 30);
        assertThat(rooms.control(Path.of("/d"), "1").quotas().memoryMegabytes()).isEqualTo(1L << 40);
        assertThat(rooms.edge().maximumExchanges()).isEqualTo(100_000);
    }

    @Test
    void clientsReachAHoltThatListensEverywhereByLoopback() {
        Map<String, String> variables = rooms(
                        Map.of("control.listen", "0.0.0.0:80", "traffic.listen", "", "domain", "Holt.Example"))
                .clientVariables("k");
        assertThat(variables)
                .containsEntry("E2B_API_URL", "http://127.0.0.1:80")
                .containsEntry("E2B_SANDBOX_URL", "http://127.0.0.1:80")
                .containsEntry("E2B_DOMAIN", "holt.example");
    }

    @Test
    void namedEnginesAndRuntimesReachTheNode() {
        RoomSettings rooms = rooms(Map.of("node.runtime", "gvisor", "node.runsc", "/opt/runsc"));
        assertThat(rooms.node().runtime()).contains(Isolation.GVISOR);
        assertThat(rooms.engines()).isEqualTo(Map.of(Isolation.GVISOR, Path.of("/opt/runsc")));
    }

    private static RoomSettings rooms(Map<String, String> flags) {
        return new RoomSettings(SettingsReader.read(flags, Map.of(), Optional.empty()));
    }
}
