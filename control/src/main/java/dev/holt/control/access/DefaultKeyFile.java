package dev.holt.control.access;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Optional;

/**
 * The one place that keeps an API key in clear text: a file of mode 0600 with the default team's first key, so that every
 * start can print the same exports. The file is the operator's: a well-formed key in it that the database has never seen
 * is taken over (a lost database, a key chosen beforehand); a revoked one is replaced, never revived.
 */
public final class DefaultKeyFile {
    private static final String NAME = "default";

    private final Path file;
    private final ApiKeys keys;
    private final Teams teams;
    private final SecureRandom random;

    public DefaultKeyFile(Path file, ApiKeys keys, Teams teams, SecureRandom random) {
        this.file = file;
        this.keys = keys;
        this.teams = teams;
        this.random = random;
    }

    /**
     * The key in clear text, valid now.
     *
     * @throws UncheckedIOException when the file can't be read or written
     */
    public String ensure(Team team) {
        try {
            Optional<Secret> kept = read();
            if (kept.isPresent()) {
                switch (keys.standing(kept.get())) {
                    case VALID -> {
                        return kept.get().clear();
                    }
                    case UNKNOWN -> {
                        keys.insert(kept.get(), team.id(), Optional.of(teams.firstUser(team)), NAME);
                        return kept.get().clear();
                    }
                    case REVOKED -> {
                        // A new one below.
                    }
                }
            }
            Secret secret = Secret.random(Secret.API_KEY, random);
            // The file first: a key that only the file knows is taken over by the next start, the other way round it is
            // lost.
            write(secret);
            keys.insert(secret, team.id(), Optional.of(teams.firstUser(team)), NAME);
            return secret.clear();
        } catch (IOException e) {
            throw new UncheckedIOException("can't keep the default API key in " + file, e);
        }
    }

    private Optional<Secret> read() throws IOException {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        return Secret.parse(Files.readString(file).strip())
                .filter(secret -> secret.mask().prefix().equals(Secret.API_KEY));
    }

    private void write(Secret secret) throws IOException {
        Path directory = Optional.ofNullable(file.toAbsolutePath().getParent()).orElseThrow();
        Files.createDirectories(directory);
        // Temporary files are 0600 from their first moment.
        Path fresh = Files.createTempFile(directory, ".key", "");
        try {
            Files.writeString(fresh, secret.clear() + "\n", StandardCharsets.UTF_8);
            try (FileChannel channel = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(fresh);
        }
    }
}
