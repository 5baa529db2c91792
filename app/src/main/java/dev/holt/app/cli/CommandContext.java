package dev.holt.app.cli;

import dev.holt.app.client.Access;
import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.app.server.EnvFile;
import dev.holt.app.settings.Settings;
import dev.holt.app.settings.SettingsReader;
import dev.holt.app.settings.SettingsTable;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** What surrounds one run of {@code holt}: its environment and its three streams. */
public record CommandContext(Map<String, String> environment, InputStream in, PrintStream out, PrintStream err) {
    private static final JsonMapper PRETTY =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    public CommandContext {
        environment = Map.copyOf(environment);
    }

    /**
     * The way to the Holt that is meant: {@code E2B_API_URL}, {@code E2B_API_KEY} and {@code E2B_SANDBOX_URL}, and what of
     * them is not set from the file that a Holt on this host leaves in its state directory.
     */
    Access access() {
        Map<String, String> saved = Map.of();
        if (!environment.containsKey("E2B_API_KEY") || !environment.containsKey("E2B_API_URL")) {
            saved = savedAccess();
        }
        String apiUrl = firstSet(environment.get("E2B_API_URL"), saved.get("E2B_API_URL"));
        String apiKey = firstSet(environment.get("E2B_API_KEY"), saved.get("E2B_API_KEY"));
        String sandboxUrl =
                firstSet(environment.get("E2B_SANDBOX_URL"), saved.get("E2B_SANDBOX_URL"), "http://127.0.0.1:49983");
        try {
            return new Access(URI.create(apiUrl), apiKey, URI.create(sandboxUrl));
        } catch (IllegalArgumentException e) {
            throw new ClientException(
                    ExitCode.USAGE, "E2B_API_URL and E2B_SANDBOX_URL must be URLs: " + e.getMessage());
        }
    }

    /** The addresses alone, for a server whose clients bring keys of their own; the key in it means nothing. */
    Access addresses() {
        Map<String, String> complete = new HashMap<>(environment);
        if (!complete.getOrDefault("E2B_API_URL", "").isEmpty()) {
            complete.put("E2B_API_KEY", "none");
        }
        return new CommandContext(complete, in, out, err).access();
    }

    private Map<String, String> savedAccess() {
        Settings settings = SettingsReader.read(Map.of(), environment, Optional.empty());
        Path file = EnvFile.inStateDirectory(settings.get(SettingsTable.STATE_DIRECTORY));
        try {
            return EnvFile.read(file);
        } catch (NoSuchFileException e) {
            throw new ClientException(
                    ExitCode.USAGE,
                    "Set E2B_API_URL and E2B_API_KEY, or start a Holt on this host with `holt up`; it leaves them in "
                            + file);
        } catch (AccessDeniedException e) {
            throw new ClientException(
                    ExitCode.NOT_ALLOWED, "Set E2B_API_URL and E2B_API_KEY, or be root, who may read " + file);
        } catch (IOException e) {
            throw new ClientException(ExitCode.FAILED, "Can't read " + file + ": " + e);
        }
    }

    private static String firstSet(@Nullable String... texts) {
        for (String text : texts) {
            if (text != null && !text.isEmpty()) {
                return text;
            }
        }
        throw new ClientException(ExitCode.USAGE, "Set E2B_API_URL and E2B_API_KEY to say which Holt is meant");
    }

    void printJson(JsonNode answer) {
        out.println(PRETTY.writeValueAsString(answer));
    }
}
