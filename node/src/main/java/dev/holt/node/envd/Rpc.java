package dev.holt.node.envd;

import com.google.protobuf.Message;
import java.io.IOException;

/** An rpc of envd: what it takes and who answers it. */
sealed interface Rpc {
    /** One message in, one out. */
    record Unary<M extends Message>(M request, Handler<M> handler) implements Rpc {
        interface Handler<M> {
            Message answer(RpcCall call, M message);
        }
    }

    /** One message in, many out. */
    record ServerStream<M extends Message>(M request, Handler<M> handler) implements Rpc {
        interface Handler<M> {
            /** Returns when the stream went to its good end; the end envelope is sent behind it if it was not. */
            void answer(RpcCall call, M message, StreamAnswer answer) throws IOException;
        }
    }

    /** Many messages in, one out. */
    record ClientStream<M extends Message>(M request, Handler<M> handler) implements Rpc {
        interface Handler<M extends Message> {
            Message answer(RpcCall call, RpcCall.Incoming<M> messages) throws IOException;
        }
    }
}
