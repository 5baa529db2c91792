package dev.holt.node.interpreter;

import dev.holt.http.Json;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * How to start a kernel: a {@code kernel.json} ("Kernel specs" of jupyter_client).
 *
 * @param name of its directory, which is what Jupyter calls the kernel
 * @param directory in the guest
 * @param language as {@link Languages} names it
 * @param arguments the command line, with its placeholders
 * @param environment variables that it adds
 * @param interruptByMessage whether it is interrupted by a message instead of a signal
 * @param warm whether it may be started ahead of need, which it may unless its metadata says otherwise
 */
record KernelSpec(
        String name,
        String directory,
        String language,
        List<String> arguments,
        Map<String, String> environment,
        boolean interruptByMessage,
        boolean warm) {
    private static final Pattern VARIABLE = Pattern.compile("\\$\\{(\\w+)}");

    /** The kernel that {@code json} describes, or empty when it describes none that could be started. */
    static Optional<KernelSpec> parse(String name, String directory, byte[] json) {
        JsonNode spec;
        try {
            spec = Json.MAPPER.readTree(json);
        } catch (JacksonException broken) {
            return Optional.empty();
        }
        List<String> arguments = new ArrayList<>();
        spec.path("argv").forEach(argument -> arguments.add(argument.asString("")));
        if (arguments.isEmpty()) {
            return Optional.empty();
        }
        Map<String, String> environment = new LinkedHashMap<>();
        spec.path("env")
                .properties()
                .forEach(entry ->
                        environment.put(entry.getKey(), entry.getValue().asString("")));
        return Optional.of(new KernelSpec(
                name,
                directory,
                Languages.normalize(spec.path("language").asString(name).toLowerCase(Locale.ROOT)),
                List.copyOf(arguments),
                environment,
                spec.path("interrupt_mode").asString("").equals("message"),
                spec.path("metadata").path("holt").path("warm").asBoolean(true)));
    }

    /** The command line for a kernel whose connection file is at {@code connectionFile}. */
    List<String> commandLine(String connectionFile) {
        return arguments.stream()
                .map(argument -> argument.replace("{connection_file}", connectionFile)
                        .replace("{resource_dir}", directory)
                        .replace("{prefix}", prefix()))
                .toList();
    }

    /** What is before {@code /share/jupyter/kernels/NAME}. */
    private String prefix() {
        int share = directory.indexOf("/share/jupyter/kernels/");
        return share > 0 ? directory.substring(0, share) : "/usr";
    }

    /** The variables of its process: those of the sandbox, then its own, which may refer to them. */
    Map<String, String> processEnvironment(Map<String, String> sandbox) {
        Map<String, String> all = new LinkedHashMap<>();
        all.put("LANG", "C.UTF-8");
        all.putAll(sandbox);
        environment.forEach((name, value) -> all.put(
                name,
                VARIABLE.matcher(value)
                        .replaceAll(
                                found -> Matcher.quoteReplacement(all.getOrDefault(found.group(1), found.group())))));
        return all;
    }
}
