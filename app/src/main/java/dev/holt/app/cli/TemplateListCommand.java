package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import dev.holt.app.client.RestClient;
import java.util.StringJoiner;
import picocli.CommandLine.Command;
import tools.jackson.databind.JsonNode;

@Command(name = "list", description = "List the templates that sandboxes can start from.")
final class TemplateListCommand extends ClientCommand {
    TemplateListCommand(CommandContext context) {
        super(context);
    }

    @Override
    int run(RestClient client) {
        JsonNode templates = client.get("/templates");
        if (printedJson(templates)) {
            return ExitCode.OK;
        }
        TextTable table = new TextTable("TEMPLATE", "NAMES", "STATE", "CPUS", "MEMORY", "DISK", "CREATED");
        for (JsonNode template : templates) {
            StringJoiner names = new StringJoiner(", ");
            template.path("names").forEach(name -> names.add(name.asString("")));
            table.add(
                    template.path("templateID").asString(""),
                    names.toString(),
                    template.path("buildStatus").asString(""),
                    template.path("cpuCount").asString(""),
                    template.path("memoryMB").asString("") + " MiB",
                    template.path("diskSizeMB").asString("") + " MiB",
                    Times.ofAnswer(template.path("createdAt").asString("")));
        }
        table.print(context().out());
        return ExitCode.OK;
    }
}
