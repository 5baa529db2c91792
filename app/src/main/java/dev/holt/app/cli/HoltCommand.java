package dev.holt.app.cli;

import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.app.settings.SettingsException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/** The root of the command line. */
@Command(
        name = "holt",
        description = "Self-hosted sandboxes for AI agents.",
        mixinStandardHelpOptions = true,
        versionProvider = VersionCommand.class,
        synopsisSubcommandLabel = "COMMAND",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:done",
            "1:Holt could not do it, or the doctor found something missing",
            "2:wrong command line or settings; nothing was tried",
            "3:no Holt answers, or the connection broke",
            "4:the API key is missing or not accepted",
            "5:no such sandbox, template or key",
            "6:Holt is full or a quota is used up; try again later",
            "125:sandbox exec could not run the command; otherwise it ends with the command's own code"
        },
        footer = {
            "",
            "Commands that speak to a running Holt find it by E2B_API_URL and E2B_API_KEY or, without these, by what",
            "`holt up` and `holt serve` leave in the state directory of this host."
        })
public final class HoltCommand implements Runnable {
    @CommandLine.Spec
    private CommandLine.Model.CommandSpec spec;

    private HoltCommand() {}

    /** The whole command line, ready to execute. */
    public static CommandLine create(CommandContext context) {
        CommandLine sandbox = new CommandLine(new CommandGroup.Sandbox())
                .addSubcommand(new SandboxListCommand(context))
                .addSubcommand(new SandboxCreateCommand(context))
                .addSubcommand(new SandboxExecCommand(context))
                .addSubcommand(new SandboxConnectCommand(context))
                .addSubcommand(new SandboxKillCommand(context))
                .addSubcommand(new SandboxLogsCommand(context))
                .addSubcommand(new SandboxMetricsCommand(context));
        CommandLine template = new CommandLine(new CommandGroup.Template())
                .addSubcommand(new TemplateListCommand(context))
                .addSubcommand(new TemplateBuildCommand(context));
        CommandLine apiKey = new CommandLine(new CommandGroup.ApiKey())
                .addSubcommand(new ApiKeyCommands.Create(context))
                .addSubcommand(new ApiKeyCommands.ListKeys(context))
                .addSubcommand(new ApiKeyCommands.Revoke(context));
        CommandLine holt = new CommandLine(new HoltCommand())
                .addSubcommand(new UpCommand(context))
                .addSubcommand(new ServeCommand(context))
                .addSubcommand(new DoctorCommand(context))
                .addSubcommand(sandbox)
                .addSubcommand(template)
                .addSubcommand(apiKey)
                .addSubcommand(new VersionCommand(context))
                .addSubcommand(new CompletionCommand(context))
                .addSubcommand(new DocumentSettingsCommand())
                .addSubcommand(new TrainCommand(context))
                .addSubcommand(new HelpCommand());
        return holt.setOut(new PrintWriter(context.out(), true, StandardCharsets.UTF_8))
                .setErr(new PrintWriter(context.err(), true, StandardCharsets.UTF_8))
                .setUsageHelpAutoWidth(true)
                .setAbbreviatedSubcommandsAllowed(false)
                .setExecutionExceptionHandler((failure, command, parsed) -> report(context, failure));
    }

    /** Without a command there is nothing to do. */
    @Override
    public void run() {
        throw new CommandLine.ParameterException(spec.commandLine(), "Which command? (holt --help)");
    }

    /** Says what went wrong, in one line where the failure is one that we know, and returns the exit code. */
    private static int report(CommandContext context, Exception failure) {
        return switch (failure) {
            case ClientException refused -> {
                context.err().println("holt: " + refused.getMessage());
                yield refused.exitCode();
            }
            case SettingsException bad -> {
                String.valueOf(bad.getMessage())
                        .lines()
                        .forEach(line -> context.err().println("holt: " + line));
                yield ExitCode.USAGE;
            }
            case dev.holt.app.server.StartFailure start -> {
                context.err().println("holt: " + start.getMessage());
                yield ExitCode.FAILED;
            }
            case dev.holt.node.image.ImageFailure template -> {
                context.err().println("holt: " + template.getMessage());
                yield ExitCode.FAILED;
            }
            default -> {
                context.err().println("holt: an error in Holt itself; please report it with what follows");
                failure.printStackTrace(context.err());
                yield ExitCode.FAILED;
            }
        };
    }
}
