package dev.holt.control.admin;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.holt.control.access.AccessTokens;
import dev.holt.control.access.ApiKey;
import dev.holt.control.access.ApiKeys;
import dev.holt.control.access.Mask;
import dev.holt.control.access.Team;
import dev.holt.control.access.Teams;
import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Validator;
import dev.holt.control.rest.Answer;
import dev.holt.control.rest.Call;
import dev.holt.control.rest.Route;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.eclipse.jetty.http.HttpFields;
import org.jspecify.annotations.Nullable;

/** Teams, their API keys, and users' access tokens. */
public final class KeyRoutes {
    /** What {@code GET /teams} calls the keys that it makes. */
    private static final String LOGIN_KEY = "login";

    private final Teams teams;
    private final ApiKeys keys;
    private final AccessTokens tokens;

    public KeyRoutes(Teams teams, ApiKeys keys, AccessTokens tokens) {
        this.teams = teams;
        this.keys = keys;
        this.tokens = tokens;
    }

    public Map<String, Route> routes() {
        return Map.of(
                "listTeams", this::listTeams,
                "listApiKeys", this::list,
                "createApiKey", this::create,
                "renameApiKey", this::rename,
                "revokeApiKey", this::revoke,
                "createAccessToken", this::createToken,
                "revokeAccessToken", this::revokeToken,
                "adminCreateApiKey", this::adminCreate,
                "adminRevokeApiKey", this::adminRevoke);
    }

    private record ListedTeam(String teamID, String name, String apiKey, boolean isDefault) {}

    private record User(
            String id,

            @JsonInclude(JsonInclude.Include.ALWAYS) @Nullable
            String email) {}

    private record ListedKey(
            String id,
            String name,
            Mask mask,
            Instant createdAt,

            @JsonInclude(JsonInclude.Include.ALWAYS) @Nullable
            User createdBy,

            @JsonInclude(JsonInclude.Include.ALWAYS) @Nullable
            Instant lastUsed,

            Optional<String> key) {}

    private record NewToken(String id, String name, String token, Mask mask, Instant createdAt) {}

    /**
     * Clients log in with this: each team comes with a key that works. Keys are kept as hashes, so a user's token gets a new
     * key for each team, as at E2B; an API key gets itself back.
     */
    private Answer listTeams(Call call) {
        Optional<String> presented = presentedKey(call.headers());
        if (presented.isPresent()) {
            return Answer.ok(List.of(listed(call.team(), presented.get())));
        }
        String user = user(call);
        return Answer.ok(teams.ofUser(user).stream()
                .map(team -> listed(
                        team,
                        keys.create(team.id(), Optional.of(user), LOGIN_KEY).clear()))
                .toList());
    }

    private Answer list(Call call) {
        return Answer.ok(keys.list(call.team().id()).stream()
                .map(key -> listed(key, Optional.empty()))
                .toList());
    }

    private Answer create(Call call) {
        return created(keys.create(call.team().id(), call.caller().user(), name(call)));
    }

    private Answer rename(Call call) {
        if (!keys.rename(call.team().id(), id(call, "apiKeyID"), name(call))) {
            throw ApiException.notFound("the team has no such API key");
        }
        return new Answer(200, Optional.empty(), Map.of());
    }

    private Answer revoke(Call call) {
        return revoked(keys.revoke(call.team().id(), id(call, "apiKeyID")), "the team has no such API key");
    }

    private Answer createToken(Call call) {
        AccessTokens.Created token = tokens.create(user(call), name(call));
        return Answer.created(
                new NewToken(token.id(), token.name(), token.clear(), token.mask(), time(token.createdAt())));
    }

    private Answer revokeToken(Call call) {
        return revoked(tokens.revoke(user(call), id(call, "accessTokenID")), "you have no such access token");
    }

    private Answer adminCreate(Call call) {
        String team = id(call, "teamID");
        if (teams.find(team).isEmpty()) {
            throw ApiException.notFound("team " + team + " not found");
        }
        return created(keys.create(team, Optional.empty(), name(call)));
    }

    private Answer adminRevoke(Call call) {
        return revoked(keys.revoke(id(call, "teamID"), id(call, "apiKeyID")), "the team has no such API key");
    }

    private static Answer created(ApiKeys.Created created) {
        return Answer.created(listed(created.key(), Optional.of(created.clear())));
    }

    private static Answer revoked(boolean was, String otherwise) {
        if (!was) {
            throw ApiException.notFound(otherwise);
        }
        return Answer.noContent();
    }

    private static ListedTeam listed(Team team, String key) {
        return new ListedTeam(team.id(), team.name(), key, team.isDefault());
    }

    private static ListedKey listed(ApiKey key, Optional<String> clear) {
        return new ListedKey(
                key.id(),
                key.name(),
                key.mask(),
                time(key.createdAt()),
                key.createdBy().map(user -> new User(user, null)).orElse(null),
                key.lastUsed().map(KeyRoutes::time).orElse(null),
                clear);
    }

    /** The API key of the request, wherever it stood; an access token is none. */
    private static Optional<String> presentedKey(HttpFields headers) {
        String key = headers.get("X-API-Key");
        String bearer = headers.get("Authorization");
        return Optional.ofNullable(key)
                .or(() -> Optional.ofNullable(bearer)
                        .map(text -> text.substring(text.indexOf(' ') + 1).strip())
                        .filter(text -> text.startsWith("e2b_")));
    }

    private static String user(Call call) {
        return call.caller()
                .user()
                .orElseThrow(() -> new ApiException(
                        403,
                        "this API key was not made by a user, so it has no access tokens; use a user's key or token"));
    }

    private static String name(Call call) {
        return call.body().path("name").asString().strip();
    }

    static String id(Call call, String name) {
        String text = call.segment(name);
        try {
            // Java reads shorter groups too; only the canonical form names anything here.
            if (UUID.fromString(text).toString().equals(text)) {
                return text;
            }
        } catch (IllegalArgumentException e) {
            // The error below says what is wrong.
        }
        throw ApiException.invalid(name, "a UUID expected, got '" + Validator.shorten(text) + "'");
    }

    private static Instant time(Instant time) {
        return time.truncatedTo(ChronoUnit.MILLIS);
    }
}
