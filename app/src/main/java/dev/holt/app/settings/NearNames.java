package dev.holt.app.settings;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/** Finds the names that a mistyped one was probably meant to be. */
final class NearNames {
    private NearNames() {}

    /** At most three of {@code names} that differ from {@code typed} by few letters or contain it, nearest first. */
    static List<String> of(String typed, Collection<String> names) {
        record Near(String name, int distance) {}
        int most = Math.max(2, typed.length() / 4);
        List<Near> near = new ArrayList<>();
        for (String name : names) {
            int distance = distance(typed, name);
            boolean part = typed.length() > 3 && name.contains(typed);
            if (distance <= most || part) {
                near.add(new Near(name, distance));
            }
        }
        return near.stream()
                .sorted(Comparator.comparingInt(Near::distance).thenComparing(Near::name))
                .limit(3)
                .map(Near::name)
                .toList();
    }

    /** Levenshtein's distance, one row at a time. */
    private static int distance(String left, String right) {
        int[] row = new int[right.length() + 1];
        for (int column = 0; column < row.length; column++) {
            row[column] = column;
        }
        for (int line = 1; line <= left.length(); line++) {
            int diagonal = row[0];
            row[0] = line;
            for (int column = 1; column < row.length; column++) {
                int change = left.charAt(line - 1) == right.charAt(column - 1) ? 0 : 1;
                int best = Math.min(Math.min(row[column] + 1, row[column - 1] + 1), diagonal + change);
                diagonal = row[column];
                row[column] = best;
            }
        }
        return row[right.length()];
    }
}
