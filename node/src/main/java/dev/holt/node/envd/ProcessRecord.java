package dev.holt.node.envd;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.holt.node.guest.StartProcess;
import dev.holt.wire.annotation.ProcessAnnotation;
import dev.holt.wire.process.ProcessConfig;
import java.time.Instant;
import java.util.Optional;

/**
 * What is remembered of a process while it runs, over restarts of the daemon too: the agent keeps it as the annotation.
 *
 * @param terminal whether it has one
 * @param input whether its stdin was open at first
 * @param deadline when it is to be killed
 */
record ProcessRecord(
        ProcessConfig config, Optional<String> tag, boolean terminal, boolean input, Optional<Instant> deadline) {
    private static final int VERSION = 1;

    /** The annotation, cut to what the agent keeps. */
    byte[] toAnnotation() {
        ProcessAnnotation.Builder annotation = ProcessAnnotation.newBuilder()
                .setVersion(VERSION)
                .setConfig(config)
                .setTerminal(terminal)
                .setInput(input)
                .setDeadlineUnixMilliseconds(deadline.map(Instant::toEpochMilli).orElse(0L));
        tag.ifPresent(annotation::setTag);
        ProcessConfig.Builder config = annotation.getConfigBuilder();
        byte[] bytes = annotation.build().toByteArray();
        if (bytes.length > StartProcess.ANNOTATION_MAXIMUM) {
            config.clearEnvs();
            bytes = annotation.build().toByteArray();
        }
        while (bytes.length > StartProcess.ANNOTATION_MAXIMUM && shorten(config, annotation)) {
            bytes = annotation.build().toByteArray();
        }
        return bytes;
    }

    /** Halves the longest of the texts. */
    private static boolean shorten(ProcessConfig.Builder config, ProcessAnnotation.Builder annotation) {
        int last = config.getArgsCount() - 1;
        if (last >= 0) {
            String argument = config.getArgs(last);
            if (argument.length() > 1 && last < 8) {
                config.setArgs(last, argument.substring(0, argument.length() / 2));
            } else {
                java.util.List<String> kept =
                        java.util.List.copyOf(config.getArgsList().subList(0, last));
                config.clearArgs().addAllArgs(kept);
            }
            return true;
        }
        if (config.getCwd().length() > 1) {
            config.setCwd(config.getCwd().substring(0, config.getCwd().length() / 2));
            return true;
        }
        if (config.getCmd().length() > 1) {
            config.setCmd(config.getCmd().substring(0, config.getCmd().length() / 2));
            return true;
        }
        boolean tagged = annotation.hasTag();
        annotation.clearTag();
        return tagged;
    }

    /** The record of an annotation, or empty when it is none of ours. */
    static Optional<ProcessRecord> ofAnnotation(byte[] bytes) {
        try {
            ProcessAnnotation annotation = ProcessAnnotation.parseFrom(bytes);
            if (annotation.getVersion() < VERSION) {
                return Optional.empty();
            }
            long deadline = annotation.getDeadlineUnixMilliseconds();
            return Optional.of(new ProcessRecord(
                    annotation.getConfig(),
                    annotation.hasTag() ? Optional.of(annotation.getTag()) : Optional.empty(),
                    annotation.getTerminal(),
                    annotation.getInput(),
                    deadline == 0 ? Optional.empty() : Optional.of(Instant.ofEpochMilli(deadline))));
        } catch (InvalidProtocolBufferException notOurs) {
            return Optional.empty();
        }
    }
}
