package dev.holt.app.server;

import dev.holt.app.settings.Setting;
import dev.holt.app.settings.Settings;
import dev.holt.app.settings.SettingsTable;
import dev.holt.control.ControlConfig;
import dev.holt.control.access.TeamQuotas;
import dev.holt.edge.EdgeConfig;
import dev.holt.http.HttpListener;
import dev.holt.http.HttpServerSettings;
import dev.holt.node.NodeConfig;
import dev.holt.node.image.BuiltInTemplate;
import dev.holt.node.network.Ipv4Block;
import dev.holt.node.network.NetworkConfig;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Resources;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What the settings mean to each room: the one place that knows both. */
final class RoomSettings {
    /** The listener that serves the control API. */
    static final String CONTROL = "control";

    private static final int ENVD_PORT = 49_983;
    private static final int INTERPRETER_PORT = 49_999;

    private final Settings settings;

    RoomSettings(Settings settings) {
        this.settings = settings;
    }

    Path stateDirectory() {
        return settings.get(SettingsTable.STATE_DIRECTORY);
    }

    Path runDirectory() {
        return settings.get(SettingsTable.RUN_DIRECTORY);
    }

    /** With {@code :port}, never empty. */
    String domain() {
        String domain = settings.get(SettingsTable.DOMAIN);
        return domain.isEmpty()
                ? "localhost:" + settings.get(SettingsTable.CONTROL_LISTEN).getPort()
                : domain;
    }

    /** The engines that an operator named. */
    Map<Isolation, Path> engines() {
        Map<Isolation, Path> engines = new HashMap<>();
        String runsc = settings.get(SettingsTable.RUNSC);
        String runc = settings.get(SettingsTable.RUNC);
        if (!runsc.isEmpty()) {
            engines.put(Isolation.GVISOR, Path.of(runsc));
        }
        if (!runc.isEmpty()) {
            engines.put(Isolation.CONTAINER, Path.of(runc));
        }
        return engines;
    }

    String networkName() {
        return settings.get(SettingsTable.NETWORK_NAME);
    }

    NodeConfig node() {
        return new NodeConfig(
                settings.get(SettingsTable.NODE_NAME),
                stateDirectory(),
                runDirectory(),
                Isolation.named(settings.get(SettingsTable.RUNTIME)),
                network(),
                new NodeConfig.Pools(
                        number(SettingsTable.POOL_SLOTS),
                        number(SettingsTable.POOL_DISKS),
                        number(SettingsTable.POOL_WARM),
                        number(SettingsTable.POOL_TEMPLATES)),
                new NodeConfig.Limits(
                        number(SettingsTable.NODE_SANDBOXES),
                        settings.get(SettingsTable.MEMORY_OVERCOMMIT),
                        resources(BuiltInTemplate.BASE),
                        seconds(SettingsTable.START_TIMEOUT)),
                new NodeConfig.Metrics(seconds(SettingsTable.METRICS_INTERVAL)),
                new NodeConfig.Logs(settings.get(SettingsTable.LOG_SIZE) * 1024, seconds(SettingsTable.LOG_RETENTION)),
                settings.get(SettingsTable.KILL_ON_STOP));
    }

    /** What a sandbox of that template has unless a client asks for something else. */
    Resources resources(BuiltInTemplate template) {
        Setting<Long> memory = template == BuiltInTemplate.CODE_INTERPRETER
                ? SettingsTable.INTERPRETER_MEMORY
                : SettingsTable.SANDBOX_MEMORY;
        return new Resources(number(SettingsTable.SANDBOX_CPUS), number(memory), number(SettingsTable.SANDBOX_DISK));
    }

    /** The templates to have before anybody is served. */
    List<BuiltInTemplate> prepared() {
        List<String> names = settings.get(SettingsTable.TEMPLATES_PREPARED);
        return Arrays.stream(BuiltInTemplate.values())
                .filter(template -> template == BuiltInTemplate.BASE
                        || names.contains(template.id().value()))
                .toList();
    }

    boolean buildOnDemand() {
        return settings.get(SettingsTable.TEMPLATES_ON_DEMAND);
    }

    private NetworkConfig network() {
        return new NetworkConfig(
                networkName(),
                Ipv4Block.parse(settings.get(SettingsTable.NETWORK_ADDRESSES)),
                blocks(SettingsTable.NETWORK_DENIED),
                blocks(SettingsTable.NETWORK_NAMESERVERS));
    }

    private List<Ipv4Block> blocks(Setting<List<String>> setting) {
        return settings.get(setting).stream().map(Ipv4Block::parse).toList();
    }

    /** @param directory of the database and the default key */
    ControlConfig control(Path directory, String version) {
        return new ControlConfig(
                directory.resolve("holt.db"),
                directory.resolve("api-key"),
                Optional.of(settings.get(SettingsTable.ADMIN_TOKEN)).filter(token -> !token.isEmpty()),
                Optional.of(domain()),
                ControlConfig.ENVD_VERSION,
                new TeamQuotas(
                        number(SettingsTable.TEAM_SANDBOXES),
                        number(SettingsTable.TEAM_CPUS),
                        settings.get(SettingsTable.TEAM_MEMORY),
                        seconds(SettingsTable.TEAM_LIFETIME)),
                Isolation.named(settings.get(SettingsTable.WEAKEST_ISOLATION)).orElseThrow(),
                version);
    }

    EdgeConfig edge() {
        Map<String, Integer> ports = new LinkedHashMap<>();
        for (HttpListener listener : trafficListeners()) {
            ports.put(listener.name(), listener.port() == INTERPRETER_PORT ? INTERPRETER_PORT : ENVD_PORT);
        }
        return new EdgeConfig(
                List.of(domain(), "localhost"),
                settings.get(SettingsTable.TRAFFIC_DEBUG),
                ports,
                number(SettingsTable.TRAFFIC_EXCHANGES));
    }

    HttpServerSettings http() {
        List<HttpListener> listeners = new ArrayList<>();
        InetSocketAddress control = settings.get(SettingsTable.CONTROL_LISTEN);
        listeners.add(new HttpListener(CONTROL, control.getAddress().getHostAddress(), control.getPort()));
        listeners.addAll(trafficListeners());
        return HttpServerSettings.of(listeners);
    }

    private List<HttpListener> trafficListeners() {
        return settings.get(SettingsTable.TRAFFIC_LISTEN).stream()
                .map(address -> new HttpListener(
                        "traffic " + url(address), address.getAddress().getHostAddress(), address.getPort()))
                .toList();
    }

    /** What a client on this host sets to use this Holt with {@code apiKey}. */
    Map<String, String> clientVariables(String apiKey) {
        InetSocketAddress control = settings.get(SettingsTable.CONTROL_LISTEN);
        List<InetSocketAddress> traffic = settings.get(SettingsTable.TRAFFIC_LISTEN);
        Map<String, String> variables = new LinkedHashMap<>();
        variables.put("E2B_API_URL", url(control));
        variables.put("E2B_API_KEY", apiKey);
        variables.put("E2B_SANDBOX_URL", url(traffic.isEmpty() ? control : traffic.getFirst()));
        variables.put("E2B_DOMAIN", domain());
        return variables;
    }

    /** As a client on this host reaches a listener. */
    private static String url(InetSocketAddress address) {
        InetAddress host =
                address.getAddress().isAnyLocalAddress() ? InetAddress.getLoopbackAddress() : address.getAddress();
        String text = host.getHostAddress();
        return "http://" + (text.contains(":") ? "[" + text + "]" : text) + ":" + address.getPort();
    }

    private int number(Setting<Long> setting) {
        return Math.toIntExact(settings.get(setting));
    }

    private Duration seconds(Setting<Long> setting) {
        return Duration.ofSeconds(settings.get(setting));
    }
}
