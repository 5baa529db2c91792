package dev.holt.node.envd;

import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestProcess;
import dev.holt.node.guest.ProcessStream;
import dev.holt.node.guest.StartProcess;
import dev.holt.node.logs.SandboxLog;
import dev.holt.nodeapi.LogEntry;
import dev.holt.wire.process.ProcessEvent;
import dev.holt.wire.process.ProcessSelector;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * The processes of one sandbox that clients can name. What an earlier daemon started is learnt from the agent when somebody
 * first asks for something that is not here.
 */
final class ProcessTable {
    /** How long an ended process can still be connected to. */
    private static final Duration RETENTION = Duration.ofSeconds(30);
    /** How many such ends are kept at most. */
    private static final int ENDED_MAXIMUM = 256;

    private final GuestAgent agent;
    private final SandboxLog log;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<Integer, RunningProcess> byPid = new LinkedHashMap<>();
    /** Nobody may start a process while the agent's list is being merged, lest it be taken for an earlier daemon's. */
    private final ReentrantReadWriteLock merging = new ReentrantReadWriteLock();

    private volatile boolean merged;

    ProcessTable(GuestAgent agent, SandboxLog log) {
        this.agent = agent;
        this.log = log;
    }

    RunningProcess start(StartProcess request, ProcessRecord record) {
        merging.readLock().lock();
        try {
            ProcessStream stream = agent.start(request);
            RunningProcess process =
                    new RunningProcess(agent, record, stream.pid(), stream.startId(), stream, this::ended);
            put(process);
            agent.prepare(); // the next command finds a connection
            log.write(
                    LogEntry.Level.INFO,
                    "Process with pid " + process.pid() + " started",
                    Map.of("command", String.join(" ", request.arguments()), "user", request.user()));
            return process;
        } finally {
            merging.readLock().unlock();
        }
    }

    private void put(RunningProcess process) {
        lock.lock();
        try {
            sweep();
            byPid.put(process.pid(), process);
        } finally {
            lock.unlock();
        }
    }

    private void sweep() {
        byPid.values().removeIf(process -> process.isOlderThan(RETENTION));
        List<RunningProcess> ended = byPid.values().stream()
                .filter(process -> process.end().isPresent())
                .toList();
        for (int i = 0; i < ended.size() - ENDED_MAXIMUM; i++) {
            byPid.remove(ended.get(i).pid(), ended.get(i));
        }
    }

    private void ended(RunningProcess process) {
        Optional<ProcessEvent.EndEvent> end = process.end();
        lock.lock();
        try {
            // Behind all others, so that the oldest ends come first.
            if (byPid.remove(process.pid(), process) && end.isPresent()) {
                byPid.put(process.pid(), process);
            }
            sweep();
        } finally {
            lock.unlock();
        }
        end.ifPresent(event -> log.write(
                LogEntry.Level.INFO,
                "Process with pid " + process.pid() + " ended",
                Map.of("status", event.getStatus())));
    }

    /** Those that run. */
    List<RunningProcess> running() {
        merge();
        List<RunningProcess> processes = all();
        if (processes.stream().anyMatch(RunningProcess::isUnattended)) {
            noticeEnds(processes, agent.processes());
        }
        return processes.stream().filter(RunningProcess::isRunning).toList();
    }

    private static void noticeEnds(List<RunningProcess> processes, List<GuestProcess> found) {
        for (RunningProcess process : processes) {
            boolean runs = found.stream()
                    .anyMatch(one -> one.pid() == process.pid() && one.startId() == process.startId() && !one.ended());
            if (!runs) {
                process.endedUnseen();
            }
        }
    }

    /** The process that {@code selector} names: a running one, else one that ended a moment ago. */
    Optional<RunningProcess> find(ProcessSelector selector) {
        Optional<RunningProcess> known = search(selector);
        if (known.isEmpty() && !merged) {
            merge();
            return search(selector);
        }
        return known;
    }

    private Optional<RunningProcess> search(ProcessSelector selector) {
        return all().stream()
                .filter(process -> selector.hasPid()
                        ? process.pid() == selector.getPid()
                        : process.record().tag().equals(Optional.of(selector.getTag())))
                // The newest of those with the same tag, a running one first.
                .max(Comparator.<RunningProcess>comparingInt(process -> process.isRunning() ? 1 : 0)
                        .thenComparingLong(RunningProcess::startId));
    }

    private List<RunningProcess> all() {
        lock.lock();
        try {
            sweep();
            return new ArrayList<>(byPid.values());
        } finally {
            lock.unlock();
        }
    }

    /** Learns of the processes that an earlier daemon started, once. */
    void merge() {
        if (merged) {
            return;
        }
        merging.writeLock().lock();
        try {
            if (merged) {
                return;
            }
            for (GuestProcess found : agent.processes()) {
                Optional<ProcessRecord> record = ProcessRecord.ofAnnotation(found.annotation());
                if (record.isPresent() && !isKnown(found)) {
                    RunningProcess process =
                            new RunningProcess(agent, record.get(), found.pid(), found.startId(), null, this::ended);
                    put(process);
                    if (found.ended()) {
                        process.endedUnseen();
                    } else {
                        process.killWhenDue();
                    }
                }
            }
            merged = true;
        } finally {
            merging.writeLock().unlock();
        }
    }

    private boolean isKnown(GuestProcess found) {
        lock.lock();
        try {
            RunningProcess known = byPid.get(found.pid());
            return known != null && known.startId() == found.startId();
        } finally {
            lock.unlock();
        }
    }

    /** Breaks off all that goes on with them. */
    void lose() {
        List<RunningProcess> processes = all();
        lock.lock();
        try {
            byPid.clear();
        } finally {
            lock.unlock();
        }
        processes.forEach(RunningProcess::lose);
    }
}
