package dev.holt.app.doctor;

import dev.holt.app.server.RuntimeTrial;
import dev.holt.nodeapi.Isolation;

/** What can isolate a sandbox here: each runtime is tried, since no version number tells. */
final class RuntimeChecks {
    private final Host host;

    RuntimeChecks(Host host) {
        this.host = host;
    }

    Finding gvisor(boolean containerWorks) {
        RuntimeTrial trial = host.tryRuntime(Isolation.GVISOR);
        if (trial.works()) {
            return Finding.good("gvisor", trial.found());
        }
        String remedy = "run `holt up` where it reaches a Debian mirror, which installs runsc; or set node.runsc";
        return containerWorks
                ? Finding.limited(
                        "gvisor",
                        trial.found(),
                        "sandboxes are containers only, which is for code that you trust",
                        remedy)
                : Finding.broken("gvisor", trial.found(), "no runtime works, so no sandbox can be made", remedy);
    }

    Finding container() {
        RuntimeTrial trial = host.tryRuntime(Isolation.CONTAINER);
        return trial.works()
                ? Finding.good("container", trial.found())
                : Finding.limited(
                        "container",
                        trial.found(),
                        "no sandbox can run as a container",
                        "apt-get install runc, or set node.runc");
    }
}
