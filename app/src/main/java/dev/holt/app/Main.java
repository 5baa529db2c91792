package dev.holt.app;

import dev.holt.app.cli.CommandContext;
import dev.holt.app.cli.HoltCommand;

/** Where the holt program begins. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        CommandContext context = new CommandContext(System.getenv(), System.in, System.out, System.err);
        int exitCode = HoltCommand.create(context).execute(arguments);
        System.out.flush();
        System.exit(exitCode);
    }
}
