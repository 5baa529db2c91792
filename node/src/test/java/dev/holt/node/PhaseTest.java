package dev.holt.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every move between two phases, allowed or refused: the table of docs/state.md. */
final class PhaseTest {
    private static final Map<Phase, Set<Phase>> ALLOWED = Map.of(
            Phase.WARM, EnumSet.of(Phase.RUNNING, Phase.ENDING),
            Phase.RUNNING, EnumSet.of(Phase.CAPTURING, Phase.PAUSING, Phase.ROLLING_BACK, Phase.LOST, Phase.ENDING),
            Phase.CAPTURING, EnumSet.of(Phase.RUNNING, Phase.LOST, Phase.ENDING),
            Phase.PAUSING, EnumSet.of(Phase.PAUSED, Phase.RUNNING, Phase.LOST, Phase.ENDING),
            Phase.PAUSED, EnumSet.of(Phase.RESUMING, Phase.ROLLING_BACK, Phase.LOST, Phase.ENDING),
            Phase.RESUMING, EnumSet.of(Phase.RUNNING, Phase.PAUSED, Phase.LOST, Phase.ENDING),
            Phase.ROLLING_BACK, EnumSet.of(Phase.RUNNING, Phase.PAUSED, Phase.LOST, Phase.ENDING),
            Phase.LOST, EnumSet.of(Phase.RESUMING, Phase.ENDING),
            Phase.ENDING, EnumSet.of(Phase.ENDING, Phase.ENDED),
            Phase.ENDED, EnumSet.noneOf(Phase.class));

    static Stream<Arguments> moves() {
        return Arrays.stream(Phase.values())
                .flatMap(from -> Arrays.stream(Phase.values())
                        .map(to -> Arguments.of(
                                from, to, ALLOWED.getOrDefault(from, Set.of()).contains(to))));
    }

    @ParameterizedTest
    @MethodSource("moves")
    void onlyTheTablesMovesAreAllowed(Phase from, Phase to, boolean allowed) {
        assertThat(from.mayBecome(to)).isEqualTo(allowed);
    }

    @ParameterizedTest
    @MethodSource("moves")
    void everyTransitionCanEndAndBeEnded(Phase from, Phase to, boolean allowed) {
        if (from.inTransition()) {
            assertThat(from.mayBecome(Phase.ENDING)).isTrue();
            assertThat(from.mayBecome(Phase.RUNNING) || from.mayBecome(Phase.PAUSED))
                    .isTrue();
        }
        if (allowed && to.inTransition()) {
            assertThat(from.inTransition()).as("a transition begins from rest").isFalse();
        }
    }
}
