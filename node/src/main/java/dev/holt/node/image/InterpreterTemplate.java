package dev.holt.node.image;

import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The recipe of template {@code code-interpreter-v1}: Jupyter kernels for Python, JavaScript, TypeScript, R, Java and Bash. No
 * server runs in it; whoever wants a kernel starts one by its kernel.json.
 */
final class InterpreterTemplate implements Recipe {
    static final TemplateId ID = new TemplateId("code-interpreter-v1");

    private static final String SCRIPT = "interpreter/template.sh";
    private static final List<String> KERNELS = List.of("python3", "javascript", "typescript", "r", "java", "bash");
    private static final String PYTHON = "usr/lib/python3/dist-packages/holt_kernel/";
    private static final List<String> PYTHON_FILES = List.of(
            "__init__.py",
            "__main__.py",
            "bash.py",
            "boxes.py",
            "charts.py",
            "data.py",
            "display.py",
            "java.py",
            "pictures.py",
            "values.py",
            "wrapper.py");

    private static final Recipe PACKAGES = new InterpreterPackages();

    /** By where it goes in the template: what is copied there. */
    private static Map<String, String> files() {
        Map<String, String> files = new TreeMap<>();
        for (String kernel : KERNELS) {
            files.put(
                    "usr/share/jupyter/kernels/" + kernel + "/kernel.json", "interpreter/kernels/" + kernel + ".json");
        }
        for (String file : PYTHON_FILES) {
            files.put(PYTHON + file, "interpreter/holt_kernel/" + file);
        }
        files.put("etc/ipython/ipython_kernel_config.py", "interpreter/ipython_kernel_config.py");
        files.put("etc/pip.conf", "interpreter/pip.conf");
        files.put("usr/local/lib/holt-interpreter/kernel.R", "interpreter/kernel.R");
        files.put("usr/local/lib/holt-interpreter/java/HoltShell.java", "interpreter/HoltShell.java");
        return files;
    }

    @Override
    public TemplateId id() {
        return ID;
    }

    @Override
    public Optional<Recipe> over() {
        return Optional.of(PACKAGES);
    }

    @Override
    public String version() {
        Map<String, String> files = files();
        List<String> all = new ArrayList<>(files.values());
        all.add(SCRIPT);
        return ID + "-" + Resources.digest(all, List.copyOf(files.keySet()));
    }

    @Override
    public void build(Path root, List<Path> below, Path scratch, Consumer<String> progress) throws IOException {
        for (Map.Entry<String, String> file : files().entrySet()) {
            Path target = scratch.resolve("files").resolve(file.getKey());
            Files.createDirectories(target.getParent());
            Resources.copy(file.getValue(), target);
        }
        Layer.build(SCRIPT, root, below, scratch, Map.of("KERNELS", String.join(" ", KERNELS)), progress);
    }
}
