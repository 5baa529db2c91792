package dev.holt.node.interpreter;

import java.util.Locale;
import java.util.Map;

/** The names of languages, as clients and kernels give them. */
final class Languages {
    static final String PYTHON = "python";
    static final String JAVASCRIPT = "javascript";
    static final String TYPESCRIPT = "typescript";

    private static final Map<String, String> ALIASES = Map.ofEntries(
            Map.entry("py", PYTHON),
            Map.entry("python3", PYTHON),
            Map.entry("ipython", PYTHON),
            Map.entry("js", JAVASCRIPT),
            Map.entry("node", JAVASCRIPT),
            Map.entry("nodejs", JAVASCRIPT),
            Map.entry("ts", TYPESCRIPT),
            Map.entry("sh", "bash"),
            Map.entry("shell", "bash"));

    private Languages() {}

    /** One name for each language: lower case, aliases resolved. */
    static String normalize(String language) {
        String name = language.strip().toLowerCase(Locale.ROOT);
        return ALIASES.getOrDefault(name, name);
    }
}
