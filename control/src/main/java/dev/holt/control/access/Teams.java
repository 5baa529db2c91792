package dev.holt.control.access;

import dev.holt.control.database.Database;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.StatementContext;

/** The teams and the users in them. */
public final class Teams {
    private static final String COLUMNS =
            "t.id, t.slug, t.name, t.is_default, t.max_sandboxes, t.max_cpu, t.max_memory_mb, t.max_lifetime_seconds";

    private final Database database;
    private final Clock clock;

    public Teams(Database database, Clock clock) {
        this.database = database;
        this.clock = clock;
    }

    /** The default team and its user, made on the first start; its quotas are those of the configuration on every start. */
    public Team ensureDefault(TeamQuotas quotas) {
        return database.write(handle -> {
            Optional<Team> existing = handle.createQuery(
                            "select " + COLUMNS + " from teams t where t.is_default = true")
                    .map(Teams::team)
                    .findOne();
            if (existing.isEmpty()) {
                return insert(handle, "default", "Default", true, quotas);
            }
            handle.createUpdate("update teams set max_sandboxes = :sandboxes, max_cpu = :cpu, max_memory_mb = :memory,"
                            + " max_lifetime_seconds = :lifetime where id = :id")
                    .bind("sandboxes", quotas.sandboxes())
                    .bind("cpu", quotas.cpuCount())
                    .bind("memory", quotas.memoryMegabytes())
                    .bind("lifetime", quotas.lifetime().toSeconds())
                    .bind("id", existing.get().id())
                    .execute();
            Team team = existing.get();
            return new Team(team.id(), team.slug(), team.name(), true, quotas);
        });
    }

    /** A new team with a user of its own. */
    public Team create(String slug, String name, TeamQuotas quotas) {
        return database.write(handle -> insert(handle, slug, name, false, quotas));
    }

    public Optional<Team> find(String id) {
        return database.read(handle -> handle.createQuery("select " + COLUMNS + " from teams t where t.id = :id")
                .bind("id", id)
                .map(Teams::team)
                .findOne());
    }

    /** The teams of a user, the default team first. */
    public List<Team> ofUser(String userId) {
        return database.read(handle -> handle.createQuery("select " + COLUMNS
                        + " from teams t join team_members m on m.team_id = t.id where m.user_id = :user"
                        + " order by t.is_default desc, t.created_at, t.id")
                .bind("user", userId)
                .map(Teams::team)
                .list());
    }

    /** The user who came first into a team. */
    public String firstUser(Team team) {
        return database.read(handle -> handle.createQuery(
                        "select u.id from users u join team_members m on m.user_id = u.id where m.team_id = :team"
                                + " order by u.created_at, u.id limit 1")
                .bind("team", team.id())
                .mapTo(String.class)
                .one());
    }

    private Team insert(Handle handle, String slug, String name, boolean isDefault, TeamQuotas quotas) {
        Team team = new Team(UUID.randomUUID().toString(), slug, name, isDefault, quotas);
        String user = UUID.randomUUID().toString();
        long now = clock.millis();
        handle.createUpdate("insert into teams (id, slug, name, is_default, max_sandboxes, max_cpu, max_memory_mb,"
                        + " max_lifetime_seconds, created_at)"
                        + " values (:id, :slug, :name, :default, :sandboxes, :cpu, :memory, :lifetime, :now)")
                .bind("id", team.id())
                .bind("slug", slug)
                .bind("name", name)
                .bind("default", isDefault)
                .bind("sandboxes", quotas.sandboxes())
                .bind("cpu", quotas.cpuCount())
                .bind("memory", quotas.memoryMegabytes())
                .bind("lifetime", quotas.lifetime().toSeconds())
                .bind("now", now)
                .execute();
        handle.execute("insert into users (id, name, created_at) values (?, ?, ?)", user, slug, now);
        handle.execute("insert into team_members (team_id, user_id) values (?, ?)", team.id(), user);
        return team;
    }

    private static Team team(ResultSet row, StatementContext context) throws SQLException {
        return new Team(
                row.getString("id"),
                row.getString("slug"),
                row.getString("name"),
                row.getBoolean("is_default"),
                new TeamQuotas(
                        row.getInt("max_sandboxes"),
                        row.getInt("max_cpu"),
                        row.getLong("max_memory_mb"),
                        Duration.ofSeconds(row.getLong("max_lifetime_seconds"))));
    }
}
