package dev.holt.control.sandbox;

import dev.holt.control.access.Team;
import dev.holt.control.contract.ApiException;
import dev.holt.control.rest.Failures;
import dev.holt.nodeapi.CaptureSandbox;
import dev.holt.nodeapi.CreateSandbox;
import dev.holt.nodeapi.Lifecycle;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.nodeapi.Node;
import dev.holt.nodeapi.NodeException;
import dev.holt.nodeapi.SandboxStatus;
import dev.holt.nodeapi.SnapshotBuild;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Forks: a sandbox is captured once, and others start from that side by side, each with its own outcome. */
final class Forks {
    private static final Logger log = LoggerFactory.getLogger(Forks.class);

    private final Node node;
    private final Sandboxes sandboxes;
    private final SandboxStore store;
    private final Clock clock;

    Forks(Node node, Sandboxes sandboxes, SandboxStore store, Clock clock) {
        this.node = node;
        this.sandboxes = sandboxes;
        this.store = store;
        this.clock = clock;
    }

    /** How one fork went: exactly one of the two is there. */
    record Outcome(Optional<SandboxStatus> sandbox, Optional<ApiException> failure) {}

    /**
     * @param seconds each fork's time to live
     * @throws ApiException when the sandbox could not be captured: 404, 409, 503
     */
    List<Outcome> fork(Team team, String text, int count, int seconds) {
        SandboxStatus original = sandboxes.get(team, text);
        Sandboxes.lifetime(team, seconds, "timeout");
        SandboxStore.Extras extras = store.extras(original.id())
                .orElse(new SandboxStore.Extras(
                        original.accessToken().isPresent(), Optional.empty(), Optional.empty()));
        SnapshotBuild build = capture(original);
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<SandboxStatus>> starting = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                starting.add(threads.submit(
                        () -> sandboxes.make(team, request(original, build, seconds), extras, Optional.empty())));
            }
            return starting.stream().map(fork -> outcome(original, fork)).toList();
        } finally {
            forget(build);
        }
    }

    private SnapshotBuild capture(SandboxStatus original) {
        // The forks' template is the original's: the build is nobody's but theirs.
        CaptureSandbox request = new CaptureSandbox(
                UUID.randomUUID(), original.template(), UUID.randomUUID().toString(), true, true);
        try {
            return node.capture(original.id(), request);
        } catch (NodeException e) {
            if (e.kind() == NodeException.Kind.INTERNAL) {
                throw e;
            }
            throw e.kind() == NodeException.Kind.NOT_FOUND
                    ? Sandboxes.unknown(original.id().value())
                    : Failures.ofNode(e, "sandbox_fork_failed");
        }
    }

    private CreateSandbox request(SandboxStatus original, SnapshotBuild build, int seconds) {
        NetworkPolicy network = original.network();
        Lifecycle lifecycle = original.lifecycle().withTimeout(NewSandbox.atLeastASecond(seconds));
        return new CreateSandbox(
                UUID.randomUUID(),
                original.teamId(),
                build.template(),
                build.buildId(),
                build.resources(),
                clock.instant().plusSeconds(seconds),
                original.accessToken().map(token -> sandboxes.token()),
                Map.of(),
                original.metadata(),
                new NetworkPolicy(
                        network.allowInternet(),
                        network.allowOut(),
                        network.denyOut(),
                        network.trafficAccessToken().map(token -> sandboxes.token()),
                        network.maskRequestHost()),
                lifecycle,
                true,
                original.isolation(),
                Optional.of(original.isolation()));
    }

    private static Outcome outcome(SandboxStatus original, Future<SandboxStatus> fork) {
        try {
            return new Outcome(Optional.of(fork.get()), Optional.empty());
        } catch (ExecutionException e) {
            RuntimeException cause = e.getCause() instanceof RuntimeException failure
                    ? failure
                    : new IllegalStateException(e.getCause());
            return failed(Failures.of(cause, "a fork of " + original.id()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return failed(new ApiException(503, "the server is stopping"));
        }
    }

    private static Outcome failed(ApiException failure) {
        return new Outcome(Optional.empty(), Optional.of(failure));
    }

    /** The node would do it by itself at its next start. */
    private void forget(SnapshotBuild build) {
        try {
            node.deleteSnapshot(build.template(), build.buildId());
        } catch (NodeException e) {
            if (e.kind() != NodeException.Kind.NOT_FOUND) {
                log.warn("the build {} that forks started from can't be deleted", build.buildId(), e);
            }
        }
    }
}
