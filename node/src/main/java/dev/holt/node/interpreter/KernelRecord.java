package dev.holt.node.interpreter;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.holt.node.interpreter.jupyter.KernelPorts;
import dev.holt.wire.annotation.KernelAnnotation;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What is remembered of a kernel while its process runs, over restarts of the daemon, pauses and forks too: the guest's agent keeps
 * it as the process's annotation.
 *
 * @param language of its context, in the words of whoever made it
 * @param created when the context was made
 * @param environmentDigest of the sandbox's variables that it was started with
 */
record KernelRecord(
        String contextId,
        String language,
        String workingDirectory,
        String kernelName,
        boolean interruptByMessage,
        Instant created,
        KernelPorts ports,
        String environmentDigest) {
    private static final int VERSION = 1;

    byte[] toAnnotation() {
        return KernelAnnotation.newBuilder()
                .setVersion(VERSION)
                .setContextId(contextId)
                .setLanguage(language)
                .setWorkingDirectory(workingDirectory)
                .setKernelName(kernelName)
                .setInterruptByMessage(interruptByMessage)
                .setCreatedUnixMilliseconds(created.toEpochMilli())
                .setShellPort(ports.shell())
                .setIopubPort(ports.iopub())
                .setStdinPort(ports.stdin())
                .setControlPort(ports.control())
                .setHeartbeatPort(ports.heartbeat())
                .setKey(ports.key())
                .setEnvironmentDigest(environmentDigest)
                .build()
                .toByteArray();
    }

    /** The record of an annotation, or empty when it is none of a kernel. */
    static Optional<KernelRecord> ofAnnotation(byte[] bytes) {
        KernelAnnotation annotation;
        try {
            annotation = KernelAnnotation.parseFrom(bytes);
        } catch (InvalidProtocolBufferException notOurs) {
            return Optional.empty();
        }
        if (annotation.getVersion() < VERSION || annotation.getKey().isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new KernelRecord(
                annotation.getContextId(),
                annotation.getLanguage(),
                annotation.getWorkingDirectory(),
                annotation.getKernelName(),
                annotation.getInterruptByMessage(),
                Instant.ofEpochMilli(annotation.getCreatedUnixMilliseconds()),
                new KernelPorts(
                        annotation.getShellPort(),
                        annotation.getIopubPort(),
                        annotation.getStdinPort(),
                        annotation.getControlPort(),
                        annotation.getHeartbeatPort(),
                        annotation.getKey()),
                annotation.getEnvironmentDigest()));
    }

    /** Tells environments apart. */
    static String digest(Map<String, String> environment) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            new TreeMap<>(environment)
                    .forEach((name, value) ->
                            digest.update((name.length() + ":" + name + "=" + value.length() + ":" + value)
                                    .getBytes(StandardCharsets.UTF_8)));
            return HexFormat.of().formatHex(digest.digest(), 0, 16);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every JDK has SHA-256", impossible);
        }
    }
}
