package dev.holt.node.envd;

import com.google.protobuf.Message;
import dev.holt.node.guest.Errno;
import dev.holt.node.guest.GuestEntry;
import dev.holt.node.guest.GuestFailure;
import dev.holt.wire.connect.ConnectCode;
import dev.holt.wire.connect.ConnectFailure;
import dev.holt.wire.filesystem.ListDirRequest;
import dev.holt.wire.filesystem.ListDirResponse;
import dev.holt.wire.filesystem.MakeDirRequest;
import dev.holt.wire.filesystem.MakeDirResponse;
import dev.holt.wire.filesystem.MoveRequest;
import dev.holt.wire.filesystem.MoveResponse;
import dev.holt.wire.filesystem.RemoveRequest;
import dev.holt.wire.filesystem.RemoveResponse;
import dev.holt.wire.filesystem.StatRequest;
import dev.holt.wire.filesystem.StatResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/** The rpcs of the Filesystem service that answer at once; {@link WatchRpcs} has the others. */
final class FilesystemRpcs {
    /** A listing is held in memory as a whole; a hostile guest must not choose how large that is. */
    private static final int ENTRIES_MAXIMUM = 200_000;

    /** As envd lists: each directory before what is in it, names by their bytes. '/' sorts before every other character of a name. */
    private static final Comparator<GuestEntry> WALK_ORDER = Comparator.comparing(
            entry -> entry.path().replace('/', '\0').getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned);

    Map<String, Rpc> all() {
        return Map.of(
                "Stat", new Rpc.Unary<>(StatRequest.getDefaultInstance(), this::stat),
                "MakeDir", new Rpc.Unary<>(MakeDirRequest.getDefaultInstance(), this::makeDir),
                "Move", new Rpc.Unary<>(MoveRequest.getDefaultInstance(), this::move),
                "ListDir", new Rpc.Unary<>(ListDirRequest.getDefaultInstance(), this::listDir),
                "Remove", new Rpc.Unary<>(RemoveRequest.getDefaultInstance(), this::remove));
    }

    private Message stat(RpcCall call, StatRequest request) {
        GuestEntry entry;
        try {
            entry = call.agent().stat(call.user(), call.path(request.getPath()));
        } catch (GuestFailure failure) {
            if (failure.errno() == Errno.ENOTDIR) {
                // A path below a file: there is nothing, which is what the client asked.
                throw new ConnectFailure(ConnectCode.NOT_FOUND, "file not found: " + failure.text());
            }
            throw failure;
        }
        return StatResponse.newBuilder()
                .setEntry(EntryInfos.describe(call.agent(), entry))
                .build();
    }

    private Message makeDir(RpcCall call, MakeDirRequest request) {
        GuestEntry entry = call.agent().makeDirectory(call.user(), call.path(request.getPath()));
        return MakeDirResponse.newBuilder()
                .setEntry(EntryInfos.describe(call.agent(), entry))
                .build();
    }

    private Message move(RpcCall call, MoveRequest request) {
        GuestEntry entry =
                call.agent().move(call.user(), call.path(request.getSource()), call.path(request.getDestination()));
        return MoveResponse.newBuilder()
                .setEntry(EntryInfos.describe(call.agent(), entry))
                .build();
    }

    private Message listDir(RpcCall call, ListDirRequest request) {
        List<GuestEntry> entries = new ArrayList<>();
        call.agent().list(call.user(), call.path(request.getPath()), depth(request), entry -> {
            if (entries.size() == ENTRIES_MAXIMUM) {
                throw new ConnectFailure(
                        ConnectCode.RESOURCE_EXHAUSTED,
                        "the directory holds more than " + ENTRIES_MAXIMUM + " entries: list with less depth");
            }
            entries.add(entry);
        });
        entries.sort(WALK_ORDER);
        ListDirResponse.Builder answer = ListDirResponse.newBuilder();
        entries.forEach(entry -> answer.addEntries(EntryInfos.describe(call.agent(), entry)));
        return answer.build();
    }

    private static int depth(ListDirRequest request) {
        return request.getDepth() < 0 ? Integer.MAX_VALUE : Math.max(1, request.getDepth());
    }

    /** What is not there needs no removing. */
    private Message remove(RpcCall call, RemoveRequest request) {
        try {
            call.agent().remove(call.user(), call.path(request.getPath()));
        } catch (GuestFailure failure) {
            if (failure.errno() != Errno.ENOENT) {
                throw failure;
            }
        }
        return RemoveResponse.getDefaultInstance();
    }
}
