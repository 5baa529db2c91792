package dev.holt.app.notebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NotebookTest {
    private static Notebook parse(String json) throws Notebook.Malformed {
        return Notebook.parse(json.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "nonsense; no JSON",
                "[]; nbformat is missing",
                "{}; nbformat is missing",
                "{\"nbformat\":3,\"worksheets\":[]}; nbformat is 3",
                "{\"nbformat\":4}; cells must be a list",
            })
    void whatIsNoNotebookIsSaidToBeNone(String json, String why) {
        assertThatThrownBy(() -> parse(json))
                .isInstanceOf(Notebook.Malformed.class)
                .hasMessageContaining(why);
    }

    @Test
    void cellsAreCountedAsPeopleCountThemAndTheirTextIsPutTogether() throws Exception {
        Notebook notebook = parse("{\"nbformat\":4,\"cells\":[{\"cell_type\":\"markdown\",\"source\":\"m\"},"
                + "{\"cell_type\":\"code\",\"source\":[\"a\\n\",\"b\"],\"metadata\":{\"tags\":[\"raises-exception\"]}},"
                + "{\"cell_type\":\"code\",\"source\":\"c\"}],"
                + "\"metadata\":{\"kernelspec\":{\"name\":\"ir\"},\"language_info\":{\"name\":\"R\"}}}");
        assertThat(notebook.codeCells())
                .satisfiesExactly(
                        cell -> {
                            assertThat(cell.number()).isEqualTo(2);
                            assertThat(cell.source()).isEqualTo("a\nb");
                            assertThat(cell.raisesException()).isTrue();
                        },
                        cell -> {
                            assertThat(cell.number()).isEqualTo(3);
                            assertThat(cell.source()).isEqualTo("c");
                            assertThat(cell.raisesException()).isFalse();
                        });
        assertThat(notebook.kernelName()).contains("ir");
        assertThat(notebook.language()).contains("R");
    }

    @Test
    void theFileIsLaidOutAsJupyterLaysItOut(@TempDir Path directory) throws Exception {
        Notebook notebook =
                parse("{\"nbformat\":4,\"custom\":{\"b\":[],\"a\":{}},\"cells\":[{\"source\":\"\\u001b[é\"}]}");
        Path file = directory.resolve("n.ipynb");
        notebook.write(file);
        assertThat(Files.readString(file)).isEqualTo("""
                        {
                         "cells": [
                          {
                           "source": "\\u001b[é"
                          }
                         ],
                         "custom": {
                          "a": {},
                          "b": []
                         },
                         "nbformat": 4
                        }
                        """);
        try (var files = Files.list(directory)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void linesKeepTheirEnds() {
        assertThat(Notebook.lines("").toString()).isEqualTo("[]");
        assertThat(Notebook.lines("a\n\nb").toString()).isEqualTo("[\"a\\n\",\"\\n\",\"b\"]");
    }
}
