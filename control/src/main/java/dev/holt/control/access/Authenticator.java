package dev.holt.control.access;

import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Scope;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.jspecify.annotations.Nullable;

/** Turns a request's credentials into the caller that its operation needs, or into a 401 that says what is missing. */
public final class Authenticator {
    private static final String API_KEY = "X-API-Key";
    private static final String ADMIN_TOKEN = "X-Admin-Token";
    private static final String TEAM_ID = "X-Team-ID";
    private static final String BEARER = "bearer ";

    private final ApiKeys keys;
    private final AccessTokens tokens;
    private final Teams teams;
    private final Optional<String> adminToken;

    /** @param adminToken opens the admin operations; without one they stay closed */
    public Authenticator(ApiKeys keys, AccessTokens tokens, Teams teams, Optional<String> adminToken) {
        this.keys = keys;
        this.tokens = tokens;
        this.teams = teams;
        this.adminToken = adminToken;
    }

    /** @throws ApiException 401 for no or wrong credentials, 400, 403 or 404 for a wrong X-Team-ID */
    public Caller authenticate(Scope scope, HttpFields headers) {
        return switch (scope) {
            case OPEN -> Caller.NOBODY;
            case ADMIN -> {
                requireAdmin(headers.get(ADMIN_TOKEN));
                yield Caller.NOBODY;
            }
            case TEAM, USER -> {
                String key = headers.get(API_KEY);
                if (key != null) {
                    yield byKey(key);
                }
                String authorization = headers.get(HttpHeader.AUTHORIZATION);
                if (authorization != null) {
                    yield byBearer(authorization, headers.get(TEAM_ID));
                }
                String admin = headers.get(ADMIN_TOKEN);
                if (admin != null && scope == Scope.TEAM) {
                    requireAdmin(admin);
                    yield byAdmin(headers.get(TEAM_ID));
                }
                throw new ApiException(
                        401,
                        "no credentials: send an API key in X-API-Key or Authorization: Bearer"
                                + (scope == Scope.TEAM ? ", or X-Admin-Token with X-Team-ID" : ""));
            }
        };
    }

    private Caller byKey(String key) {
        return keys.authenticate(key)
                .map(holder -> new Caller(Optional.of(holder.team()), holder.user()))
                .orElseThrow(() -> new ApiException(
                        401, "invalid API key: it is unknown or revoked (a key is e2b_ and hexadecimal digits)"));
    }

    private Caller byBearer(String authorization, @Nullable String teamId) {
        if (!authorization.toLowerCase(Locale.ROOT).startsWith(BEARER)) {
            throw new ApiException(401, "Authorization must be 'Bearer' and an access token or API key");
        }
        String credential = authorization.substring(BEARER.length()).strip();
        if (!credential.startsWith(Secret.ACCESS_TOKEN)) {
            return byKey(credential);
        }
        String user = tokens.authenticate(credential)
                .orElseThrow(() -> new ApiException(401, "invalid access token: it is unknown or revoked"));
        List<Team> own = teams.ofUser(user);
        Team team = own.stream()
                .filter(candidate -> teamId == null || candidate.id().equals(teamId))
                .findFirst()
                .orElseThrow(() -> new ApiException(403, TEAM_ID + ": the token's user is in no such team"));
        return new Caller(Optional.of(team), Optional.of(user));
    }

    private Caller byAdmin(@Nullable String teamId) {
        if (teamId == null) {
            throw ApiException.invalid(TEAM_ID, "missing; the admin token needs to know for which team it acts");
        }
        Team team = teams.find(teamId).orElseThrow(() -> ApiException.notFound(TEAM_ID + ": no such team"));
        return new Caller(Optional.of(team), Optional.empty());
    }

    private void requireAdmin(@Nullable String given) {
        if (given == null) {
            throw new ApiException(401, "no credentials: this operation needs " + ADMIN_TOKEN);
        }
        if (adminToken.isEmpty()) {
            throw new ApiException(401, "no admin token is configured, so admin operations are closed");
        }
        if (!Secret.same(adminToken.get(), given)) {
            throw new ApiException(401, "invalid admin token");
        }
    }
}
