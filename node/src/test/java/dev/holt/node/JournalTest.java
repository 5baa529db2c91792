package dev.holt.node;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.node.guest.AgentToken;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class JournalTest {
    private static final SecureRandom SECRETS = new SecureRandom();

    @TempDir
    Path state;

    private static JournalEntry warm() {
        SandboxKind kind = new SandboxKind(new TemplateId("base"), "b1", new Resources(2, 512, 5120), Isolation.GVISOR);
        return JournalEntry.warm(
                SandboxId.random(SECRETS),
                kind,
                new Base(kind.template(), kind.buildId()),
                "boot",
                7,
                "10.91.0.0/16",
                AgentToken.random(SECRETS),
                Instant.parse("2026-03-01T12:00:00.123456789Z"));
    }

    private static JournalEntry claimed() {
        return warm().claimed(
                        new JournalEntry.Claim(
                                UUID.randomUUID(),
                                "team",
                                Instant.parse("2026-03-01T13:00:00Z"),
                                Optional.of("secret"),
                                Map.of("KEY", "line\nbreak"),
                                Map.of("a", "\u00e4"),
                                new NetworkPolicy(
                                        false,
                                        List.of("203.0.113.0/24"),
                                        List.of(),
                                        Optional.of("traffic"),
                                        Optional.empty()),
                                new Lifecycle(Lifecycle.OnTimeout.PAUSE, true, true, Duration.ofSeconds(77))),
                        Instant.parse("2026-03-01T12:30:00Z"));
    }

    private Journal journal() {
        return new Journal(state.resolve("sandboxes"));
    }

    @Test
    void whatWasWrittenIsRead() {
        Journal journal = journal();
        List<JournalEntry> written = List.of(warm(), claimed(), claimed().ending(EndReason.TIMEOUT));
        for (JournalEntry entry : written) {
            journal.create(entry.id());
            journal.write(entry);
        }
        assertThat(journal().readAll()).containsExactlyInAnyOrderElementsOf(written);
        JournalEntry moved = written.get(1)
                .with()
                .until(Instant.parse("2027-01-01T00:00:00Z"), Duration.ofSeconds(9))
                .entry();
        journal.writeDurably(moved);
        assertThat(journal().readAll()).contains(moved).hasSize(3);
        journal.remove(moved.id());
        journal.remove(moved.id());
        assertThat(journal().readAll()).hasSize(2).doesNotContain(moved);
        assertThat(journal.known()).hasSize(2);
    }

    @Test
    void onlyRootReadsIt() throws IOException {
        Journal journal = journal();
        JournalEntry entry = warm();
        Path directory = journal.create(entry.id());
        journal.write(entry);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
                .isEqualTo("rwx------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory.resolve("sandbox.json"))))
                .isEqualTo("rw-------");
    }

    /** Cut, flipped and overwritten files: each is understood or set aside, never a failure, and the others are read. */
    @Test
    void damagedEntriesAreSetAside() throws IOException {
        Random random = new Random(42);
        Journal journal = journal();
        JournalEntry good = claimed();
        journal.create(good.id());
        journal.write(good);
        for (int round = 0; round < 300; round++) {
            JournalEntry victim = random.nextBoolean() ? claimed() : warm();
            Path file = journal.create(victim.id()).resolve("sandbox.json");
            journal.write(victim);
            byte[] bytes = Files.readAllBytes(file);
            switch (random.nextInt(4)) {
                case 0 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
                case 1 -> bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
                case 2 -> random.nextBytes(bytes);
                default ->
                    bytes = new String(bytes, StandardCharsets.UTF_8)
                            .replaceFirst("\"(state|id|kind|bootId|token|startedAt)\"", "\"gone\"")
                            .getBytes(StandardCharsets.UTF_8);
            }
            Files.write(file, bytes);
            List<JournalEntry> read = journal().readAll();
            assertThat(read).contains(good);
            boolean understood = read.stream().anyMatch(entry -> entry.id().equals(victim.id()));
            assertThat(Files.exists(state.resolve("corrupt/" + victim.id() + ".json")))
                    .as("set aside unless understood")
                    .isNotEqualTo(understood);
            assertThat(journal.known())
                    .as("its directory is still there to be swept")
                    .contains(victim.id());
            journal.remove(victim.id());
        }
    }

    @Test
    void anEntryInTheWrongDirectoryIsSetAside() throws IOException {
        Journal journal = journal();
        JournalEntry entry = warm();
        journal.create(entry.id());
        journal.write(entry);
        SandboxId other = SandboxId.random(SECRETS);
        Files.move(journal.directory(entry.id()), journal.directory(other));
        assertThat(journal.readAll()).isEmpty();
        assertThat(state.resolve("corrupt/" + other + ".json")).exists();
    }

    @Test
    void aHalfWrittenUpdateLeavesTheOldState() throws IOException {
        Journal journal = journal();
        JournalEntry entry = warm();
        Path directory = journal.create(entry.id());
        journal.write(entry);
        Files.writeString(directory.resolve("sandbox.json.new"), "{\"version\":1,\"sta");
        assertThat(journal().readAll()).containsExactly(entry);
        journal.write(entry);
        journal.remove(entry.id());
        assertThat(directory).doesNotExist();
    }

    @Test
    void entriesOfTheFirstVersionAreUnderstood() throws IOException {
        SandboxId id = SandboxId.random(SECRETS);
        Files.writeString(journal().create(id).resolve("sandbox.json"), """
                {"version":1,"state":"RUNNING","id":{"value":"%s"},
                 "kind":{"template":{"value":"base"},"buildId":"b1",
                  "resources":{"cpuCount":2,"memoryMegabytes":512,"diskMegabytes":5120},"isolation":"GVISOR"},
                 "bootId":"boot","slot":7,"addresses":"10.91.0.0/16","token":{"hex":"%s"},
                 "startedAt":"2026-03-01T12:00:00.123456789Z",
                 "claim":{"requestId":"0e3b0b4e-6d2c-4b0e-9c39-4a3f1f6c2d11","teamId":"team","deadline":"2026-03-01T13:00:00Z",
                  "accessToken":"secret","environment":{"K":"v"},"metadata":{},
                  "network":{"allowInternet":true,"allowOut":[],"denyOut":[],"trafficAccessToken":null,"maskRequestHost":null}},
                 "ending":null}
                """.formatted(id.value(), "ab".repeat(32)));
        JournalEntry read = journal().readAll().getFirst();
        assertThat(read.state()).isEqualTo(Phase.RUNNING);
        assertThat(read.base()).isEqualTo(new Base(new TemplateId("base"), "b1"));
        assertThat(read.generation()).isZero();
        assertThat(read.owner().lifecycle().onTimeout()).isEqualTo(Lifecycle.OnTimeout.KILL);
        assertThat(read.status())
                .hasValueSatisfying(status -> assertThat(status.accessToken()).contains("secret"));
        Journal journal = journal();
        journal.write(read);
        assertThat(journal.readAll()).as("written anew as the present version").containsExactly(read);
    }
}
