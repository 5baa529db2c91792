package dev.holt.node.envd;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.holt.node.guest.GuestAgent;
import dev.holt.node.guest.GuestEntry;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * A file as {@code /files} tells of it.
 *
 * @param type always {@code file}
 * @param metadata left out when there is none
 */
record FileAnswer(
        String path,
        String name,
        String type,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) Map<String, String> metadata) {
    FileAnswer {
        metadata = Collections.unmodifiableMap(new TreeMap<>(metadata));
    }

    static FileAnswer of(GuestAgent agent, GuestEntry entry) {
        return new FileAnswer(entry.path(), entry.name(), "file", EntryInfos.metadata(agent.attributes(entry)));
    }
}
