package dev.holt.node.image;

import dev.holt.node.process.CommandFailure;
import dev.holt.node.process.HostCommand;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Builds what lies over other root file systems: a shell script sees all of them as one, writable, and what it writes is the new
 * layer. It runs in namespaces of its own, which take its mounts and its processes with them when it ends, however it ends.
 */
final class Layer {
    private static final Duration LIMIT = Duration.ofMinutes(45);
    /** Lines of a script that are told; all others are the tools' own talk, of which a failure keeps the last. */
    private static final String TOLD = "holt: ";

    private Layer() {}

    /**
     * Runs a script of this package's resources.
     *
     * @param script its name; it finds the whole root file system in {@code $ROOT} and a directory for itself in {@code $SCRATCH}
     * @param root empty; holds the layer afterwards
     * @param below what it lies over, the topmost first, at least one
     * @param scratch an empty directory on the same file system as {@code root}
     * @param variables the script's own
     * @throws CommandFailure when the script failed
     */
    static void build(
            String script,
            Path root,
            List<Path> below,
            Path scratch,
            Map<String, String> variables,
            Consumer<String> progress)
            throws IOException {
        Path frame = scratch.resolve("layer.sh");
        Path recipe = scratch.resolve("recipe.sh");
        Resources.copy("layer.sh", frame);
        Resources.copy(script, recipe);
        Map<String, String> all = new TreeMap<>(variables);
        all.put("LOWER", below.stream().map(Overlay::safe).collect(Collectors.joining(":")));
        all.put("UPPER", Overlay.safe(root));
        all.put("SCRATCH", Overlay.safe(scratch));
        all.put("SCRIPT", recipe.toString());
        HostCommand command = HostCommand.of(
                        "unshare",
                        "--mount",
                        "--pid",
                        "--ipc",
                        "--uts",
                        "--fork",
                        "--kill-child",
                        "sh",
                        "-eu",
                        frame.toString())
                .withLimit(LIMIT);
        for (Map.Entry<String, String> variable : all.entrySet()) {
            command = command.withVariable(variable.getKey(), variable.getValue());
        }
        command.runWithLines(line -> {
            if (line.startsWith(TOLD)) {
                progress.accept(line.substring(TOLD.length()));
            }
        });
    }
}
