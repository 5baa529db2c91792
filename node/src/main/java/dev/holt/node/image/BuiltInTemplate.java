package dev.holt.node.image;

import dev.holt.wire.id.TemplateId;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** The templates that Holt itself knows how to make, from packages. */
public enum BuiltInTemplate {
    /** A small Debian. Every other one lies over it. */
    BASE(new BaseTemplate(), List.of()),
    /** The base with Jupyter kernels and what data analysis needs; named as E2B's clients ask for it. */
    CODE_INTERPRETER(new InterpreterTemplate(), List.of("code-interpreter-beta"));

    private final Recipe recipe;
    private final List<String> aliases;

    BuiltInTemplate(Recipe recipe, List<String> aliases) {
        this.recipe = recipe;
        this.aliases = aliases;
    }

    /** What clients call it. */
    public TemplateId id() {
        return recipe.id();
    }

    /** What they may call it besides. */
    public List<String> aliases() {
        return aliases;
    }

    /** The one with that name or alias. */
    public static Optional<BuiltInTemplate> named(String name) {
        return Arrays.stream(values())
                .filter(template ->
                        template.id().value().equals(name) || template.aliases().contains(name))
                .findFirst();
    }

    Recipe recipe() {
        return recipe;
    }
}
