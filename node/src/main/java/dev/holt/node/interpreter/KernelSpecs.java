package dev.holt.node.interpreter;

import dev.holt.http.HttpFailure;
import dev.holt.node.guest.FileSource;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestEntry;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.guest.GuestUnreachable;
import dev.holt.node.guest.ProcessStream;
import dev.holt.node.guest.StartProcess;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** The kernels that are installed in a guest, found where Jupyter would look for them. */
final class KernelSpecs {
    private static final String KERNELS = "/share/jupyter/kernels";
    private static final List<String> DIRECTORIES = List.of(
            "/root/.local" + KERNELS,
            "/home/user/.local" + KERNELS,
            "/usr/local" + KERNELS,
            "/opt/venv" + KERNELS,
            "/opt/conda" + KERNELS,
            "/usr" + KERNELS);
    private static final int FILE_MAXIMUM = 256 * 1024;
    private static final Duration PYTHON_MAXIMUM = Duration.ofSeconds(10);
    private static final String USER = "root";

    private final GuestAgent agent;
    private final Map<String, String> environment;

    KernelSpecs(GuestAgent agent, Map<String, String> environment) {
        this.agent = agent;
        this.environment = environment;
    }

    /**
     * The kernel for a language, or of that name.
     *
     * @throws HttpFailure 400 when there is none, saying which there are and how to add one
     */
    KernelSpec require(String language) {
        List<KernelSpec> all = all(directories());
        Optional<KernelSpec> found = choose(all, language);
        if (found.isEmpty()) {
            // a Python that was put somewhere else knows where its kernels are
            all = all(pythonDirectories());
            found = choose(all, language);
        }
        List<KernelSpec> seen = all;
        return found.orElseThrow(() -> new HttpFailure(400, missing(language, seen)));
    }

    private static String missing(String language, List<KernelSpec> all) {
        Set<String> languages = new TreeSet<>();
        all.forEach(spec -> languages.add(spec.language()));
        String there = languages.isEmpty()
                ? "this sandbox has no Jupyter kernel at all"
                : "this sandbox has kernels for: " + String.join(", ", languages);
        return "no kernel for the language '" + shown(language) + "': " + there
                + ". To add one, install it in the template so that its kernel.json is in a directory below /usr/local"
                + KERNELS
                + " (for Python: pip install ipykernel), or use the template code-interpreter-v1";
    }

    private static String shown(String text) {
        return text.length() <= 50 ? text : text.substring(0, 50) + "...";
    }

    /** Every kernel that is installed where kernels usually are. */
    List<KernelSpec> list() {
        return all(directories());
    }

    /** The languages that there are kernels for. */
    Set<String> languages() {
        Set<String> languages = new LinkedHashSet<>();
        all(directories()).forEach(spec -> languages.add(spec.language()));
        return languages;
    }

    /** The kernel of that very name, else one of the language; TypeScript is run by JavaScript's kernel where it has none. */
    static Optional<KernelSpec> choose(List<KernelSpec> all, String language) {
        Optional<KernelSpec> found = all.stream()
                .filter(spec -> spec.name().equals(language) || spec.language().equals(language))
                .min(Comparator.comparing((KernelSpec spec) -> !spec.name().equals(language))
                        .thenComparing(spec -> !spec.name().equals(language + "3")));
        return found.isEmpty() && language.equals(Languages.TYPESCRIPT) ? choose(all, Languages.JAVASCRIPT) : found;
    }

    private Set<String> directories() {
        Set<String> directories = new LinkedHashSet<>();
        for (String path : environment.getOrDefault("JUPYTER_PATH", "").split(":", -1)) {
            if (path.startsWith("/")) {
                directories.add(path + "/kernels");
            }
        }
        String virtual = environment.getOrDefault("VIRTUAL_ENV", "");
        if (virtual.startsWith("/")) {
            directories.add(virtual + KERNELS);
        }
        directories.addAll(DIRECTORIES);
        return directories;
    }

    private Set<String> pythonDirectories() {
        Set<String> directories = directories();
        pythonPrefix().ifPresent(prefix -> directories.add(prefix + KERNELS));
        return directories;
    }

    /** Those of all directories; of two with the same name the first counts, as in Jupyter. */
    private List<KernelSpec> all(Set<String> directories) {
        Map<String, KernelSpec> found = new LinkedHashMap<>();
        for (String directory : directories) {
            for (String name : names(directory)) {
                if (!found.containsKey(name)) {
                    String path = directory + "/" + name;
                    read(path + "/kernel.json")
                            .flatMap(json -> KernelSpec.parse(name, path, json))
                            .ifPresent(spec -> found.put(name, spec));
                }
            }
        }
        return new ArrayList<>(found.values());
    }

    private List<String> names(String directory) {
        List<String> names = new ArrayList<>();
        try {
            agent.list(USER, directory, 1, entry -> {
                if (entry.type() == GuestEntry.Type.DIRECTORY) {
                    names.add(entry.name());
                }
            });
        } catch (GuestUnreachable gone) {
            throw gone;
        } catch (GuestFailure notThere) {
            return List.of();
        }
        names.sort(Comparator.naturalOrder());
        return names;
    }

    private Optional<byte[]> read(String path) {
        return read(agent, path, FILE_MAXIMUM);
    }

    /** The first {@code maximum} bytes of a file, or empty when it can't be read. */
    static Optional<byte[]> read(GuestAgent agent, String path, int maximum) {
        try (FileSource file = agent.open(USER, path, maximum)) {
            ByteBuffer content = ByteBuffer.allocate(maximum);
            file.readFully(content);
            byte[] bytes = new byte[content.position()];
            content.flip().get(bytes);
            return Optional.of(bytes);
        } catch (GuestUnreachable gone) {
            throw gone;
        } catch (GuestFailure notThere) {
            return Optional.empty();
        }
    }

    private Optional<String> pythonPrefix() {
        StartProcess python = new StartProcess(
                USER,
                "/",
                List.of("python3", "-c", "import sys; print(sys.prefix)"),
                environment,
                Optional.empty(),
                false,
                new byte[0]);
        try (ProcessStream process = agent.start(python)) {
            ByteArrayOutputStream output = new ByteArrayOutputStream();
            long deadline = System.nanoTime() + PYTHON_MAXIMUM.toNanos();
            while (System.nanoTime() < deadline && output.size() < FILE_MAXIMUM) {
                switch (process.poll(PYTHON_MAXIMUM)) {
                    case ProcessStream.Output some
                    when some.channel() == ProcessStream.Channel.OUT -> output.writeBytes(some.data());
                    case ProcessStream.Exit end -> {
                        String prefix = output.toString(StandardCharsets.UTF_8).strip();
                        return Optional.of(prefix).filter(path -> path.startsWith("/"));
                    }
                    default -> {}
                }
            }
            agent.signal(process.pid(), Kernel.SIGKILL, true);
            return Optional.empty();
        } catch (GuestUnreachable gone) {
            throw gone;
        } catch (GuestFailure noPython) {
            return Optional.empty();
        }
    }
}
