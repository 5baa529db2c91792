package dev.holt.node.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Runs the snippets in the languages themselves. */
class SnippetsTest {
    private static final String ODD = "a'b\"c\\d $HOME `x` ü😀 ${y}\n";
    private static final Map<String, String> NEW = variables();

    private static Map<String, String> variables() {
        Map<String, String> variables = new LinkedHashMap<>();
        variables.put("ONE", ODD);
        variables.put("TWO", "second");
        return variables;
    }

    private static String run(List<String> command) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("TWO", "before");
        builder.environment().put("LANG", "C.UTF-8");
        builder.environment().remove("ONE");
        Process process = builder.start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    private static Snippets of(String language) {
        return Snippets.of(language, NEW, Map.of("TWO", "lasting")).orElseThrow();
    }

    private static final String EXPECTED = ODD + "|second\n" + "none|before\n";

    @Test
    void python() throws Exception {
        Snippets snippets = of("python");
        String show = "import os; print(os.environ.get('ONE', 'none') + '|' + os.environ['TWO'])";
        assertThat(run(List.of(
                        "python3", "-c", snippets.set() + "\n" + show + "\n" + snippets.restore() + "\n" + show)))
                .isEqualTo(EXPECTED);
    }

    @Test
    void pythonInTwoRunsInsideEachOther() throws Exception {
        Snippets outer = of("python");
        Snippets inner = Snippets.of("python", Map.of("TWO", "inner"), Map.of()).orElseThrow();
        String show = "print(__import__('os').environ['TWO'])";
        assertThat(run(List.of(
                        "python3",
                        "-c",
                        String.join(
                                "\n", outer.set(), inner.set(), show, inner.restore(), show, outer.restore(), show))))
                .isEqualTo("inner\nsecond\nbefore\n");
    }

    @Test
    void bash() throws Exception {
        Snippets snippets = of("bash");
        String show = "printf '%s|%s\\n' \"${ONE-none}\" \"$TWO\"";
        assertThat(run(List.of("bash", "-c", snippets.set() + show + "\n" + snippets.restore() + show)))
                .isEqualTo(EXPECTED);
    }

    @Test
    void javascript() throws Exception {
        Snippets snippets = of("javascript");
        String show = "console.log((process.env.ONE ?? 'none') + '|' + process.env.TWO);";
        assertThat(run(List.of("node", "-e", snippets.set() + show + snippets.restore() + show)))
                .isEqualTo(EXPECTED);
    }

    @Test
    void java() throws Exception {
        Snippets snippets = of("java");
        assertThat(snippets.set()).contains("\"a'b\\\"c\\\\d $HOME `x` \\u00fc\\ud83d\\ude00 ${y}\\n\"");
        assertThat(snippets.restore())
                .contains("System.clearProperty(\"ONE\");", "System.setProperty(\"TWO\",\"lasting\");");
    }

    @Test
    void r() {
        Snippets snippets = of("r");
        assertThat(snippets.set()).contains("`ONE`=\"a'b\\\"c\\\\d $HOME `x` \\U000000fc\\U0001f600 ${y}\\U0000000a\"");
    }

    @Test
    void languagesThatCanNot() {
        assertThat(Snippets.of("cobol", NEW, Map.of())).isEmpty();
        assertThat(Snippets.isName("A_1")).isTrue();
        for (String odd : List.of("", "1A", "A-B", "A B", "é", "A;B")) {
            assertThat(Snippets.isName(odd)).as(odd).isFalse();
        }
    }
}
