package dev.holt.node.interpreter.gateway;

import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/** The kernels of one sandbox, as the gateway uses them. Everything may ask the guest, and fail as its agent does. */
public interface GatewayKernels {
    /**
     * A kernel that is installed.
     *
     * @param name what Jupyter calls it, such as {@code python3}
     * @param specification the content of its {@code kernel.json}
     */
    record Installed(String name, JsonNode specification) {}

    /** What is installed. */
    List<Installed> installed();

    /** Which of them code runs in when nothing says which. */
    Optional<String> standard();

    /** The kernels that run. */
    List<GatewayKernel> running();

    /** The kernel of that id, whether it runs or would be started when it is used. */
    Optional<GatewayKernel> find(String id);

    /**
     * Starts a kernel.
     *
     * @param name of one that is installed
     * @param directory to start it in; where that does not exist, and when it is empty, the user's home
     * @throws dev.holt.http.HttpFailure when there is no such kernel, there are too many, or it does not start
     */
    GatewayKernel start(String name, Optional<String> directory) throws InterruptedException;
}
