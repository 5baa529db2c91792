package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import dev.holt.app.settings.Settings;
import dev.holt.app.settings.SettingsTable;
import dev.holt.node.image.BuiltInTemplate;
import dev.holt.node.image.TemplateBuild;
import dev.holt.node.image.TemplateStore;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "build",
        description = "Build a built-in template on this host, or find it built; a Holt that runs here finds it, too.",
        mixinStandardHelpOptions = true)
final class TemplateBuildCommand implements Callable<Integer> {
    private final CommandContext context;

    @Parameters(paramLabel = "TEMPLATE", description = "base or code-interpreter-v1.")
    private String name = "";

    @Mixin
    private SettingsOptions options = new SettingsOptions();

    @Spec
    private CommandLine.Model.CommandSpec spec;

    TemplateBuildCommand(CommandContext context) {
        this.context = context;
    }

    @Override
    public Integer call() {
        BuiltInTemplate template = BuiltInTemplate.named(name)
                .orElseThrow(() -> new CommandLine.ParameterException(
                        spec.commandLine(),
                        "There is no built-in template '" + name + "'; there are base and code-interpreter-v1."));
        Settings settings = options.read(context);
        TemplateStore store =
                new TemplateStore(settings.get(SettingsTable.STATE_DIRECTORY).resolve("templates"));
        TemplateBuild build = store.ensure(template, line -> context.err().println("holt: " + line));
        context.out().println(build.template() + " " + build.buildId());
        context.out().flush();
        return ExitCode.OK;
    }
}
