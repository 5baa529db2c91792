package dev.holt.wire.connect;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.MessageLite;
import com.google.protobuf.util.JsonFormat;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** How messages are written: as protobuf, or as the JSON of protobuf 3 (64-bit numbers and bytes as text, defaults left out). */
public enum MessageFormat {
    /** The JSON mapping of proto3; unknown fields are ignored. */
    JSON("json") {
        @Override
        public byte[] encode(Message message) {
            try {
                return PRINTER.print(message).getBytes(StandardCharsets.UTF_8);
            } catch (InvalidProtocolBufferException impossible) {
                throw new IllegalStateException("a message of ours can't be written as JSON", impossible);
            }
        }

        @Override
        void merge(byte[] bytes, Message.Builder builder) throws InvalidProtocolBufferException {
            // protobuf's own parser takes an empty text for an empty message, as other implementations do.
            PARSER.merge(new String(bytes, StandardCharsets.UTF_8), builder);
        }
    },
    /** The binary encoding. */
    PROTO("proto") {
        @Override
        public byte[] encode(Message message) {
            return ((MessageLite) message).toByteArray();
        }

        @Override
        void merge(byte[] bytes, Message.Builder builder) throws InvalidProtocolBufferException {
            builder.mergeFrom(ByteString.copyFrom(bytes));
        }
    };

    private static final JsonFormat.Printer PRINTER = JsonFormat.printer().omittingInsignificantWhitespace();
    private static final JsonFormat.Parser PARSER = JsonFormat.parser().ignoringUnknownFields();

    private final String wireName;

    MessageFormat(String wireName) {
        this.wireName = wireName;
    }

    /** What content types call it. */
    public String wireName() {
        return wireName;
    }

    /** The bytes of a message. */
    public abstract byte[] encode(Message message);

    abstract void merge(byte[] bytes, Message.Builder builder) throws InvalidProtocolBufferException;

    /**
     * The message of some bytes, of the kind of {@code prototype}.
     *
     * @throws ConnectFailure invalid_argument when they are none
     */
    @SuppressWarnings("unchecked")
    public <M extends Message> M decode(byte[] bytes, M prototype) {
        Message.Builder builder = prototype.newBuilderForType();
        try {
            if (this == JSON) {
                StandardCharsets.UTF_8.newDecoder().decode(java.nio.ByteBuffer.wrap(bytes));
            }
            merge(bytes, builder);
        } catch (InvalidProtocolBufferException | CharacterCodingException failure) {
            throw new ConnectFailure(
                    ConnectCode.INVALID_ARGUMENT,
                    "the message is no " + wireName + " of "
                            + prototype.getDescriptorForType().getFullName() + ": " + failure.getMessage());
        } catch (RuntimeException | StackOverflowError brokenParser) {
            throw new ConnectFailure(
                    ConnectCode.INVALID_ARGUMENT,
                    "the message is no " + wireName + " of "
                            + prototype.getDescriptorForType().getFullName());
        }
        return (M) builder.build();
    }
}
