package dev.holt.app.cli;

import dev.holt.app.client.ExitCode;
import dev.holt.app.client.RestClient;
import java.time.Instant;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

@Command(name = "metrics", description = "Print what a sandbox used of its CPUs, memory and disk, oldest first.")
final class SandboxMetricsCommand extends ClientCommand {
    private static final double MEBIBYTE = 1 << 20;

    @Parameters(paramLabel = "SANDBOX")
    private String sandbox;

    @Option(
            names = "--last",
            paramLabel = "SECONDS",
            defaultValue = "300",
            description = "How far back to look. Default: 300.")
    private long last;

    SandboxMetricsCommand(CommandContext context) {
        super(context);
    }

    @Override
    int run(RestClient client) {
        long end = Instant.now().getEpochSecond();
        JsonNode samples = client.get("/sandboxes/" + RestClient.encode(sandbox) + "/metrics?start="
                + Math.max(0, end - last) + "&end=" + end);
        if (printedJson(samples)) {
            return ExitCode.OK;
        }
        TextTable table = new TextTable("TIME", "CPU", "CPUS", "MEMORY", "OF", "DISK", "OF");
        for (JsonNode sample : samples) {
            table.add(
                    Times.ofAnswer(
                            Instant.ofEpochSecond(sample.path("timestampUnix").asLong(0))
                                    .toString()),
                    String.format(
                            Locale.ROOT, "%.1f %%", sample.path("cpuUsedPct").asDouble(0)),
                    sample.path("cpuCount").asString(""),
                    mebibytes(sample.path("memUsed")),
                    mebibytes(sample.path("memTotal")),
                    mebibytes(sample.path("diskUsed")),
                    mebibytes(sample.path("diskTotal")));
        }
        table.print(context().out());
        return ExitCode.OK;
    }

    private static String mebibytes(JsonNode bytes) {
        return String.format(Locale.ROOT, "%.1f MiB", bytes.asLong(0) / MEBIBYTE);
    }
}
