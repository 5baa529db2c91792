package dev.holt.app.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsReaderTest {
    @TempDir
    Path directory;

    @Test
    void everythingHasADefault() {
        Settings settings = read(Map.of(), Map.of(), "");
        assertThat(settings.get(SettingsTable.STATE_DIRECTORY)).isEqualTo(Path.of("/var/lib/holt"));
        assertThat(settings.get(SettingsTable.CONTROL_LISTEN)).isEqualTo(address(3000));
        assertThat(settings.get(SettingsTable.TRAFFIC_LISTEN)).containsExactly(address(49983), address(49999));
        assertThat(settings.isSet(SettingsTable.LOG_LEVEL)).isFalse();
    }

    @Test
    void aFlagBeatsAVariableBeatsTheFileBeatsTheDefault() {
        String file = "log-level: error\ncontrol.listen: 127.0.0.1:3001\nstate-directory: /a";
        Map<String, String> variables = Map.of("HOLT_LOG_LEVEL", "warn", "HOLT_CONTROL_LISTEN", "127.0.0.1:3002");
        Settings settings = read(Map.of("log-level", "debug"), variables, file);
        assertThat(settings.get(SettingsTable.LOG_LEVEL)).isEqualTo("debug");
        assertThat(settings.source(SettingsTable.LOG_LEVEL)).isEqualTo("flag --log-level");
        assertThat(settings.get(SettingsTable.CONTROL_LISTEN).getPort()).isEqualTo(3002);
        assertThat(settings.source(SettingsTable.CONTROL_LISTEN)).isEqualTo("variable HOLT_CONTROL_LISTEN");
        assertThat(settings.get(SettingsTable.STATE_DIRECTORY)).isEqualTo(Path.of("/a"));
        assertThat(settings.source(SettingsTable.STATE_DIRECTORY)).endsWith("holt.yaml line 3");
        assertThat(settings.get(SettingsTable.RUN_DIRECTORY)).isEqualTo(Path.of("/run/holt"));
    }

    @Test
    void nestingAndListsAreTheSameAsDotsAndCommas() {
        Settings settings = read(Map.of(), Map.of(), """
                # a comment
                control:
                  listen: 127.0.0.1:4000
                traffic:
                  listen: [127.0.0.1:5000, "[::1]:5001"]
                """);
        assertThat(settings.get(SettingsTable.CONTROL_LISTEN).getPort()).isEqualTo(4000);
        assertThat(settings.get(SettingsTable.TRAFFIC_LISTEN))
                .extracting(InetSocketAddress::getPort)
                .containsExactly(5000, 5001);
    }

    @Test
    void everyBadValueIsNamedWithItsPlaceAtOnce() {
        for (Setting<?> setting : SettingsTable.ALL) {
            String bad = "~ bad \u0001 value ~";
            assertThatThrownBy(() -> read(Map.of(setting.key(), bad), Map.of(), ""))
                    .as(setting.key())
                    .isInstanceOf(SettingsException.class)
                    .hasMessageContaining(setting.key() + " (flag " + setting.flag() + ") must be ")
                    .message()
                    .contains(setting.syntax().secret() ? "got something else" : "got \"" + bad + "\"");
            assertThatThrownBy(() -> read(Map.of(), Map.of(setting.variable(), bad), ""))
                    .as(setting.key())
                    .isInstanceOf(SettingsException.class)
                    .hasMessageContaining(setting.key() + " (variable " + setting.variable() + ") must be ");
        }
        assertThatThrownBy(() -> read(
                        Map.of("log-level", "loud"), Map.of("HOLT_CONTROL_LISTEN", "3000"), "state-directory: here"))
                .isInstanceOf(SettingsException.class)
                .message()
                .contains("log-level (flag --log-level) must be one of error, warn, info, debug, trace; got \"loud\"")
                .contains("control.listen (variable HOLT_CONTROL_LISTEN)")
                .contains("holt.yaml line 1) must be an absolute path; got \"here\"");
    }

    @ParameterizedTest
    @CsvSource({
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:x",
        "localhost:3000",
        "::1:3000",
        "256.0.0.1:3000",
        ":3000",
        "''"
    })
    void anAddressMustBeNumericWithAPort(String text) {
        assertRefused(SettingsTable.CONTROL_LISTEN, text);
    }

    @ParameterizedTest
    @CsvSource({"http://holt.example", "holt.example/", "holt.example:x", "holt..example", "-holt", "a b", ":3000"})
    void aDomainIsNoUrl(String text) {
        assertRefused(SettingsTable.DOMAIN, text);
    }

    @ParameterizedTest
    @CsvSource({"10.0.0.0", "10.0.0.0/33", "10.0.0.1/8", "fc00::/7", "ten/8", "10.0.0.0/-1"})
    void aNetworkHasAPrefixAndNoMoreBits(String text) {
        assertThatThrownBy(() -> Syntax.network().parser().apply(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @CsvSource({"0", "11", "-1", "1.5", "ten", "''", "0x5", "99999999999999999999"})
    void aNumberIsWholeAndInItsRange(String text) {
        assertThatThrownBy(() -> Syntax.number(1, 10, "s").parser().apply(text))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void anUnknownKeyIsNamedWithItsLineAndNearOnes() {
        assertThatThrownBy(() -> read(Map.of(), Map.of(), "log-level: info\ncontrol:\n  listn: 127.0.0.1:1"))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining(
                        "holt.yaml line 3: there is no setting control.listn; did you mean control.listen?");
        assertThatThrownBy(() -> read(Map.of(), Map.of(), "zzzzzzzzzzzz: 1"))
                .hasMessageContaining("there is no setting zzzzzzzzzzzz; docs/configuration.md lists them all");
    }

    @Test
    void anUnknownVariableIsNamedWithNearOnes() {
        assertThatThrownBy(() -> read(Map.of(), Map.of("HOLT_LOGLEVEL", "info"), ""))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("there is no variable HOLT_LOGLEVEL; did you mean HOLT_LOG_LEVEL?");
    }

    @Test
    void aKeyGivenTwiceIsRefused() {
        assertThatThrownBy(
                        () -> read(Map.of(), Map.of(), "control.listen: 127.0.0.1:1\ncontrol:\n  listen: 127.0.0.1:2"))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("line 3: control.listen is already set at line 1");
    }

    @Test
    void aFileThatIsNoMappingIsRefused() {
        assertThatThrownBy(() -> read(Map.of(), Map.of(), "- a")).hasMessageContaining("must be a mapping");
        assertThatThrownBy(() -> read(Map.of(), Map.of(), "a: [")).hasMessageContaining("no valid YAML at line 1");
        assertThatThrownBy(() -> read(Map.of(), Map.of(), "log-level:")).hasMessageContaining("log-level has no value");
        assertThatThrownBy(() -> read(Map.of(), Map.of(), "traffic.listen: [[a]]"))
                .hasMessageContaining("must be a list of plain values");
        assertThatThrownBy(() -> read(Map.of(), Map.of(), "log-level: info\n---\nlog-level: warn"))
                .hasMessageContaining("second document");
    }

    @Test
    void aNamedFileMustExist() {
        Path missing = directory.resolve("missing.yaml");
        assertThatThrownBy(() -> SettingsReader.read(Map.of(), Map.of(), Optional.of(missing)))
                .isInstanceOf(SettingsException.class)
                .hasMessage("The settings file " + missing + " does not exist");
        assertThatThrownBy(() ->
                        SettingsReader.read(Map.of(), Map.of("HOLT_CONFIG", missing.toString()), Optional.empty()))
                .hasMessageContaining("does not exist");
    }

    private void assertRefused(Setting<?> setting, String text) {
        assertThatThrownBy(() -> read(Map.of(setting.key(), text), Map.of(), ""))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining(setting.key())
                .hasMessageContaining("got \"" + text + "\"");
    }

    private static InetSocketAddress address(int port) {
        return new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), port);
    }

    private Settings read(Map<String, String> flags, Map<String, String> variables, String file) {
        try {
            Path path = Files.writeString(directory.resolve("holt.yaml"), file);
            return SettingsReader.read(flags, new HashMap<>(variables), Optional.of(path));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
