package dev.holt.control.contract;

import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SchemaRegistryConfig;
import com.networknt.schema.dialect.Dialect;
import com.networknt.schema.dialect.Dialects;
import com.networknt.schema.keyword.NonValidationKeyword;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * {@code openapi.yml} as the program sees it: the operations that exist and what their requests must look like. The file is
 * the only place where paths, methods, parameters, bodies and scopes are written down.
 */
public final class Contract {
    private static final String SOURCE = "/dev/holt/control/openapi.yml";

    private final byte[] text;
    private final JsonNode document;
    private final SchemaRegistry registry;
    private final List<Operation> operations;

    private Contract(byte[] text) {
        this.text = text;
        this.document = new YAMLMapper().readTree(text);
        // Formats are promises here, not remarks; English whatever the host speaks.
        SchemaRegistryConfig config = SchemaRegistryConfig.builder()
                .formatAssertionsEnabled(true)
                .locale(Locale.ENGLISH)
                .build();
        // Schemas carry the document's components along, so that references between them resolve.
        Dialect dialect = Dialect.builder(Dialects.getDraft202012())
                .keyword(new NonValidationKeyword("components"))
                .build();
        this.registry = SchemaRegistry.withDefaultDialect(dialect, builder -> builder.schemaRegistryConfig(config));
        this.operations = List.copyOf(readOperations());
    }

    /** Reads the file from the class path. */
    public static Contract load() {
        try (InputStream in = Contract.class.getResourceAsStream(SOURCE)) {
            if (in == null) {
                throw new IllegalStateException(SOURCE + " is not on the class path");
            }
            return new Contract(in.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public List<Operation> operations() {
        return operations;
    }

    /** The file itself, YAML. */
    public String text() {
        return new String(text, StandardCharsets.UTF_8);
    }

    /** A validator for what {@code operation} answers with {@code status}, if it answers JSON. */
    public Optional<Validator> answer(String operation, int status) {
        for (JsonNode path : document.path("paths")) {
            for (JsonNode candidate : path) {
                if (candidate.path("operationId").asString().equals(operation)) {
                    JsonNode response = resolve(candidate.path("responses").path(Integer.toString(status)));
                    JsonNode schema =
                            response.path("content").path("application/json").path("schema");
                    return schema.isMissingNode() ? Optional.empty() : Optional.of(validator(schema));
                }
            }
        }
        return Optional.empty();
    }

    private List<Operation> readOperations() {
        List<Operation> found = new ArrayList<>();
        for (Map.Entry<String, JsonNode> path : document.path("paths").properties()) {
            for (Map.Entry<String, JsonNode> method : path.getValue().properties()) {
                found.add(operation(path.getKey(), method.getKey(), method.getValue()));
            }
        }
        return found;
    }

    private Operation operation(String path, String method, JsonNode source) {
        JsonNode security = source.has("security") ? source.path("security") : document.path("security");
        return new Operation(
                source.path("operationId").asString(),
                method.toUpperCase(Locale.ROOT),
                List.of(path.substring(1).split("/", -1)),
                scope(security),
                source.path("parameters")
                        .valueStream()
                        .map(this::resolve)
                        .map(this::parameter)
                        .toList(),
                Optional.of(source.path("requestBody"))
                        .filter(JsonNode::isObject)
                        .map(body -> new Operation.RequestBody(
                                body.path("required").asBoolean(),
                                validator(body.path("content")
                                        .path("application/json")
                                        .path("schema")))));
    }

    private static Scope scope(JsonNode security) {
        List<List<String>> ways = security.valueStream()
                .map(way -> List.copyOf(way.propertyNames()))
                .toList();
        if (ways.isEmpty()) {
            return Scope.OPEN;
        }
        if (ways.contains(List.of("AdminAuth"))) {
            return Scope.ADMIN;
        }
        return ways.stream().anyMatch(way -> way.contains("TeamHeader")) ? Scope.TEAM : Scope.USER;
    }

    private Parameter parameter(JsonNode source) {
        JsonNode schema = resolve(source.path("schema"));
        Parameter.Type type = switch (schema.path("type").asString()) {
            case "integer" -> Parameter.Type.INTEGER;
            case "array" -> Parameter.Type.LIST;
            default -> Parameter.Type.STRING;
        };
        return new Parameter(
                source.path("name").asString(),
                source.path("in").asString().equals("header"),
                source.path("required").asBoolean(false),
                type,
                validator(schema));
    }

    private JsonNode resolve(JsonNode node) {
        String reference = node.path("$ref").asString("");
        return reference.isEmpty() ? node : document.at(reference.substring(1));
    }

    /** A schema that can see the document's components. */
    private Validator validator(JsonNode schema) {
        ObjectNode self = JsonNodeFactory.instance.objectNode();
        self.setAll((ObjectNode) schema);
        self.set("components", document.path("components"));
        Schema compiled = registry.getSchema(self);
        compiled.initializeValidators();
        return new Validator(compiled);
    }
}
