package dev.holt.app.mcp;

import dev.holt.app.client.Access;
import dev.holt.app.client.FilesClient;
import dev.holt.app.client.InterpreterClient;
import dev.holt.app.client.ProcessClient;
import dev.holt.app.client.RestClient;
import dev.holt.app.client.SandboxAddress;
import java.net.http.HttpClient;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * On whose behalf a tool works: everything is asked of Holt with this one's key, so that Holt decides what it may do.
 *
 * @param http stays with whoever made it
 */
record Caller(Access access, HttpClient http) {
    RestClient control() {
        return new RestClient(access, http);
    }

    /**
     * A running sandbox of the caller's team.
     *
     * @param details as control tells them
     */
    record Sandbox(SandboxAddress address, JsonNode details, HttpClient http) {
        ProcessClient processes(Optional<String> user) {
            return new ProcessClient(http, address, user);
        }

        FilesClient files(Optional<String> user) {
            return new FilesClient(http, address, user);
        }

        InterpreterClient interpreter() {
            return new InterpreterClient(http, address);
        }
    }

    /**
     * The sandbox of that id. Control is asked each time: a sandbox's own traffic is not guarded by the caller's key.
     *
     * @throws dev.holt.app.client.ClientException when the caller has none of that id
     */
    Sandbox sandbox(String id) {
        JsonNode details = control().get("/sandboxes/" + RestClient.encode(id));
        SandboxAddress address =
                SandboxAddress.of(access, id, details.path("envdAccessToken").asStringOpt());
        return new Sandbox(address, details, http);
    }
}
