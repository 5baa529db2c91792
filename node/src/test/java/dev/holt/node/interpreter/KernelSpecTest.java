package dev.holt.node.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.node.interpreter.jupyter.KernelPorts;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class KernelSpecTest {
    private static KernelSpec spec(String name, String language) {
        return KernelSpec.parse(
                        name,
                        "/usr/local/share/jupyter/kernels/" + name,
                        ("{\"argv\":[\"run\",\"-f\",\"{connection_file}\",\"{resource_dir}/x\",\"{prefix}\"],\"language\":\""
                                        + language + "\",\"env\":{\"P\":\"${PATH}:more\",\"Q\":\"${NOT_THERE}\"}}")
                                .getBytes(StandardCharsets.UTF_8))
                .orElseThrow();
    }

    @Test
    void placeholdersAreFilledIn() {
        assertThat(spec("python3", "python").commandLine("/run/k.json"))
                .containsExactly(
                        "run", "-f", "/run/k.json", "/usr/local/share/jupyter/kernels/python3/x", "/usr/local");
        Map<String, String> environment =
                spec("python3", "python").processEnvironment(Map.of("PATH", "/bin", "A", "$1"));
        assertThat(environment)
                .containsEntry("P", "/bin:more")
                .containsEntry("Q", "${NOT_THERE}")
                .containsEntry("A", "$1")
                .containsEntry("LANG", "C.UTF-8");
    }

    @Test
    void aKernelIsChosenByNameAndByLanguage() {
        List<KernelSpec> all = List.of(
                spec("anaconda", "python"),
                spec("python3", "python"),
                spec("ir", "R"),
                spec("deno", "JavaScript"),
                spec("xpython", "python"));
        assertThat(KernelSpecs.choose(all, "python")).map(KernelSpec::name).contains("python3");
        assertThat(KernelSpecs.choose(all, "xpython")).map(KernelSpec::name).contains("xpython");
        assertThat(KernelSpecs.choose(all, "r")).map(KernelSpec::name).contains("ir");
        assertThat(KernelSpecs.choose(all, "javascript")).map(KernelSpec::name).contains("deno");
        assertThat(KernelSpecs.choose(all, "typescript")).map(KernelSpec::name).contains("deno");
        assertThat(KernelSpecs.choose(all, "java")).isEmpty();
    }

    @Test
    void whatStartsNothingIsNone() {
        for (String json : List.of("", "{", "[]", "{}", "{\"argv\":[]}", "{\"argv\":\"x\"}", "7")) {
            assertThat(KernelSpec.parse("n", "/d", json.getBytes(StandardCharsets.UTF_8)))
                    .as(json)
                    .isEmpty();
        }
    }

    @Test
    void languagesHaveOneNameEach() {
        assertThat(Languages.normalize(" JS ")).isEqualTo("javascript");
        assertThat(Languages.normalize("ts")).isEqualTo("typescript");
        assertThat(Languages.normalize("Python3")).isEqualTo("python");
        assertThat(Languages.normalize("R")).isEqualTo("r");
    }

    @Property(tries = 200)
    void whatTheAgentKeepsIsUnderstoodAgain(
            @ForAll String context, @ForAll String language, @ForAll String directory, @ForAll boolean byMessage) {
        KernelRecord record = new KernelRecord(
                sound(context),
                sound(language),
                sound(directory),
                "python3",
                byMessage,
                Instant.ofEpochMilli(1234),
                new KernelPorts(1, 2, 3, 4, 5, "key"),
                KernelRecord.digest(Map.of("A", "1")));
        assertThat(KernelRecord.ofAnnotation(record.toAnnotation())).contains(record);
    }

    private static String sound(String text) {
        return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
    }

    @Property(tries = 500)
    void anyOtherAnnotationIsNoKernels(@ForAll byte[] annotation) {
        assertThat(KernelRecord.ofAnnotation(annotation)).isEmpty();
    }

    @Test
    void environmentsAreToldApart() {
        assertThat(KernelRecord.digest(Map.of("A", "1", "B", "2")))
                .isEqualTo(KernelRecord.digest(Map.of("B", "2", "A", "1")))
                .isNotEqualTo(KernelRecord.digest(Map.of("A", "1B", "", "2")));
    }

    @Test
    void usedPortsAreReadFromTheKernelsTable() {
        Set<Integer> ports = new HashSet<>();
        KernelStarter.readPorts("""
                  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
                   0: 00000000:C33F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
                   1: 0000000000000000FFFF00000100007F:4E20 0000000000000000FFFF00000100007F:C340 01 0:0 0:0 0 0 0 1
                nonsense
                """, ports);
        assertThat(ports).containsExactlyInAnyOrder(0xc33f, 20_000);
    }
}
