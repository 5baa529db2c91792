package dev.holt.control.rest;

import dev.holt.control.contract.ApiException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;

/**
 * The place in a list that is ordered by time and id where its next page starts. Opaque to clients; stays right when entries
 * come and go between pages.
 */
public record PageToken(Instant time, String id) implements Comparable<PageToken> {
    private static final Comparator<PageToken> ORDER =
            Comparator.comparing(PageToken::time).thenComparing(PageToken::id);
    private static final String SEPARATOR = "|";
    private static final int DEFAULT_LIMIT = 100;

    /** One page, and the token of the next one as a header when there is one. */
    public record Page<T>(List<T> entries, Function<Answer, Answer> withNextToken) {}

    /** @throws ApiException 400 when the text is no token of ours */
    public static PageToken parse(String text) {
        try {
            String[] parts = new String(Base64.getUrlDecoder().decode(text), StandardCharsets.UTF_8).split("\\|", 2);
            if (parts.length == 2) {
                return new PageToken(Instant.parse(parts[0]), parts[1]);
            }
        } catch (IllegalArgumentException | DateTimeException e) {
            // Not one of ours: the error below says so.
        }
        throw ApiException.invalid("nextToken", "not a token that an earlier page answered");
    }

    /**
     * The page that a call asks for by its {@code limit} and {@code nextToken}.
     *
     * @param place where an entry stands
     */
    public static <T> Page<T> page(Call call, List<T> entries, boolean newestFirst, Function<T, PageToken> place) {
        int limit = (int) call.number("limit").orElse(DEFAULT_LIMIT);
        Comparator<PageToken> order = newestFirst ? ORDER.reversed() : ORDER;
        PageToken after = call.text("nextToken").map(PageToken::parse).orElse(null);
        List<T> rest = entries.stream()
                .filter(entry -> after == null || order.compare(place.apply(entry), after) > 0)
                .sorted(Comparator.comparing(place, order))
                .limit(limit + 1L)
                .toList();
        if (rest.size() <= limit) {
            return new Page<>(rest, answer -> answer);
        }
        List<T> page = rest.subList(0, limit);
        String next = place.apply(page.getLast()).text();
        return new Page<>(page, answer -> answer.withHeader("X-Next-Token", next));
    }

    String text() {
        return Base64.getUrlEncoder()
                .withoutPadding()
                .encodeToString((time + SEPARATOR + id).getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public int compareTo(PageToken other) {
        return ORDER.compare(this, other);
    }
}
