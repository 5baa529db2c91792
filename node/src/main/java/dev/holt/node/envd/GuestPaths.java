package dev.holt.node.envd;

import dev.holt.node.guest.GuestAgent;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/** Paths as clients write them. */
final class GuestPaths {
    private GuestPaths() {}

    /**
     * A path for the agent, which resolves it against the user's home.
     *
     * @param whenEmpty what stands in for an empty one
     * @return empty for another user's home ({@code ~name}), which is not supported
     */
    static Optional<String> forAgent(String path, Optional<String> whenEmpty) {
        String chosen = path.isEmpty() ? whenEmpty.orElse("") : path;
        boolean othersHome = chosen.startsWith("~") && chosen.length() > 1 && chosen.charAt(1) != '/';
        return othersHome ? Optional.empty() : Optional.of(chosen);
    }

    /** Where the agent takes {@code path} to be; asks the guest only for paths that depend on the user. */
    static String resolve(GuestAgent agent, String user, String path) {
        if (path.startsWith("/")) {
            return clean(path);
        }
        String home = agent.user(user).home();
        return clean(home + "/" + (path.startsWith("~") ? path.substring(1) : path));
    }

    /** An absolute path without empty, {@code .} and {@code ..} steps. */
    static String clean(String path) {
        Deque<String> steps = new ArrayDeque<>();
        for (String step : path.split("/", -1)) {
            if (step.equals("..")) {
                steps.pollLast();
            } else if (!step.isEmpty() && !step.equals(".")) {
                steps.addLast(step);
            }
        }
        return "/" + String.join("/", steps);
    }

    /** The directory that {@code path}, absolute and clean, is in. */
    static String parent(String path) {
        int slash = path.lastIndexOf('/');
        return slash <= 0 ? "/" : path.substring(0, slash);
    }
}
