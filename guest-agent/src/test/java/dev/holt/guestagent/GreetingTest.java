package dev.holt.guestagent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who may speak to the agent, and what it does with those who speak wrongly. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class GreetingTest {
    private static final int EACCES = 13;
    private static final int EPROTO = 71;

    private Agent agent;

    @BeforeAll
    void startAgent() throws IOException {
        agent = Agent.start();
    }

    @AfterAll
    void stopAgent() throws IOException {
        agent.close();
    }

    @Test
    void welcomesTheTokenAndAnswersARequestSentBehindHello() throws IOException {
        try (AgentConnection connection = agent.connectUngreeted("127.0.0.1")) {
            connection.send(Frame.HELLO, Agent.hello()).send(Frame.PING);
            Frame welcome = connection.receive();
            assertThat(welcome.type()).isEqualTo(Frame.WELCOME);
            ByteBuffer buffer = welcome.buffer();
            assertThat(buffer.getShort()).isEqualTo((short) 2);
            assertThat(Frame.string(buffer)).isNotEmpty();
            assertThat(Frame.string(buffer)).matches("[0-9a-f]{32}");
            connection.receive().ok();
        }
    }

    @Test
    void refusesAWrongTokenVersionAndMagic() throws IOException {
        byte[] token = Agent.TOKEN.clone();
        token[31] ^= 1;
        for (Payload hello : new Payload[] {
            new Payload().u32(0x484f4c54).u16(1).raw(token),
            new Payload().u32(0x484f4c54).u16(0).raw(Agent.TOKEN),
            new Payload().u32(0x484f4c55).u16(1).raw(Agent.TOKEN)
        }) {
            try (AgentConnection connection = agent.connectUngreeted("127.0.0.1")) {
                assertThat(connection.call(Frame.HELLO, hello).failure().errno())
                        .isEqualTo(EACCES);
                assertThat(connection.ended()).isTrue();
            }
        }
    }

    @Test
    void closesWhoeverNeverFinishesHello() throws IOException {
        try (AgentConnection connection = agent.connectUngreeted("127.0.0.1")) {
            connection.sendRaw(new byte[] {0, 0, 0, 39, Frame.HELLO, 0x48});
            assertThat(connection.ended()).isTrue();
        }
    }

    @Test
    void closesAnyOtherPeerUnread() throws IOException {
        try (AgentConnection connection = agent.connectUngreeted("127.0.0.2")) {
            assertThat(connection.ended()).isTrue();
        }
    }

    @Test
    void refusesARequestBeforeHello() throws IOException {
        try (AgentConnection connection = agent.connectUngreeted("127.0.0.1")) {
            assertThat(connection.send(Frame.PING).receive().failure().errno()).isEqualTo(EPROTO);
            assertThat(connection.ended()).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1048576 + 65, Integer.MAX_VALUE, -1})
    void refusesALengthOutsideTheRange(int length) throws IOException {
        try (AgentConnection connection = agent.connect()) {
            connection.sendRaw(
                    ByteBuffer.allocate(5).putInt(length).put((byte) Frame.PING).array());
            assertThat(connection.receive().failure().errno()).isEqualTo(EPROTO);
            assertThat(connection.ended()).isTrue();
        }
    }

    @Test
    void refusesUnknownTypesAndMalformedPayloads() throws IOException {
        byte[][] requests = {
            {0x7f}, {Frame.OK}, {Frame.PING, 1}, {Frame.STAT, 0, 0, 0, 9}, {Frame.USER, 0, 0, 0, 1, 0}, {Frame.RANGE}
        };
        for (byte[] request : requests) {
            try (AgentConnection connection = agent.connect()) {
                byte[] payload = java.util.Arrays.copyOfRange(request, 1, request.length);
                assertThat(connection
                                .send(request[0], payload)
                                .receive()
                                .failure()
                                .errno())
                        .isEqualTo(EPROTO);
                assertThat(connection.ended()).isTrue();
            }
        }
    }

    @Test
    void takesTheLargestFrame() throws IOException {
        try (AgentConnection connection = agent.connect()) {
            Payload entropy = new Payload().str("").u64(0).bytes(new byte[1048576 + 64 - 1 - 16]);
            connection.call(Frame.IDENTITY, entropy).ok();
        }
    }

    @Test
    void survivesNoise() throws IOException {
        Random random = new Random(4711);
        for (int round = 0; round < 200; round++) {
            byte[] noise = new byte[random.nextInt(3000)];
            random.nextBytes(noise);
            try (AgentConnection connection = agent.connectUngreeted("127.0.0.1")) {
                connection.sendRaw(noise);
            }
        }
        try (AgentConnection connection = agent.connect()) {
            connection.send(Frame.PING).receive().ok();
        }
    }

    @Test
    void keepsItsSecretOutOfItsEnvironment() throws IOException {
        String environment = Files.readString(Path.of("/proc/" + agent.pid() + "/environ"));
        assertThat(environment).doesNotContain("0123456789abcdef");
    }

    @Test
    void endsInOrderOnSigterm() throws Exception {
        try (Agent other = Agent.start()) {
            ProcessHandle.of(other.process.pid()).orElseThrow().destroy();
            assertThat(other.process.waitFor()).isZero();
        }
    }
}
