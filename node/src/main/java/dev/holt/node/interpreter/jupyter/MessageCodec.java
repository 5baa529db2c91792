package dev.holt.node.interpreter.jupyter;

import dev.holt.http.Json;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * Messages as the parts of a ZeroMQ message and back: a delimiter, a signature, then header, parent header, metadata and content
 * as JSON ("Messaging in Jupyter", The Wire Protocol, version 5). One session; for one thread at a time.
 */
public final class MessageCodec {
    private static final String VERSION = "5.3";
    private static final byte[] DELIMITER = "<IDS|MSG>".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] EMPTY_OBJECT = {'{', '}'};
    private static final int SIGNED_PARTS = 4;
    /** Headers are small; a kernel that sends a larger one has nothing to say to us. */
    private static final int HEADER_MAXIMUM = 64 * 1024;

    private final Mac mac;
    private final String session = UUID.randomUUID().toString();

    /** @param key of the connection file; not empty */
    public MessageCodec(String key) {
        try {
            mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("every JDK has HmacSHA256", impossible);
        }
    }

    /** A new id for a request. */
    public String newId() {
        return UUID.randomUUID().toString();
    }

    /** The parts of a request. */
    public List<byte[]> encode(String id, String type, Object content) {
        Map<String, Object> header = new LinkedHashMap<>();
        header.put("msg_id", id);
        header.put("session", session);
        header.put("username", "holt");
        header.put("date", Instant.now().toString());
        header.put("msg_type", type);
        header.put("version", VERSION);
        return signed(List.of(
                Json.MAPPER.writeValueAsBytes(header),
                EMPTY_OBJECT.clone(),
                EMPTY_OBJECT.clone(),
                Json.MAPPER.writeValueAsBytes(content)));
    }

    /** A message of those four parts. */
    List<byte[]> signed(List<byte[]> signed) {
        byte[] signature = HexFormat.of().formatHex(sign(signed)).getBytes(StandardCharsets.US_ASCII);
        return List.of(DELIMITER, signature, signed.get(0), signed.get(1), signed.get(2), signed.get(3));
    }

    /**
     * A message of somebody else's making, signed.
     *
     * @param parts header, parent header, metadata and content as JSON, then its buffers
     */
    public List<byte[]> seal(List<byte[]> parts) {
        List<byte[]> sealed = new ArrayList<>(parts.size() + 2);
        sealed.add(DELIMITER);
        sealed.add(
                HexFormat.of().formatHex(sign(parts.subList(0, SIGNED_PARTS))).getBytes(StandardCharsets.US_ASCII));
        sealed.addAll(parts);
        return sealed;
    }

    /** The parts of a message that {@link #decode} took, as {@link #seal} takes them. */
    static List<byte[]> body(List<byte[]> parts) {
        return parts.subList(delimiter(parts) + 2, parts.size());
    }

    private byte[] sign(List<byte[]> parts) {
        parts.forEach(mac::update);
        return mac.doFinal();
    }

    /**
     * What came, or empty when it is not signed with the key of this kernel, and so is not of it.
     *
     * @throws KernelFailure MALFORMED when it is signed and yet no message
     */
    public Optional<KernelMessage> decode(Channel channel, List<byte[]> parts) {
        int delimiter = delimiter(parts);
        if (delimiter < 0 || parts.size() < delimiter + 2 + SIGNED_PARTS) {
            return Optional.empty();
        }
        List<byte[]> signed = parts.subList(delimiter + 2, delimiter + 2 + SIGNED_PARTS);
        byte[] given = parts.get(delimiter + 1);
        byte[] expected = HexFormat.of().formatHex(sign(signed)).getBytes(StandardCharsets.US_ASCII);
        if (!MessageDigest.isEqual(expected, given)) {
            return Optional.empty();
        }
        Header header = header(signed.get(0));
        Header parent = header(signed.get(1));
        if (header.type == null) {
            throw new KernelFailure(KernelFailure.Kind.MALFORMED, "the kernel sent a message without a type");
        }
        return Optional.of(new KernelMessage(
                channel,
                header.type,
                header.id == null ? "" : header.id,
                Optional.ofNullable(parent.id),
                moment(header.date),
                signed.get(3)));
    }

    private static int delimiter(List<byte[]> parts) {
        for (int i = 0; i < parts.size(); i++) {
            if (Arrays.equals(parts.get(i), DELIMITER)) {
                return i;
            }
        }
        return -1;
    }

    private static final class Header {
        private @Nullable String id;
        private @Nullable String type;
        private @Nullable String date;
    }

    private static Header header(byte[] json) {
        if (json.length > HEADER_MAXIMUM) {
            throw new KernelFailure(
                    KernelFailure.Kind.MALFORMED, "the kernel sent a header of " + json.length + " bytes");
        }
        Header header = new Header();
        try (JsonParser parser = Json.MAPPER.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new KernelFailure(KernelFailure.Kind.MALFORMED, "the kernel sent a header that is no object");
            }
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = parser.currentName();
                if (parser.nextToken() == JsonToken.VALUE_STRING) {
                    switch (name) {
                        case "msg_id" -> header.id = parser.getString();
                        case "msg_type" -> header.type = parser.getString();
                        case "date" -> header.date = parser.getString();
                        default -> {}
                    }
                } else {
                    parser.skipChildren();
                }
            }
        } catch (JacksonException failure) {
            throw new KernelFailure(KernelFailure.Kind.MALFORMED, "the kernel sent a header that is no JSON", failure);
        }
        return header;
    }

    private static Instant moment(@Nullable String date) {
        if (date != null) {
            try {
                return OffsetDateTime.parse(date).toInstant();
            } catch (DateTimeException unusual) {
                return Instant.now();
            }
        }
        return Instant.now();
    }
}
