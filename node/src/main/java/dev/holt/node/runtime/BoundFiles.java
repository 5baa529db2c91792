package dev.holt.node.runtime;

import dev.holt.node.runtime.InstanceSpec.BindFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/**
 * Which host files the guest of a bundle sees, as its config.json says: whoever restores it must show the same ones, and the daemon
 * may be another than the one that started it.
 */
public final class BoundFiles {
    private static final ObjectMapper JSON = new ObjectMapper();

    private BoundFiles() {}

    /** In the order of the specification, the agent's own program among them; none when the bundle has no readable specification. */
    public static List<BindFile> of(Path bundle) {
        Path config = bundle.resolve("config.json");
        List<BindFile> files = new ArrayList<>();
        if (!Files.exists(config)) {
            return files;
        }
        try {
            for (JsonNode mount : JSON.readTree(config.toFile()).path("mounts")) {
                if (mount.path("type").asString("").equals("bind")) {
                    files.add(new BindFile(
                            Path.of(mount.path("source").asString("")),
                            mount.path("destination").asString("")));
                }
            }
            return files;
        } catch (JacksonException e) {
            return List.of(); // half written by a start that never ended
        }
    }
}
