package dev.holt.control.sandbox;

import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Lifecycle;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import tools.jackson.databind.JsonNode;

/**
 * What a client asks for when it creates a sandbox. Reading it refuses, by name, what this version of Holt can't do; fields
 * that ask for the behaviour that every sandbox has are fine.
 *
 * @param timeout seconds to live
 * @param publicTraffic as the client said, if it did; false demands a token of the sandbox's visitors
 * @param autoPause whether it is paused at its end instead of killed
 * @param keepMemory whether that pause keeps its memory
 * @param autoResume whether traffic resumes it
 * @param useMemory whether it goes on from the memory that a snapshot kept
 * @param weakest from the metadata key {@code holt.isolation}
 */
record NewSandbox(
        String template,
        OptionalInt timeout,
        boolean secure,
        boolean autoPause,
        boolean keepMemory,
        boolean autoResume,
        boolean useMemory,
        Optional<Boolean> internetAccess,
        Optional<Boolean> publicTraffic,
        Egress egress,
        Optional<String> maskRequestHost,
        Map<String, String> metadata,
        Map<String, String> environment,
        Optional<Isolation> weakest) {
    /** The metadata key with which Holt says how a sandbox is isolated. */
    static final String ISOLATION = "isolation";

    /** The metadata key with which a client says what isolation it accepts at least. */
    static final String WEAKEST_ISOLATION = "holt.isolation";

    /** @param body checked against the contract already */
    static NewSandbox read(JsonNode body) {
        refuseUnsupported(body);
        boolean autoPause = body.path("autoPause").asBoolean(false);
        boolean keepMemory = body.path("autoPauseMemory").asBoolean(true);
        boolean autoResume = body.path("autoResume").path("enabled").asBoolean(false);
        if (!keepMemory && !autoPause) {
            throw ApiException.invalid("autoPauseMemory", "false needs autoPause: true, whose pause it is about");
        }
        if (!keepMemory && autoResume) {
            throw ApiException.invalid(
                    "autoPauseMemory",
                    "false can't be combined with autoResume: without its memory a sandbox is resumed by connect only");
        }
        JsonNode network = body.path("network");
        Map<String, String> metadata = strings(body.path("metadata"));
        if (metadata.containsKey(ISOLATION)) {
            throw ApiException.invalid(
                    "metadata." + ISOLATION,
                    "Holt itself sets this key; to name the weakest isolation you accept, set " + WEAKEST_ISOLATION);
        }
        return new NewSandbox(
                body.path("templateID").asString(),
                body.has("timeout") ? OptionalInt.of(body.path("timeout").asInt()) : OptionalInt.empty(),
                body.path("secure").asBoolean(false),
                autoPause,
                keepMemory,
                autoResume,
                body.path("memory").asBoolean(true),
                flag(body.path("allow_internet_access")),
                flag(network.path("allowPublicTraffic")),
                Egress.read(network),
                network.path("maskRequestHost").stringValueOpt(),
                metadata,
                environment(body.path("envVars")),
                weakest(metadata));
    }

    private static void refuseUnsupported(JsonNode body) {
        refuseContent(body.path("mcp"), "mcp");
        refuseContent(body.path("iam").path("tokens"), "iam.tokens");
        refuseContent(body.path("volumeMounts"), "volumeMounts");
        JsonNode network = body.path("network");
        refuseContent(network.path("egressProxy"), "network.egressProxy");
        refuseContent(network.path("rules"), "network.rules");
        refuseContent(network.path("dnsServers"), "network.dnsServers");
        refuseContent(network.path("httpsPorts"), "network.httpsPorts");
    }

    /** @param timeout seconds to live */
    Lifecycle lifecycle(int timeout) {
        Lifecycle.OnTimeout onTimeout = autoPause ? Lifecycle.OnTimeout.PAUSE : Lifecycle.OnTimeout.KILL;
        return new Lifecycle(onTimeout, keepMemory, autoResume, atLeastASecond(timeout));
    }

    /** The shortest time that a lifecycle can have. */
    static Duration atLeastASecond(long seconds) {
        return Duration.ofSeconds(Math.max(1, seconds));
    }

    private static void refuseContent(JsonNode value, String field) {
        if (value.isContainer() && !value.isEmpty()) {
            throw ApiException.invalid(field, "not supported by this version of Holt");
        }
    }

    private static Map<String, String> environment(JsonNode source) {
        Map<String, String> variables = strings(source);
        variables.forEach((name, value) -> {
            if (name.isEmpty() || name.indexOf('=') >= 0 || name.indexOf('\0') >= 0) {
                throw ApiException.invalid(
                        "envVars." + Validator.shorten(name),
                        "a variable's name must not be empty nor contain '=' or a null character");
            }
            if (value.indexOf('\0') >= 0) {
                throw ApiException.invalid(
                        "envVars." + Validator.shorten(name), "the value must not contain a null character");
            }
        });
        return variables;
    }

    private static Optional<Isolation> weakest(Map<String, String> metadata) {
        String name = metadata.get(WEAKEST_ISOLATION);
        if (name == null) {
            return Optional.empty();
        }
        return Optional.of(Isolation.named(name)
                .orElseThrow(() -> ApiException.invalid(
                        "metadata." + WEAKEST_ISOLATION,
                        "must be container or gvisor; got '" + Validator.shorten(name) + "'")));
    }

    private static Map<String, String> strings(JsonNode source) {
        Map<String, String> values = new LinkedHashMap<>();
        source.properties()
                .forEach(entry -> values.put(entry.getKey(), entry.getValue().asString()));
        return values;
    }

    private static Optional<Boolean> flag(JsonNode value) {
        return value.isBoolean() ? Optional.of(value.asBoolean()) : Optional.empty();
    }
}
