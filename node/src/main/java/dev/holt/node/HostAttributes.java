package dev.holt.node;

import dev.holt.node.guest.GuestEntry;
import dev.holt.node.guest.OutsideAttributes;
import dev.holt.node.linux.ExtendedAttributes;
import dev.holt.node.runtime.RuntimeCapabilities;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The attributes of a guest's files in the root file system as the host has it mounted. */
final class HostAttributes implements OutsideAttributes {
    private static final Logger log = LoggerFactory.getLogger(HostAttributes.class);
    private static final String NAMESPACE = "user.";

    private final ExtendedAttributes files;

    private HostAttributes(Path rootFileSystem) {
        this.files = new ExtendedAttributes(rootFileSystem);
    }

    /** One for a guest with that root file system, if its runtime needs it. */
    static Optional<OutsideAttributes> where(RuntimeCapabilities capabilities, Path rootFileSystem) {
        return capabilities.keepsAttributes() ? Optional.empty() : Optional.of(new HostAttributes(rootFileSystem));
    }

    @Override
    public List<GuestEntry.Attribute> of(String path) {
        return files.read(path, NAMESPACE, false).entrySet().stream()
                .map(attribute -> new GuestEntry.Attribute(attribute.getKey(), attribute.getValue()))
                .toList();
    }

    @Override
    public void replace(String path, String prefix, List<GuestEntry.Attribute> attributes) {
        Map<String, byte[]> values = new LinkedHashMap<>();
        attributes.forEach(attribute -> values.put(attribute.name(), attribute.value()));
        try {
            files.replace(path, prefix, values);
        } catch (IOException e) {
            // As inside: the file matters more than what is attached to it, and not every place can have attributes.
            log.debug("a file of a guest goes without its attributes", e);
        }
    }
}
