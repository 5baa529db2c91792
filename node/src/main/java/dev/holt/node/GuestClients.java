package dev.holt.node;

import dev.holt.wire.id.SandboxId;

/**
 * What speaks to guests for clients, the envd service: it has to step back while a guest stands still and to find its way again
 * afterwards. The calls for one sandbox come one after the other; none of them may fail or wait long.
 */
public interface GuestClients {
    /** The guest is about to stand still for a moment: streams wait, and nothing new begins. */
    void hold(SandboxId sandbox);

    /** It goes on, as it was: what waited goes on too. */
    void release(SandboxId sandbox);

    /** It is about to be paused: streams end with an error that says so. */
    void cut(SandboxId sandbox);

    /** It runs (again): what runs in it is to be known. */
    void adopt(SandboxId sandbox);

    /** Nothing of it runs any more. */
    void forget(SandboxId sandbox);

    /** Nobody speaks to guests. */
    GuestClients NONE = new GuestClients() {
        @Override
        public void hold(SandboxId sandbox) {}

        @Override
        public void release(SandboxId sandbox) {}

        @Override
        public void cut(SandboxId sandbox) {}

        @Override
        public void adopt(SandboxId sandbox) {}

        @Override
        public void forget(SandboxId sandbox) {}
    };
}
