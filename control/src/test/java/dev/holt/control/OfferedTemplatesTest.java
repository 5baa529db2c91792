package dev.holt.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.control.TestServer.Reply;
import dev.holt.control.template.OfferedTemplates;
import dev.holt.control.template.TemplateSeed;
import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A template that comes with the installation, before and after it is built. */
class OfferedTemplatesTest {
    private static final TemplateId ID = new TemplateId("big");
    private static final String CREATE = "{\"templateID\":\"big-alias\"}";
    private static final Resources RESOURCES = new Resources(2, 2048, 4096);
    private static final TemplateSeed SEED = new TemplateSeed(
            ID, List.of("big-alias"), UUID.randomUUID(), RESOURCES, Instant.parse("2026-02-01T00:00:00Z"));

    @TempDir
    Path directory;

    private final FakeNode node = new FakeNode();
    private volatile OfferedTemplates.Answer answer =
            new OfferedTemplates.Answer.NotReady("it is being built", Optional.of(Duration.ofSeconds(30)));
    private volatile int asked;

    private final OfferedTemplates offered = new OfferedTemplates() {
        @Override
        public List<Offer> offers() {
            return List.of(new Offer(ID, List.of("big-alias"), RESOURCES, "building"));
        }

        @Override
        public Answer ask(TemplateId template) {
            assertThat(template).isEqualTo(ID);
            asked++;
            return answer;
        }
    };

    private TestServer open(List<TemplateSeed> seeds) throws Exception {
        node.templates.add(ID.value());
        return new TestServer(directory, node, TestServer.QUOTAS, seeds, offered);
    }

    @Test
    void itIsFoundBeforeItIsBuilt() throws Exception {
        try (TestServer server = open(List.of())) {
            Reply alias = server.call("GET", "/templates/aliases/big-alias");
            assertThat(alias.status()).isEqualTo(200);
            assertThat(alias.body().path("templateID").asString()).isEqualTo("big");
            Reply list = server.call("GET", "/templates");
            assertThat(list.body()).hasSize(1);
            assertThat(list.body().get(0).path("buildStatus").asString()).isEqualTo("building");
            assertThat(list.body().get(0).path("buildCount").asInt()).isZero();
            assertThat(list.body().get(0).path("memoryMB").asInt()).isEqualTo(2048);
            assertThat(server.call("GET", "/templates/big").body().path("builds"))
                    .isEmpty();
            assertThat(asked).as("looking builds nothing").isZero();
        }
    }

    @Test
    void aSandboxOfItHasToWaitAndThenStarts() throws Exception {
        try (TestServer server = open(List.of())) {
            Reply reply = server.call("POST", "/v2/sandboxes", CREATE);
            assertThat(reply.status()).isEqualTo(503);
            assertThat(reply.header("Retry-After")).isEqualTo("30");
            assertThat(reply.message()).isEqualTo("it is being built");

            answer = new OfferedTemplates.Answer.NotReady("build it: holt template build big", Optional.empty());
            reply = server.call("POST", "/v2/sandboxes", CREATE);
            assertThat(reply.status()).isEqualTo(409);
            assertThat(reply.message()).contains("holt template build big");
            assertThat(node.sandboxes).isEmpty();

            answer = new OfferedTemplates.Answer.Ready(SEED);
            assertThat(server.create(CREATE)).isNotEmpty();
            int before = asked;
            assertThat(server.create("{\"templateID\":\"big\"}")).isNotEmpty();
            assertThat(asked).as("asked no more once it is there").isEqualTo(before);
            Reply list = server.call("GET", "/templates");
            assertThat(list.body()).hasSize(1);
            assertThat(list.body().get(0).path("buildStatus").asString()).isEqualTo("ready");
            assertThat(list.body().get(0).path("buildID").asString())
                    .isEqualTo(SEED.buildId().toString());
        }
    }

    @Test
    void aRenewedBuildIsTakenAtOnce() throws Exception {
        TemplateSeed newer = new TemplateSeed(
                ID, List.of("big-alias"), UUID.randomUUID(), RESOURCES, Instant.parse("2026-03-01T00:00:00Z"));
        try (TestServer server = open(List.of(SEED))) {
            server.control.built(newer);
            assertThat(server.create(CREATE)).isNotEmpty();
            Reply list = server.call("GET", "/templates");
            assertThat(list.body().get(0).path("buildID").asString())
                    .isEqualTo(newer.buildId().toString());
        }
    }

    @Test
    void itsBuildIsThereAgainAfterARestartAndGoneWithItsFiles() throws Exception {
        for (int start = 0; start < 2; start++) {
            try (TestServer server = open(List.of(SEED))) {
                assertThat(server.create(CREATE)).isNotEmpty();
            }
        }
        try (TestServer server = open(List.of())) {
            assertThat(server.call("POST", "/v2/sandboxes", CREATE).status()).isEqualTo(503);
        }
        try (TestServer server = open(List.of(SEED))) {
            assertThat(server.create(CREATE)).isNotEmpty();
            assertThat(server.call("GET", "/templates/big").body().path("builds"))
                    .hasSize(1);
        }
    }
}
