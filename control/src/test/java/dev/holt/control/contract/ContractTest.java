package dev.holt.control.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

class ContractTest {
    private final Contract contract = Contract.load();

    private Operation operation(String id) {
        return contract.operations().stream()
                .filter(candidate -> candidate.id().equals(id))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void scopesComeFromTheSecurityRequirements() {
        assertThat(operation("getHealth").scope()).isEqualTo(Scope.OPEN);
        assertThat(operation("createSandbox").scope()).isEqualTo(Scope.TEAM);
        assertThat(operation("listTeams").scope()).isEqualTo(Scope.USER);
        assertThat(operation("listNodes").scope()).isEqualTo(Scope.ADMIN);
        assertThat(contract.operations().stream()
                        .filter(operation -> operation.scope() == Scope.OPEN)
                        .map(Operation::id))
                .containsExactlyInAnyOrder("getHealth", "getOpenApi");
    }

    @Test
    void operationIdsAreUniqueAndPathsBeginWithASegment() {
        assertThat(contract.operations().stream().map(Operation::id)).doesNotHaveDuplicates();
        assertThat(contract.operations())
                .allMatch(operation -> !operation.segments().getFirst().isEmpty());
    }

    @Test
    void problemsNameTheFieldAndQuoteNoMoreThanFits() {
        Validator body = operation("createSandbox").body().orElseThrow().validator();
        String text = "{\"templateID\":\"base\",\"network\":{\"allowOut\":[\"1.1.1.1\",[]]}}";
        assertThatThrownBy(() -> body.check(JsonMapper.shared().readTree(text), Validator.BODY))
                .isInstanceOf(ApiException.class)
                .hasMessage("network.allowOut[1]: string expected, got an array");
        String nested = "{\"templateID\":" + "9".repeat(500) + "}";
        assertThatThrownBy(() -> body.check(JsonMapper.shared().readTree(nested), Validator.BODY))
                .hasMessageStartingWith("templateID: string expected, got 999")
                .hasMessageEndingWith("...");
        assertThat(Validator.shorten("a\nb\u0000c")).isEqualTo("a?b?c");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"9.27372692193079E18", "-9.3e18", "4.117015001463143E306", "1e400", "99999999999999999999999"})
    void numbersBeyondALongAreOutOfRange(String number) {
        Validator body = operation("createSandbox").body().orElseThrow().validator();
        String text = "{\"templateID\":\"base\",\"timeout\":" + number + "}";
        assertThatThrownBy(() -> body.check(JsonMapper.shared().readTree(text), Validator.BODY))
                .isInstanceOf(ApiException.class)
                .hasMessageStartingWith("timeout: ");
    }

    @Test
    void parametersAreTyped() {
        Parameter limit = operation("listSandboxes").parameters().stream()
                .filter(parameter -> parameter.name().equals("limit"))
                .findFirst()
                .orElseThrow();
        assertThat(limit.read(List.of("7")).asInt()).isEqualTo(7);
        assertThatThrownBy(() -> limit.read(List.of("0x7"))).hasMessage("limit: a whole number expected, got '0x7'");
        Parameter states = operation("listSandboxes").parameters().stream()
                .filter(parameter -> parameter.name().equals("state"))
                .findFirst()
                .orElseThrow();
        assertThat(states.read(List.of("running,paused", "paused")).size()).isEqualTo(3);
        assertThatThrownBy(() -> states.read(List.of("running,asleep")))
                .hasMessage("state[1]: must be one of running or paused; got \"asleep\"");
    }
}
