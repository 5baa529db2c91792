package dev.holt.node.envd;

import com.google.protobuf.Message;
import dev.holt.http.ClientWatch;
import dev.holt.node.guest.GuestFailure;
import dev.holt.node.guest.StartProcess;
import dev.holt.wire.connect.ConnectCode;
import dev.holt.wire.connect.ConnectFailure;
import dev.holt.wire.process.CloseStdinRequest;
import dev.holt.wire.process.CloseStdinResponse;
import dev.holt.wire.process.ConnectRequest;
import dev.holt.wire.process.ListRequest;
import dev.holt.wire.process.ListResponse;
import dev.holt.wire.process.ProcessConfig;
import dev.holt.wire.process.ProcessInfo;
import dev.holt.wire.process.ProcessInput;
import dev.holt.wire.process.ProcessSelector;
import dev.holt.wire.process.SendInputRequest;
import dev.holt.wire.process.SendInputResponse;
import dev.holt.wire.process.SendSignalRequest;
import dev.holt.wire.process.SendSignalResponse;
import dev.holt.wire.process.StartRequest;
import dev.holt.wire.process.StreamInputRequest;
import dev.holt.wire.process.StreamInputResponse;
import dev.holt.wire.process.UpdateRequest;
import dev.holt.wire.process.UpdateResponse;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The rpcs of the Process service. */
final class ProcessRpcs {
    /** How long a request's own thread pumps: most commands are over by then and need no other thread. */
    private static final Duration OWN_PUMPING = Duration.ofMillis(20);

    private static final int TERMINAL_MAXIMUM = 0xffff;

    Map<String, Rpc> all() {
        return Map.of(
                "List", new Rpc.Unary<>(ListRequest.getDefaultInstance(), this::list),
                "Start", new Rpc.ServerStream<>(StartRequest.getDefaultInstance(), this::start),
                "Connect", new Rpc.ServerStream<>(ConnectRequest.getDefaultInstance(), this::connect),
                "Update", new Rpc.Unary<>(UpdateRequest.getDefaultInstance(), this::update),
                "SendInput", new Rpc.Unary<>(SendInputRequest.getDefaultInstance(), this::sendInput),
                "StreamInput", new Rpc.ClientStream<>(StreamInputRequest.getDefaultInstance(), this::streamInput),
                "SendSignal", new Rpc.Unary<>(SendSignalRequest.getDefaultInstance(), this::sendSignal),
                "CloseStdin", new Rpc.Unary<>(CloseStdinRequest.getDefaultInstance(), this::closeStdin));
    }

    private Message list(RpcCall call, ListRequest request) {
        call.requireKnownUser();
        ListResponse.Builder answer = ListResponse.newBuilder();
        for (RunningProcess process : call.state().processes().running()) {
            ProcessInfo.Builder info = answer.addProcessesBuilder()
                    .setConfig(process.record().config())
                    .setPid(process.pid());
            process.record().tag().ifPresent(info::setTag);
        }
        return answer.build();
    }

    private void start(RpcCall call, StartRequest request, StreamAnswer answer) throws IOException {
        RunningProcess process = launch(call, request);
        Subscriber subscriber = new Subscriber(answer, call.keepalive());
        subscriber.start(process.pid());
        process.begin(subscriber);
        subscriber.flush();
        if (!process.pump(Deadline.in(OWN_PUMPING))) {
            process.pumpAside();
        }
        if (follow(call, process, subscriber) == Subscriber.State.OPEN) {
            process.killAtDeadline();
            throw deadlineExceeded();
        }
    }

    private static RunningProcess launch(RpcCall call, StartRequest request) {
        ProcessConfig config = request.getProcess();
        if (config.getCmd().isEmpty()) {
            throw new ConnectFailure(ConnectCode.INVALID_ARGUMENT, "process.cmd is empty: there is nothing to start");
        }
        Map<String, String> environment = new HashMap<>(call.sandbox().environment());
        environment.putAll(config.getEnvsMap());
        List<String> arguments = new ArrayList<>(config.getArgsCount() + 1);
        arguments.add(config.getCmd());
        arguments.addAll(config.getArgsList());
        ProcessRecord record = new ProcessRecord(
                config,
                request.hasTag() ? Optional.of(request.getTag()) : Optional.empty(),
                request.hasPty(),
                !request.hasStdin() || request.getStdin(),
                call.timeout().map(timeout -> Instant.now().plus(timeout)));
        Optional<StartProcess.TerminalSize> terminal = request.hasPty()
                ? Optional.of(new StartProcess.TerminalSize(
                        terminalSize(request.getPty().getSize().getCols()),
                        terminalSize(request.getPty().getSize().getRows())))
                : Optional.empty();
        StartProcess start = new StartProcess(
                call.user(),
                call.path(config.getCwd()),
                arguments,
                environment,
                terminal,
                record.input(),
                record.toAnnotation());
        try {
            return call.state().processes().start(start, record);
        } catch (GuestFailure failure) {
            throw GuestErrors.ofStart(failure, String.join(" ", arguments));
        }
    }

    private static int terminalSize(int asked) {
        return asked < 0 ? TERMINAL_MAXIMUM : Math.min(asked, TERMINAL_MAXIMUM);
    }

    private void connect(RpcCall call, ConnectRequest request, StreamAnswer answer) throws IOException {
        call.requireKnownUser();
        RunningProcess process = find(call, request.getProcess());
        Subscriber subscriber = new Subscriber(answer, call.keepalive());
        subscriber.start(process.pid());
        try {
            process.subscribe(subscriber);
        } catch (GuestFailure failure) {
            answer.discard();
            throw failure;
        }
        subscriber.flush();
        if (follow(call, process, subscriber) == Subscriber.State.OPEN) {
            throw deadlineExceeded();
        }
    }

    /** Waits until the subscriber was told everything, or the call's time is over (then it is still open). */
    private static Subscriber.State follow(RpcCall call, RunningProcess process, Subscriber subscriber) {
        if (subscriber.state() == Subscriber.State.OPEN) {
            try (ClientWatch watch = ClientWatch.watch(call.request(), subscriber::clientGone)) {
                subscriber.await(call.deadline());
            } finally {
                process.unsubscribe(subscriber);
            }
        }
        return switch (subscriber.state()) {
            case OPEN -> Subscriber.State.OPEN;
            case TOLD -> Subscriber.State.TOLD;
            case GONE -> throw new BrokenStreamException("the client went away");
            case BROKEN -> throw new BrokenStreamException("the sandbox of process " + process.pid() + " went away");
        };
    }

    private static ConnectFailure deadlineExceeded() {
        return new ConnectFailure(ConnectCode.DEADLINE_EXCEEDED, "context deadline exceeded");
    }

    private Message update(RpcCall call, UpdateRequest request) {
        call.requireKnownUser();
        RunningProcess process = findRunning(call, request.getProcess());
        if (request.hasPty()) {
            process.resize(
                    terminalSize(request.getPty().getSize().getCols()),
                    terminalSize(request.getPty().getSize().getRows()));
        }
        return UpdateResponse.getDefaultInstance();
    }

    private Message sendInput(RpcCall call, SendInputRequest request) {
        call.requireKnownUser();
        input(call, findRunning(call, request.getProcess()), request.getInput());
        return SendInputResponse.getDefaultInstance();
    }

    private Message streamInput(RpcCall call, RpcCall.Incoming<StreamInputRequest> messages) throws IOException {
        call.requireKnownUser();
        RunningProcess process = null;
        for (Optional<StreamInputRequest> next = messages.next(); next.isPresent(); next = messages.next()) {
            StreamInputRequest message = next.get();
            switch (message.getEventCase()) {
                case START -> process = findRunning(call, message.getStart().getProcess());
                case DATA -> input(call, started(process), message.getData().getInput());
                case KEEPALIVE -> {}
                case EVENT_NOT_SET ->
                    throw new ConnectFailure(
                            ConnectCode.UNIMPLEMENTED, "a message with neither start, data nor keepalive");
            }
            if (call.deadline().isOver()) {
                throw deadlineExceeded();
            }
        }
        return StreamInputResponse.getDefaultInstance();
    }

    private static RunningProcess started(@Nullable RunningProcess process) {
        if (process == null) {
            throw new ConnectFailure(
                    ConnectCode.INVALID_ARGUMENT, "data came before start, which says what process it is for");
        }
        return process;
    }

    private static void input(RpcCall call, RunningProcess process, ProcessInput input) {
        switch (input.getInputCase()) {
            case STDIN -> process.input(input.getStdin().toByteArray(), false, call.deadline(), call::awaitInput);
            case PTY -> process.input(input.getPty().toByteArray(), true, call.deadline(), call::awaitInput);
            case INPUT_NOT_SET ->
                throw new ConnectFailure(ConnectCode.UNIMPLEMENTED, "input is neither for stdin nor for a pty");
        }
    }

    private Message sendSignal(RpcCall call, SendSignalRequest request) {
        call.requireKnownUser();
        RunningProcess process = findRunning(call, request.getProcess());
        switch (request.getSignal()) {
            case SIGNAL_SIGKILL, SIGNAL_SIGTERM -> process.signal(request.getSignalValue());
            default ->
                throw new ConnectFailure(ConnectCode.UNIMPLEMENTED, "invalid signal: " + request.getSignalValue());
        }
        return SendSignalResponse.getDefaultInstance();
    }

    private Message closeStdin(RpcCall call, CloseStdinRequest request) {
        call.requireKnownUser();
        findRunning(call, request.getProcess()).closeInput(call.deadline(), call::awaitInput);
        return CloseStdinResponse.getDefaultInstance();
    }

    private static RunningProcess findRunning(RpcCall call, ProcessSelector selector) {
        RunningProcess process = find(call, selector);
        if (!process.isRunning()) {
            throw notFound(selector);
        }
        return process;
    }

    private static RunningProcess find(RpcCall call, ProcessSelector selector) {
        if (selector.getSelectorCase() == ProcessSelector.SelectorCase.SELECTOR_NOT_SET) {
            throw new ConnectFailure(ConnectCode.UNIMPLEMENTED, "the selector names neither a pid nor a tag");
        }
        return call.state().processes().find(selector).orElseThrow(() -> notFound(selector));
    }

    private static ConnectFailure notFound(ProcessSelector selector) {
        String what =
                selector.hasPid() ? "pid " + Integer.toUnsignedString(selector.getPid()) : "tag " + selector.getTag();
        return new ConnectFailure(ConnectCode.NOT_FOUND, "process with " + what + " not found");
    }
}
