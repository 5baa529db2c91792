import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import jdk.jshell.Diag;
import jdk.jshell.EvalException;
import jdk.jshell.JShell;
import jdk.jshell.JShellException;
import jdk.jshell.Snippet;
import jdk.jshell.SnippetEvent;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.UnresolvedReferenceException;

/**
 * The process of the Java kernel: a JShell in this JVM. Orders come on standard input, a letter and a number of bytes in a line and
 * then the bytes: c for a cell, i to stop the one that runs. How a cell ended goes to the descriptor given as argument, in one line of JSON.
 */
public final class HoltShell {
    private static final String IMPORTS = "import java.io.*; import java.math.*; import java.net.*; import java.nio.file.*;"
            + " import java.time.*; import java.util.*; import java.util.concurrent.*; import java.util.function.*;"
            + " import java.util.regex.*; import java.util.stream.*;";

    private final JShell shell;
    private final OutputStream outcomes;

    private HoltShell(JShell shell, OutputStream outcomes) {
        this.shell = shell;
        this.outcomes = outcomes;
    }

    public static void main(String[] arguments) throws IOException {
        DataInputStream orders = new DataInputStream(System.in);
        System.setIn(new ByteArrayInputStream(new byte[0])); // orders are not for cells to read
        OutputStream outcomes = new FileOutputStream("/proc/self/fd/" + arguments[0]);
        JShell shell = JShell.builder()
                .executionEngine("local")
                .in(InputStream.nullInputStream())
                .out(System.out)
                .err(System.err)
                .build();
        HoltShell holt = new HoltShell(shell, outcomes);
        holt.run(IMPORTS + " 1 + 1"); // loads the compiler before the first cell needs it
        ExecutorService cells = Executors.newSingleThreadExecutor();
        while (true) {
            String order = line(orders);
            if (order.isEmpty()) {
                System.exit(0);
            }
            byte[] text = new byte[Integer.parseInt(order.substring(1))];
            orders.readFully(text);
            if (order.charAt(0) == 'i') {
                shell.stop();
            } else {
                cells.execute(() -> holt.run(new String(text, StandardCharsets.UTF_8)));
            }
        }
    }

    private static String line(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int next = in.read(); next >= 0 && next != '\n'; next = in.read()) {
            line.append((char) next);
        }
        return line.toString();
    }

    private void run(String cell) {
        String outcome;
        try {
            outcome = evaluate(cell);
        } catch (Throwable e) {
            outcome = error(e.getClass().getName(), String.valueOf(e.getMessage()), List.of());
        }
        System.out.flush();
        System.err.flush();
        try {
            outcomes.write((outcome + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            System.exit(1); // nobody listens any more
        }
    }

    /** Runs snippet after snippet up to the first that fails. The value of the last one is the cell's, if it has one. */
    private String evaluate(String cell) {
        SnippetEvent last = null;
        String left = cell;
        while (!left.isBlank()) {
            SourceCodeAnalysis.CompletionInfo next = shell.sourceCodeAnalysis().analyzeCompletion(left);
            String source = next.source();
            if (source == null || source.isBlank()) {
                if (next.completeness() == SourceCodeAnalysis.Completeness.EMPTY) {
                    break; // comments
                }
                source = left;
            }
            boolean rest = next.completeness().isComplete() && next.remaining() != null;
            for (SnippetEvent event : shell.eval(source)) {
                String failure = failure(event);
                if (failure != null) {
                    return failure;
                }
                if (event.causeSnippet() == null) {
                    last = event;
                }
            }
            left = rest ? next.remaining() : "";
        }
        String value = last == null ? null : value(last);
        return "{\"status\": \"ok\"" + (value == null ? "" : ", \"text\": " + quoted(value)) + "}";
    }

    private static String value(SnippetEvent event) {
        Snippet.SubKind kind = event.snippet().subKind();
        boolean expression = event.snippet().kind() == Snippet.Kind.EXPRESSION
                || kind == Snippet.SubKind.TEMP_VAR_EXPRESSION_SUBKIND;
        String value = event.value();
        if (!expression || value == null) {
            return null;
        }
        boolean text = value.length() > 1 && value.startsWith("\"") && value.endsWith("\"");
        return text ? value.substring(1, value.length() - 1).translateEscapes() : value;
    }

    /** How a snippet failed; null when it did not. */
    private String failure(SnippetEvent event) {
        JShellException thrown = event.exception();
        if (thrown instanceof EvalException) {
            EvalException exception = (EvalException) thrown;
            return error(exception.getExceptionClassName(), String.valueOf(exception.getMessage()), trace(exception));
        }
        if (thrown instanceof UnresolvedReferenceException) {
            UnresolvedReferenceException missing = (UnresolvedReferenceException) thrown;
            List<String> names = new ArrayList<>();
            shell.unresolvedDependencies(missing.getSnippet()).forEach(names::add);
            return error("UnresolvedReference", "what this uses is not defined yet: " + String.join(", ", names), List.of());
        }
        if (event.status() != Snippet.Status.REJECTED) {
            return null;
        }
        List<String> lines = new ArrayList<>();
        String first = "it is no Java that JShell understands";
        for (Diag diag : (Iterable<Diag>) shell.diagnostics(event.snippet())::iterator) {
            String message = diag.getMessage(java.util.Locale.ROOT);
            if (diag.isError() && lines.isEmpty()) {
                first = message;
            }
            String source = event.snippet().source();
            int start = (int) Math.max(0, Math.min(source.length(), diag.getStartPosition()));
            int end = (int) Math.max(start, Math.min(source.length(), diag.getEndPosition()));
            lines.add(message);
            if (end > start) {
                lines.add("    " + source.substring(start, end).replace("\n", "\n    "));
            }
        }
        return error("CompilationError", first, lines);
    }

    private static List<String> trace(Throwable exception) {
        List<String> lines = new ArrayList<>();
        String prefix = "";
        for (Throwable at = exception; at != null && lines.size() < 200; at = at.getCause()) {
            String name = at instanceof EvalException ? ((EvalException) at).getExceptionClassName() : at.getClass().getName();
            lines.add(prefix + name + (at.getMessage() == null ? "" : ": " + at.getMessage()));
            for (StackTraceElement frame : at.getStackTrace()) {
                lines.add("    at " + frame);
            }
            prefix = "Caused by: ";
        }
        return lines;
    }

    private static String error(String name, String value, List<String> trace) {
        List<String> quoted = new ArrayList<>();
        trace.forEach(line -> quoted.add(quoted(line)));
        return "{\"status\": \"error\", \"name\": " + quoted(name) + ", \"value\": " + quoted(value) + ", \"traceback\": ["
                + String.join(", ", quoted) + "]}";
    }

    private static String quoted(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (char letter : text.toCharArray()) {
            if (letter == '"' || letter == '\\') {
                json.append('\\').append(letter);
            } else if (letter < ' ' || letter > '~') {
                json.append(String.format("\\u%04x", (int) letter));
            } else {
                json.append(letter);
            }
        }
        return json.append('"').toString();
    }
}
