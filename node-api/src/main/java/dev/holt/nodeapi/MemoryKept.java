package dev.holt.nodeapi;

/** What is kept of a guest's memory. */
public enum MemoryKept {
    /** An image on disk: it outlives the host's restart. */
    DISK("disk"),
    /** In the host's memory, in stopped processes: gone after the host's restart. */
    HOST("host"),
    /** Nothing: the sandbox boots afresh from its file system. */
    NONE("none");

    private final String wireName;

    MemoryKept(String wireName) {
        this.wireName = wireName;
    }

    /** The name in answers and events. */
    public String wireName() {
        return wireName;
    }
}
