package dev.holt.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The shell script at the root of the repository, as far as it can be tried without root and without a build. */
class HoltScriptTest {
    private static final Path SCRIPT = Path.of("../holt").toAbsolutePath().normalize();

    @TempDir
    Path directory;

    private record Ended(int exitCode, String output) {}

    @Test
    void bashTakesIt() throws Exception {
        assertThat(run(Map.of(), "bash", "-n", SCRIPT.toString()).output()).isEmpty();
    }

    @Test
    void shellcheckFindsNothing() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/shellcheck")), "shellcheck is installed by `holt test`");
        assertThat(run(Map.of(), "shellcheck", SCRIPT.toString()).output()).isEmpty();
    }

    @Test
    void theJavaInJavaHomeIsTakenWhenItIsNewEnough() throws Exception {
        String home = fakeJdk("good", "25.0.1");
        assertThat(inScript(Map.of("JAVA_HOME", home), "find_java; echo $JAVA_HOME")
                        .output()
                        .strip())
                .isEqualTo(home);
    }

    @Test
    void anotherDefaultJavaIsPassedOver() throws Exception {
        String old = fakeJdk("old", "17.0.15");
        fakeJdk("jvm/java-21", "21.0.4");
        fakeJdk("jvm/jdk-26", "26");
        String fitting = fakeJdk("jvm/jdk-25", "25.0.2+10-LTS");
        assertThat(inScript(Map.of("JAVA_HOME", old), "find_java; echo $JAVA_HOME")
                        .output()
                        .strip())
                .isEqualTo(fitting);
    }

    @Test
    void withoutAnyItSaysWhatToInstall() throws Exception {
        fakeJdk("jvm/java-21", "21.0.4");
        Ended ended = inScript(Map.of(), "find_java");
        assertThat(ended.exitCode()).isEqualTo(1);
        assertThat(ended.output())
                .contains("JDK 25 or later")
                .contains("To mend it")
                .contains("JAVA_HOME");
    }

    @Test
    void whatIsInstalledNeedsNoPackageManager() throws Exception {
        Ended ended = inScript(Map.of(), "PATH=/nonexistent; install_packages cd=bash /etc=base-files; echo done");
        assertThat(ended.output().strip()).isEqualTo("done");
    }

    @Test
    void aFailureIsTriedThreeTimes() throws Exception {
        Path tries = directory.resolve("tries");
        Ended ended = inScript(
                Map.of("TRIES", tries.toString()),
                "sleep() { :; }; flaky() { echo x >>\"$TRIES\"; false; }; retry flaky || echo gave up");
        assertThat(ended.output().strip()).isEqualTo("gave up");
        assertThat(Files.readAllLines(tries)).hasSize(3);
    }

    @Test
    void aStepThatFailsInTheMiddleFailsTheWhole() throws Exception {
        Ended ended = inScript(Map.of(), "sleep() { :; }; steps() ( set -e; false; echo on; ); retry steps || echo no");
        assertThat(ended.output().strip()).isEqualTo("no");
    }

    private String fakeJdk(String name, String version) throws IOException {
        Path home = directory.resolve(name);
        Files.createDirectories(home.resolve("bin"));
        Files.writeString(home.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\n");
        assertThat(Files.writeString(home.resolve("bin/javac"), "#!/bin/sh\n")
                        .toFile()
                        .setExecutable(true))
                .isTrue();
        return home.toString();
    }

    /** Runs lines after the script's own functions, with a directory of the test's in place of /usr/lib/jvm. */
    private Ended inScript(Map<String, String> variables, String lines) throws Exception {
        String text = Files.readString(SCRIPT);
        int dispatch = text.indexOf("\ncase ${1:-} in");
        assertThat(dispatch).isPositive();
        String functions = text.substring(0, dispatch)
                .replace("/usr/lib/jvm/*", directory.resolve("jvm") + "/*")
                .replace("${BASH_SOURCE[0]}", SCRIPT.toString());
        Path script = Files.writeString(directory.resolve("part.sh"), functions + "\n" + lines + "\n");
        return run(variables, "bash", script.toString());
    }

    private static Ended run(Map<String, String> variables, String... command) throws Exception {
        List<String> words = new ArrayList<>(List.of(command));
        ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
        builder.environment().remove("JAVA_HOME");
        builder.environment().putAll(variables);
        Process process = builder.start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ended(process.waitFor(), output);
    }
}
