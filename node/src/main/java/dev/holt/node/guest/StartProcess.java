package dev.holt.node.guest;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A process to start.
 *
 * @param workingDirectory empty is the user's home
 * @param arguments the first is the program, looked up in the PATH of {@code environment}
 * @param environment all of it, except HOME, USER, LOGNAME, SHELL and PATH, which the agent adds where absent
 * @param terminal its size when the process gets one
 * @param input whether stdin is a pipe; else /dev/null (a terminal is always both)
 * @param annotation at most {@link #ANNOTATION_MAXIMUM} bytes that the agent keeps with the process
 */
public record StartProcess(
        String user,
        String workingDirectory,
        List<String> arguments,
        Map<String, String> environment,
        Optional<TerminalSize> terminal,
        boolean input,
        byte[] annotation) {
    /** The most bytes that the agent keeps with a process. */
    public static final int ANNOTATION_MAXIMUM = 4096;

    private static final int FLAG_TERMINAL = 1;
    private static final int FLAG_INPUT = 2;

    /** In characters, 0 to 65535. */
    public record TerminalSize(int columns, int rows) {}

    public StartProcess {
        arguments = List.copyOf(arguments);
        environment = Map.copyOf(environment);
    }

    FrameBuilder encode() {
        FrameBuilder frame = new FrameBuilder()
                .frame(FrameType.START)
                .text(user)
                .text(workingDirectory)
                .texts(arguments);
        frame.u32(environment.size());
        environment.forEach((name, value) -> frame.text(name + "=" + value));
        frame.u8((terminal.isPresent() ? FLAG_TERMINAL : 0) | (input ? FLAG_INPUT : 0));
        frame.u16(terminal.map(TerminalSize::columns).orElse(0));
        return frame.u16(terminal.map(TerminalSize::rows).orElse(0)).bytes(annotation);
    }
}
