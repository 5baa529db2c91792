package dev.holt.app.notebook;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class CellOutputsTest {
    private final CellOutputs outputs = new CellOutputs();
    private final ObjectNode cell = JsonMapper.shared().createObjectNode();

    private void add(String type, String content) {
        outputs.add(type, JsonMapper.shared().readTree(content));
    }

    private String made() {
        outputs.finish(cell);
        return cell.path("outputs").toString();
    }

    @Test
    void partsOfAStreamAreOneOutputAndLinesInTheFile() {
        outputs.begin(cell);
        add("stream", "{\"name\":\"stdout\",\"text\":\"a\"}");
        add("stream", "{\"name\":\"stdout\",\"text\":\"b\\nc\"}");
        add("stream", "{\"name\":\"stderr\",\"text\":\"d\\n\"}");
        add("stream", "{\"name\":\"stdout\",\"text\":\"e\"}");
        assertThat(made())
                .isEqualTo("[{\"name\":\"stdout\",\"output_type\":\"stream\",\"text\":[\"ab\\n\",\"c\"]},"
                        + "{\"name\":\"stderr\",\"output_type\":\"stream\",\"text\":[\"d\\n\"]},"
                        + "{\"name\":\"stdout\",\"output_type\":\"stream\",\"text\":[\"e\"]}]");
    }

    @Test
    void resultsKeepTheirFormsAndMetadata() {
        outputs.begin(cell);
        add(
                "execute_result",
                "{\"execution_count\":3,\"data\":{\"text/plain\":\"x\\ny\",\"image/png\":\"aGk=\\n\","
                        + "\"application/json\":{\"a\":1}},\"metadata\":{\"image/png\":{\"width\":1}}}");
        assertThat(made())
                .isEqualTo("[{\"data\":{\"text/plain\":[\"x\\n\",\"y\"],\"image/png\":\"aGk=\\n\","
                        + "\"application/json\":{\"a\":1}},\"execution_count\":3,\"metadata\":{\"image/png\":{\"width\":1}},"
                        + "\"output_type\":\"execute_result\"}]");
    }

    @Test
    void aDisplayIsUpdatedWhereverItIsShown() {
        ObjectNode first = JsonMapper.shared().createObjectNode();
        outputs.begin(first);
        add("display_data", "{\"data\":{\"text/plain\":\"old\"},\"transient\":{\"display_id\":\"d\"}}");
        outputs.begin(cell);
        add("display_data", "{\"data\":{\"text/plain\":\"old\"},\"transient\":{\"display_id\":\"d\"}}");
        add("update_display_data", "{\"data\":{\"text/plain\":\"new\"},\"transient\":{\"display_id\":\"d\"}}");
        add("update_display_data", "{\"data\":{\"text/plain\":\"other\"},\"transient\":{\"display_id\":\"unknown\"}}");
        outputs.finish(first);
        assertThat(first.path("outputs").toString()).contains("new").doesNotContain("old", "transient");
        assertThat(made()).contains("new").doesNotContain("old", "other");
    }

    @Test
    void whatIsClearedIsGoneNowOrWithTheNextOutput() {
        outputs.begin(cell);
        add("stream", "{\"name\":\"stdout\",\"text\":\"one\"}");
        add("clear_output", "{\"wait\":false}");
        add("stream", "{\"name\":\"stdout\",\"text\":\"two\"}");
        add("clear_output", "{\"wait\":true}");
        assertThat(cell.path("outputs").toString()).contains("two").doesNotContain("one");
        add("error", "{\"ename\":\"E\",\"evalue\":\"v\",\"traceback\":[\"t\"]}");
        add("status", "{\"execution_state\":\"idle\"}");
        assertThat(made())
                .isEqualTo("[{\"ename\":\"E\",\"evalue\":\"v\",\"output_type\":\"error\",\"traceback\":[\"t\"]}]");
    }
}
