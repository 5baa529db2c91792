package dev.holt.app.mcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

class RunningCallsTest {
    private final RunningCalls calls = new RunningCalls();

    @Test
    void aCancellationReachesTheCallOfItsSessionAndNoOther() throws Exception {
        String mark = mark("a", "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"x\"}}");
        String other =
                mark("b", "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"x\"}}");
        String text =
                mark("a", "{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"method\":\"tools/call\",\"params\":{\"name\":\"x\"}}");
        assertThat(mark).isNotEqualTo(other).isNotEqualTo(text);
        RunningCall wanted = new RunningCall(seconds -> {});
        RunningCall unwanted = new RunningCall(seconds -> {});
        CountDownLatch stopped = new CountDownLatch(1);
        wanted.onStop(stopped::countDown);
        try (RunningCalls.Lease _ = calls.begin(mark, wanted);
                RunningCalls.Lease _ = calls.begin(other, unwanted);
                RunningCalls.Lease _ = calls.begin(text, unwanted)) {
            pass("a", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":7}}");
            assertThat(stopped.await(30, TimeUnit.SECONDS)).isTrue();
            assertThat(wanted.isCanceled()).isTrue();
            assertThat(unwanted.isCanceled()).isFalse();
        }
    }

    @Test
    void aCancellationOfWhatHasEndedIsNothing() throws Exception {
        pass("a", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":8}}");
        pass("a", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\"}");
    }

    @Test
    void whatStopsTooLateIsStoppedAtOnce() throws Exception {
        try (RunningCall call = new RunningCall(seconds -> {})) {
            call.cancel();
            CountDownLatch stopped = new CountDownLatch(1);
            call.onStop(stopped::countDown);
            assertThat(stopped.await(30, TimeUnit.SECONDS)).isTrue();
        }
    }

    @Test
    void theMarkStandsBesideWhatTheClientSaid() throws Exception {
        String passed = pass(
                "s",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"x\",\"arguments\":{\"a\":1.50},"
                        + "\"_meta\":{\"progressToken\":\"p\"}}}");
        assertThat(passed).contains("\"progressToken\":\"p\"", RunningCalls.MARK, "\"a\":1.5");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"nonsense", "[]", "{}", "{\"jsonrpc\":\"2.0\"}", "{\"jsonrpc\":\"2.0\",\"method\":5}", "", "1"})
    void whatIsNoMessageIsSaidToBeNone(String message) {
        assertThatThrownBy(() -> pass("s", message))
                .isInstanceOfSatisfying(
                        RunningCalls.MalformedMessage.class,
                        malformed -> assertThat(new String(malformed.answer(), StandardCharsets.UTF_8))
                                .startsWith("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32"));
    }

    private String mark(String session, String message) throws Exception {
        return JsonMapper.shared()
                .readTree(pass(session, message))
                .path("params")
                .path("_meta")
                .path(RunningCalls.MARK)
                .asString();
    }

    private String pass(String session, String message) throws Exception {
        return new String(calls.pass(session, message.getBytes(StandardCharsets.UTF_8)), StandardCharsets.UTF_8);
    }
}
