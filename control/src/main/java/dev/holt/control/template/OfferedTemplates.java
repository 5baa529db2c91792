package dev.holt.control.template;

import dev.holt.nodeapi.Resources;
import dev.holt.wire.id.TemplateId;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Templates that come with the installation and are made when they are first needed. They can be looked up before they exist; a
 * sandbox can't start from them till then.
 */
public interface OfferedTemplates {
    /** None. */
    OfferedTemplates NONE = new OfferedTemplates() {
        @Override
        public List<Offer> offers() {
            return List.of();
        }

        @Override
        public Answer ask(TemplateId template) {
            throw new IllegalArgumentException("template " + template + " is not on offer");
        }
    };

    /**
     * One of them.
     *
     * @param aliases further names
     * @param resources of sandboxes that start from it
     * @param state what listings call it while it is not built: {@code waiting}, {@code building} or {@code error}
     */
    record Offer(TemplateId template, List<String> aliases, Resources resources, String state) {
        public Offer {
            aliases = List.copyOf(aliases);
        }
    }

    /** What somebody who wants a sandbox of it gets. */
    sealed interface Answer {
        /** It is there. */
        record Ready(TemplateSeed seed) implements Answer {}

        /**
         * It is not.
         *
         * @param problem for the person who asked: why, and what to do
         * @param retryAfter when to ask again; empty when somebody has to do something first
         */
        record NotReady(String problem, Optional<Duration> retryAfter) implements Answer {}
    }

    /** All of them, built or not, and what is being done about each right now. */
    List<Offer> offers();

    /** Asks for one; where that is wanted, its making begins in the background. Returns at once. */
    Answer ask(TemplateId template);
}
