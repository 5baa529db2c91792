package dev.holt.node.envd;

import com.google.protobuf.Message;
import dev.holt.http.ClientWatch;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestCutOff;
import dev.holt.node.guest.GuestUnreachable;
import dev.holt.node.guest.WatchStream;
import dev.holt.wire.connect.ConnectCode;
import dev.holt.wire.connect.ConnectFailure;
import dev.holt.wire.connect.Envelope;
import dev.holt.wire.filesystem.CreateWatcherRequest;
import dev.holt.wire.filesystem.CreateWatcherResponse;
import dev.holt.wire.filesystem.EventType;
import dev.holt.wire.filesystem.FilesystemEvent;
import dev.holt.wire.filesystem.GetWatcherEventsRequest;
import dev.holt.wire.filesystem.GetWatcherEventsResponse;
import dev.holt.wire.filesystem.RemoveWatcherRequest;
import dev.holt.wire.filesystem.RemoveWatcherResponse;
import dev.holt.wire.filesystem.WatchDirRequest;
import dev.holt.wire.filesystem.WatchDirResponse;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The rpcs that watch directories: as a stream, and with a watcher that is asked for what happened since. */
final class WatchRpcs {
    Map<String, Rpc> all() {
        return Map.of(
                "WatchDir", new Rpc.ServerStream<>(WatchDirRequest.getDefaultInstance(), this::watchDir),
                "CreateWatcher", new Rpc.Unary<>(CreateWatcherRequest.getDefaultInstance(), this::createWatcher),
                "GetWatcherEvents",
                        new Rpc.Unary<>(GetWatcherEventsRequest.getDefaultInstance(), this::getWatcherEvents),
                "RemoveWatcher", new Rpc.Unary<>(RemoveWatcherRequest.getDefaultInstance(), this::removeWatcher));
    }

    private void watchDir(RpcCall call, WatchDirRequest request, StreamAnswer answer) throws IOException {
        try (WatchStream watch = call.agent()
                        .watch(
                                call.user(),
                                call.path(request.getPath()),
                                request.getRecursive(),
                                request.getIncludeEntry(),
                                request.getAllowNetworkMounts());
                SandboxState.Lease lease = call.state().whenForgotten(watch::close)) {
            send(
                    answer,
                    WatchDirResponse.newBuilder()
                            .setStart(WatchDirResponse.StartEvent.getDefaultInstance())
                            .build());
            answer.flush();
            try (ClientWatch client = ClientWatch.watch(call.request(), watch::close)) {
                tell(call, watch, answer);
            } catch (GuestCutOff cut) {
                throw cut; // for the client to be told
            } catch (GuestUnreachable gone) {
                // Either the client went away and the watch was closed for that, or the sandbox did.
                throw new BrokenStreamException("the watch broke off", gone);
            }
        }
    }

    private static void tell(RpcCall call, WatchStream watch, StreamAnswer answer) throws IOException {
        Duration keepalive = call.keepalive();
        for (; ; ) {
            long silence = answer.lastWrite() + keepalive.toNanos() - System.nanoTime();
            long patience = Math.min(silence, call.deadline().nanosLeft());
            Duration wait = Duration.ofMillis(Math.max(1, TimeUnit.NANOSECONDS.toMillis(patience)));
            switch (watch.poll(wait)) {
                case WatchStream.Event event ->
                    send(
                            answer,
                            WatchDirResponse.newBuilder()
                                    .setFilesystem(describe(call.agent(), event))
                                    .build());
                case WatchStream.Synced unasked -> {}
                case WatchStream.Ended ended -> {
                    return;
                }
                case WatchStream.Quiet quiet -> {
                    if (System.nanoTime() - answer.lastWrite() >= keepalive.toNanos()) {
                        send(
                                answer,
                                WatchDirResponse.newBuilder()
                                        .setKeepalive(WatchDirResponse.KeepAlive.getDefaultInstance())
                                        .build());
                    }
                }
            }
            if (!watch.hasMore()) {
                answer.flush();
            }
            if (call.deadline().isOver()) {
                throw new ConnectFailure(ConnectCode.DEADLINE_EXCEEDED, "context deadline exceeded");
            }
        }
    }

    private static void send(StreamAnswer answer, WatchDirResponse message) {
        answer.add(Envelope.wrap(0, answer.format().encode(message)));
    }

    static FilesystemEvent describe(GuestAgent agent, WatchStream.Event event) {
        FilesystemEvent.Builder description = FilesystemEvent.newBuilder()
                .setName(event.path())
                .setType(
                        switch (event.kind()) {
                            case CREATE -> EventType.EVENT_TYPE_CREATE;
                            case WRITE -> EventType.EVENT_TYPE_WRITE;
                            case REMOVE -> EventType.EVENT_TYPE_REMOVE;
                            case RENAME -> EventType.EVENT_TYPE_RENAME;
                            case CHMOD -> EventType.EVENT_TYPE_CHMOD;
                        });
        event.entry().ifPresent(entry -> description.setEntry(EntryInfos.describe(agent, entry)));
        return description.build();
    }

    private Message createWatcher(RpcCall call, CreateWatcherRequest request) {
        WatchStream watch = call.agent()
                .watch(
                        call.user(),
                        call.path(request.getPath()),
                        request.getRecursive(),
                        request.getIncludeEntry(),
                        request.getAllowNetworkMounts());
        String id = call.state().watchers().add(call.agent(), watch);
        return CreateWatcherResponse.newBuilder().setWatcherId(id).build();
    }

    private Message getWatcherEvents(RpcCall call, GetWatcherEventsRequest request) {
        call.requireKnownUser();
        return GetWatcherEventsResponse.newBuilder()
                .addAllEvents(find(call, request.getWatcherId()).take())
                .build();
    }

    private Message removeWatcher(RpcCall call, RemoveWatcherRequest request) {
        call.requireKnownUser();
        find(call, request.getWatcherId());
        call.state().watchers().remove(request.getWatcherId());
        return RemoveWatcherResponse.getDefaultInstance();
    }

    private static Watchers.Watcher find(RpcCall call, String id) {
        return call.state()
                .watchers()
                .find(id)
                .orElseThrow(() -> new ConnectFailure(ConnectCode.NOT_FOUND, "watcher with id " + id + " not found"));
    }
}
