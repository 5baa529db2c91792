package dev.holt.control.rest;

import dev.holt.control.contract.ApiException;
import dev.holt.control.contract.Operation;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Finds the operation for a method and a path. Among paths that match, one with more fixed segments wins. */
final class Router {
    private final Map<Integer, List<Target>> byLength = new HashMap<>();

    /** An operation and what answers it. */
    record Target(Operation operation, Route route) {}

    /** A target, and what stood for each {@code {name}} of its path. */
    record Match(Target target, Map<String, String> path) {}

    /** @throws IllegalStateException when an operation has no route or a route no operation */
    Router(List<Operation> operations, Map<String, Route> routes) {
        Set<String> unused = new HashSet<>(routes.keySet());
        for (Operation operation : operations) {
            Route route = routes.get(operation.id());
            if (route == null) {
                throw new IllegalStateException("nothing answers " + operation.id());
            }
            unused.remove(operation.id());
            byLength.computeIfAbsent(operation.segments().size(), length -> new ArrayList<>())
                    .add(new Target(operation, route));
        }
        if (!unused.isEmpty()) {
            throw new IllegalStateException("not in the contract: " + unused);
        }
        Comparator<Target> fixedFirst = Comparator.comparing(target -> target.operation().segments().stream()
                .filter(Router::isVariable)
                .count());
        byLength.values().forEach(targets -> targets.sort(fixedFirst));
    }

    /**
     * @param path as it came, percent-encoded, with its leading slash
     * @throws ApiException 404 for an unknown path, 405 with Allow for an unknown method of a known path
     */
    Match find(String method, String path) {
        List<String> segments = decode(path);
        List<Match> matches = new ArrayList<>();
        for (Target target : byLength.getOrDefault(segments.size(), List.of())) {
            Map<String, String> variables = match(target.operation().segments(), segments);
            if (variables != null) {
                matches.add(new Match(target, variables));
            }
        }
        if (matches.isEmpty()) {
            throw ApiException.notFound("no such route: " + method + " " + path);
        }
        return matches.stream()
                .filter(match -> match.target().operation().method().equals(method))
                .findFirst()
                .orElseThrow(() -> {
                    String allowed = matches.stream()
                            .map(match -> match.target().operation().method())
                            .distinct()
                            .sorted()
                            .collect(Collectors.joining(", "));
                    return new ApiException(405, method + " is not allowed on " + path + "; allowed: " + allowed)
                            .withHeader("Allow", allowed);
                });
    }

    private static @Nullable Map<String, String> match(List<String> pattern, List<String> segments) {
        Map<String, String> variables = new HashMap<>();
        for (int i = 0; i < pattern.size(); i++) {
            String expected = pattern.get(i);
            String found = segments.get(i);
            if (isVariable(expected)) {
                if (found.isEmpty()) {
                    return null;
                }
                variables.put(expected.substring(1, expected.length() - 1), found);
            } else if (!expected.equals(found)) {
                return null;
            }
        }
        return variables;
    }

    private static boolean isVariable(String segment) {
        return segment.startsWith("{");
    }

    private static List<String> decode(String path) {
        List<String> segments = new ArrayList<>();
        for (String segment : path.substring(1).split("/", -1)) {
            try {
                segments.add(URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8));
            } catch (IllegalArgumentException e) {
                throw ApiException.invalid("path", "a % must be followed by two hexadecimal digits");
            }
        }
        return segments;
    }
}
