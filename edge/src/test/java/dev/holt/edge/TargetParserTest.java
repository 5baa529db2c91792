package dev.holt.edge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.wire.id.SandboxId;
import java.util.List;
import java.util.Locale;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.NotEmpty;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TargetParserTest {
    private static final String ID = "abcdefghij0123456789";
    private static final TargetParser PARSER = new TargetParser(List.of("holt.test", "a.b.example"));

    @ParameterizedTest
    @ValueSource(
            strings = {
                "49983-" + ID + ".holt.test",
                "49983-" + ID + ".holt.test.",
                "49983-" + ID + ".holt.test:3000",
                "49983-" + ID + ".holt.test.:3000",
                "49983-ABCDEFGHIJ0123456789.HOLT.Test",
                "49983-" + ID + "-client.holt.test",
                "49983-" + ID + "-client-more.holt.test",
                "49983-" + ID + "-.holt.test",
                "49983-" + ID + ".a.b.example",
                "49983-" + ID + ".other.test",
                "49983-" + ID + "-client.other.test.:443",
            })
    void readsTheHost(String host) {
        assertThat(PARSER.parse(host, null, null)).isEqualTo(new Target.Sandbox(ID, 49_983));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".",
                ":",
                "-",
                "holt.test",
                "api.holt.test",
                "49983-" + ID,
                "49983-short.other.test",
                "49983-" + ID + "x.xholt.test",
                "-" + ID + ".holt.test",
                "x49983-" + ID + ".holt.test",
                "+80-" + ID + ".holt.test",
                "49983.holt-test.holt.test",
                "[::1]",
                "[::1]:49983",
                "[",
                "127.0.0.1:49983",
                "localhost:49983",
                "sandbox.holt.test",
            })
    void leavesOtherHostsAlone(String host) {
        assertThat(PARSER.parse(host, null, null)).isEqualTo(Target.NONE);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0-" + ID + ".holt.test",
                "049983-" + ID + ".holt.test",
                "65536-" + ID + ".holt.test",
                "99999999999999999999-" + ID + ".holt.test",
                "80-.holt.test",
                "80--x.holt.test",
                "80-a_b.holt.test",
                "80-ä.holt.test",
            })
    void saysWhatIsWrongWithAHostThatIsMeantForASandbox(String host) {
        assertThat(PARSER.parse(host, null, null)).isInstanceOf(Target.Invalid.class);
    }

    @ParameterizedTest
    @CsvSource({
        "localhost, true",
        "localhost:49983, true",
        "LOCALHOST, true",
        "127.0.0.1:3000, true",
        "[::1]:3000, true",
        "sandbox.holt.test, true",
        "sandbox.elsewhere.example:3000, true",
        "sandbox., false",
        "sandbox, false",
        "api.holt.test, false",
        "example.com, false",
        "1234, false",
    })
    void believesTheHeadersOnlyWhenTheHostCannotNameASandbox(String host, boolean believed) {
        Target expected = believed ? new Target.Sandbox(ID, 8080) : Target.NONE;
        assertThat(PARSER.parse(host, ID, "8080")).isEqualTo(expected);
    }

    @Test
    void theHostBeatsTheHeaders() {
        String other = "zzzzzzzzzzzzzzzzzzzz";
        assertThat(PARSER.parse("80-" + ID + ".holt.test", other, "8080")).isEqualTo(new Target.Sandbox(ID, 80));
    }

    @Test
    void headersMustBeCompleteAndValid() {
        assertThat(PARSER.parse("localhost", ID, null)).isInstanceOf(Target.Invalid.class);
        assertThat(PARSER.parse("localhost", null, "80")).isInstanceOf(Target.Invalid.class);
        for (String port : List.of("0", "65536", "-1", "+1", "1 ", "x", "1".repeat(5000), "٣")) {
            assertThat(PARSER.parse("localhost", ID, port)).as(port).isInstanceOf(Target.Invalid.class);
        }
        for (String id : List.of("a b", "../x", "a".repeat(65), "é")) {
            assertThat(PARSER.parse("localhost", id, "80")).as(id).isInstanceOf(Target.Invalid.class);
        }
        assertThat(PARSER.parse("localhost", "", "")).isEqualTo(Target.NONE);
    }

    @Property
    void everyPortAndIdComesBack(
            @ForAll @IntRange(min = 1, max = 65_535) int port,
            @ForAll @From("ids") String id,
            @ForAll @From("cases") boolean upper) {
        String host = port + "-" + id + ".holt.test";
        Target target = PARSER.parse(upper ? host.toUpperCase(Locale.ROOT) : host, null, null);
        assertThat(target).isEqualTo(new Target.Sandbox(id, port));
        assertThat(((Target.Sandbox) target).id()).isEqualTo(SandboxId.parse(id));
    }

    @Provide
    Arbitrary<Boolean> cases() {
        return Arbitraries.of(true, false);
    }

    @Provide
    Arbitrary<String> ids() {
        return Arbitraries.strings()
                .withCharRange('a', 'z')
                .withCharRange('0', '9')
                .ofMinLength(1)
                .ofMaxLength(64);
    }

    @Property(tries = 5000)
    void anythingHasAnAnswer(
            @ForAll @From("hosts") String host, @ForAll @From("hosts") String id, @ForAll @NotEmpty String port) {
        Target target = PARSER.parse(host, id, port);
        if (target instanceof Target.Sandbox sandbox) {
            assertThat(sandbox.port()).isBetween(1, 65_535);
            assertThat(sandbox.name()).matches("[a-z0-9]{1,64}");
        }
        assertThat(TargetParser.portOf(host)).isBetween(0, 65_535);
    }

    @Provide
    Arbitrary<String> hosts() {
        Arbitrary<String> pieces = Arbitraries.of(
                "49983", "-", ".", ":", "[", "]", ID, "holt.test", "localhost", "sandbox.", "0", "é", " ", "A", "\0");
        return Arbitraries.oneOf(
                Arbitraries.strings().ofMaxLength(300),
                pieces.list().ofMaxSize(12).map(list -> String.join("", list)));
    }
}
