package dev.holt.node.image;

import dev.holt.node.process.HostCommand;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The layer under the code interpreter's template that takes minutes: packages. Holt's own files lie over it in a layer of their
 * own, so that a new Holt makes only those anew. Nobody starts a sandbox from it.
 */
final class InterpreterPackages implements Recipe {
    private static final TemplateId ID = new TemplateId("code-interpreter-packages");
    private static final String SCRIPT = "interpreter/packages.sh";
    private static final String NPM = "interpreter/package.json";
    private static final String NPM_LOCK = "interpreter/package-lock.json";

    /** Without these there is no template. */
    private static final List<String> PACKAGES = List.of(
            "build-essential",
            "default-jdk-headless",
            "fontconfig",
            "fonts-dejavu-core",
            "jq",
            "python3-ipykernel",
            "python3-matplotlib",
            "python3-numpy",
            "python3-openpyxl",
            "python3-pandas",
            "python3-pil",
            "python3-plotly",
            "python3-requests",
            "python3-scipy",
            "python3-seaborn",
            "python3-sklearn",
            "python3-sympy",
            "r-base-core",
            "r-cran-irkernel");
    /** Those that some Debian may lack. */
    private static final List<String> OPTIONAL = List.of(
            "python3-aiohttp",
            "python3-bs4",
            "python3-docx",
            "python3-h5py",
            "python3-html5lib",
            "python3-imageio",
            "python3-joblib",
            "python3-lxml",
            "python3-networkx",
            "python3-nltk",
            "python3-pytest",
            "python3-skimage",
            "python3-soundfile",
            "python3-statsmodels",
            "python3-tabulate",
            "python3-tz",
            "python3-xarray",
            "python3-xlrd",
            "python3-xlsxwriter",
            "r-cran-dplyr",
            "r-cran-ggplot2");
    /** npm finds its registry, keys and certificates by these. */
    private static final List<String> NPM_VARIABLES = List.of("HOME", "NODE_EXTRA_CA_CERTS");

    @Override
    public TemplateId id() {
        return ID;
    }

    @Override
    public Optional<Recipe> over() {
        return Optional.of(BuiltInTemplate.BASE.recipe());
    }

    @Override
    public String version() {
        return ID + "-" + HostPackages.release() + "-"
                + Resources.digest(List.of(SCRIPT, NPM, NPM_LOCK), List.of(PACKAGES.toString(), OPTIONAL.toString()));
    }

    @Override
    public void build(Path root, List<Path> below, Path scratch, Consumer<String> progress) throws IOException {
        if (HostCommand.locate("npm").isEmpty()) {
            throw new ImageFailure("template " + InterpreterTemplate.ID + " takes Deno and Node.js from npm, which this"
                    + " host lacks; install it with: apt-get install npm");
        }
        HostPackages host = HostPackages.find();
        progress.accept("building the packages of template " + InterpreterTemplate.ID + ", once: about a gigabyte");
        Resources.copy(NPM, scratch.resolve("package.json"));
        Resources.copy(NPM_LOCK, scratch.resolve("package-lock.json"));
        Map<String, String> variables = new TreeMap<>();
        for (String name : NPM_VARIABLES) {
            Optional.ofNullable(System.getenv(name)).ifPresent(value -> variables.put(name, value));
        }
        System.getenv().forEach((name, value) -> {
            if (name.toLowerCase(Locale.ROOT).startsWith("npm_config_")) {
                variables.put(name, value);
            }
        });
        variables.put("SOURCES", String.join("\n", host.sources()));
        variables.put("KEYRING", host.keyring().toString());
        variables.put("PROXIES", String.join("\n", host.proxies()));
        variables.put("PACKAGES", String.join(" ", PACKAGES));
        variables.put("OPTIONAL", String.join(" ", OPTIONAL));
        Layer.build(SCRIPT, root, below, scratch, variables, progress);
    }
}
