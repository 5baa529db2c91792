package dev.holt.node.envd;

import dev.holt.http.HttpFailure;
import dev.holt.node.guest.GuestEntry;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.MimeTypes;
import org.jspecify.annotations.Nullable;

/** The headers that describe a file: what it is called, what it holds, since when. */
final class FileHeaders {
    private static final int BAD_REQUEST = 400;
    private static final String METADATA = "x-metadata-";
    /** An attribute's name has at most 255 bytes, xattr(7). */
    private static final int METADATA_KEY_MAXIMUM = 255 - EntryInfos.METADATA_PREFIX.length();
    /** What ext4 keeps in one block. */
    private static final int METADATA_TOTAL_MAXIMUM = 4096;

    private static final String TOKEN_SPECIALS = "!#$%&'*+-.^_`|~";
    private static final DateTimeFormatter HTTP_DATE =
            DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH);

    private FileHeaders() {}

    /**
     * What {@code X-Metadata-*} headers attach to an upload.
     *
     * @throws HttpFailure 400 when it can't be stored
     */
    static List<GuestEntry.Attribute> metadata(HttpFields headers) {
        Map<String, String> metadata = new TreeMap<>();
        for (HttpField header : headers) {
            String name = header.getName().toLowerCase(Locale.ROOT);
            if (name.startsWith(METADATA) && name.length() > METADATA.length()) {
                metadata.putIfAbsent(
                        name.substring(METADATA.length()), header.getValue() == null ? "" : header.getValue());
            }
        }
        int total = 0;
        List<GuestEntry.Attribute> attributes = new ArrayList<>();
        for (Map.Entry<String, String> entry : metadata.entrySet()) {
            String key = entry.getKey();
            if (key.length() > METADATA_KEY_MAXIMUM) {
                throw invalidMetadata("key \"" + key + "\" exceeds " + METADATA_KEY_MAXIMUM + " bytes");
            }
            requirePrintable("key \"" + key + "\"", key);
            requirePrintable("value for key \"" + key + "\"", entry.getValue());
            total += EntryInfos.METADATA_PREFIX.length()
                    + key.length()
                    + entry.getValue().length();
            attributes.add(new GuestEntry.Attribute(
                    EntryInfos.METADATA_PREFIX + key, entry.getValue().getBytes(StandardCharsets.US_ASCII)));
        }
        if (total > METADATA_TOTAL_MAXIMUM) {
            throw invalidMetadata("total size " + total + " exceeds " + METADATA_TOTAL_MAXIMUM + " bytes");
        }
        return attributes;
    }

    private static void requirePrintable(String what, String text) {
        if (!text.chars().allMatch(character -> character >= ' ' && character <= '~')) {
            throw invalidMetadata(what + " is not printable ASCII");
        }
    }

    private static HttpFailure invalidMetadata(String what) {
        return new HttpFailure(BAD_REQUEST, "invalid metadata: " + what);
    }

    /** A strong validator: changes whenever the content may have. */
    static String entityTag(GuestEntry entry) {
        return "\"%x-%x-%x\"".formatted(entry.inode(), entry.modifiedNanoseconds(), entry.size());
    }

    static Instant modified(GuestEntry entry) {
        return Instant.EPOCH.plusNanos(entry.modifiedNanoseconds()).truncatedTo(ChronoUnit.SECONDS);
    }

    static String httpDate(Instant moment) {
        return HTTP_DATE.format(moment.atOffset(ZoneOffset.UTC));
    }

    private static Optional<Instant> parseDate(String text) {
        try {
            return Optional.of(ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME)
                    .toInstant());
        } catch (DateTimeParseException nonsense) {
            return Optional.empty();
        }
    }

    static boolean isConditionalOrRange(HttpFields headers) {
        return headers.contains(HttpHeader.RANGE)
                || headers.contains(HttpHeader.IF_NONE_MATCH)
                || headers.contains(HttpHeader.IF_MODIFIED_SINCE)
                || headers.contains(HttpHeader.IF_RANGE);
    }

    /** Whether the client has this content already (RFC 9110, 13.2.2). */
    static boolean isUnchanged(HttpFields headers, GuestEntry entry) {
        String tags = headers.get(HttpHeader.IF_NONE_MATCH);
        if (tags != null) {
            return matchesTag(tags, entityTag(entry));
        }
        String since = headers.get(HttpHeader.IF_MODIFIED_SINCE);
        return since != null
                && parseDate(since)
                        .map(moment -> !modified(entry).isAfter(moment))
                        .orElse(false);
    }

    private static boolean matchesTag(String tags, String tag) {
        for (String one : tags.split(",", -1)) {
            String candidate = one.strip();
            if (candidate.equals("*") || candidate.equals(tag) || candidate.equals("W/" + tag)) {
                return true;
            }
        }
        return false;
    }

    /** Whether a {@code Range} still applies (RFC 9110, 13.1.5). */
    static boolean rangeApplies(HttpFields headers, GuestEntry entry) {
        String condition = headers.get(HttpHeader.IF_RANGE);
        return condition == null
                || condition.equals(entityTag(entry))
                || parseDate(condition).map(modified(entry)::equals).orElse(false);
    }

    /** {@code inline} with the name, as a token, a quoted text or, when it is not ASCII, in the form of RFC 5987. */
    static String contentDisposition(String name) {
        if (name.chars().anyMatch(character -> character < ' ' || character > '~')) {
            StringBuilder text = new StringBuilder("inline; filename*=utf-8''");
            for (byte one : name.getBytes(StandardCharsets.UTF_8)) {
                if (isToken((char) (one & 0xff)) && "*'%".indexOf(one) < 0) {
                    text.append((char) one);
                } else {
                    text.append("%%%02X".formatted(one & 0xff));
                }
            }
            return text.toString();
        }
        boolean token = !name.isEmpty() && name.chars().allMatch(character -> isToken((char) character));
        return "inline; filename="
                + (token ? name : "\"" + name.replace("\\", "\\\\").replace("\"", "\\\"") + "\"");
    }

    private static boolean isToken(char character) {
        return (character >= '0' && character <= '9')
                || (character >= 'a' && character <= 'z')
                || (character >= 'A' && character <= 'Z')
                || TOKEN_SPECIALS.indexOf(character) >= 0;
    }

    /** By the name's extension, else by whether the beginning is text. */
    static String contentType(String name, byte[] beginning) {
        String known = MimeTypes.DEFAULTS.getMimeByExtension(name);
        if (known != null) {
            return known.startsWith("text/") && !known.contains("charset") ? known + "; charset=utf-8" : known;
        }
        for (byte one : beginning) {
            boolean control = one >= 0 && one < ' ' && "\t\n\f\r\u001b".indexOf(one) < 0;
            if (control) {
                return "application/octet-stream";
            }
        }
        return beginning.length == 0 ? "application/octet-stream" : "text/plain; charset=utf-8";
    }

    /** One parameter of a header such as {@code Content-Disposition}, unquoted; the extended form (RFC 5987) comes first. */
    static Optional<String> parameter(@Nullable String header, String name) {
        Map<String, String> parameters = parameters(header == null ? "" : header);
        String extended = parameters.get(name + "*");
        if (extended != null && extended.toLowerCase(Locale.ROOT).startsWith("utf-8'")) {
            String encoded = extended.substring(extended.indexOf('\'', 6) + 1);
            try {
                return Optional.of(java.net.URLDecoder.decode(encoded.replace("+", "%2B"), StandardCharsets.UTF_8));
            } catch (IllegalArgumentException malformed) {
                return Optional.ofNullable(parameters.get(name));
            }
        }
        return Optional.ofNullable(parameters.get(name));
    }

    private static Map<String, String> parameters(String header) {
        Map<String, String> parameters = new TreeMap<>();
        int at = header.indexOf(';');
        while (at >= 0 && at < header.length()) {
            int equals = header.indexOf('=', at);
            if (equals < 0) {
                break;
            }
            String key = header.substring(at + 1, equals).strip().toLowerCase(Locale.ROOT);
            StringBuilder value = new StringBuilder();
            at = equals + 1;
            while (at < header.length() && header.charAt(at) == ' ') {
                at++;
            }
            if (at < header.length() && header.charAt(at) == '"') {
                at = unquote(header, at + 1, value);
                at = header.indexOf(';', at);
            } else {
                int stop = header.indexOf(';', at);
                value.append(
                        header.substring(at, stop < 0 ? header.length() : stop).strip());
                at = stop;
            }
            parameters.putIfAbsent(key, value.toString());
        }
        return parameters;
    }

    /** Only a quote or a backslash is escaped: other backslashes belong to a name, as from Windows. */
    private static int unquote(String header, int from, StringBuilder value) {
        int at = from;
        while (at < header.length() && header.charAt(at) != '"') {
            if (header.charAt(at) == '\\' && at + 1 < header.length() && "\"\\".indexOf(header.charAt(at + 1)) >= 0) {
                at++;
            }
            value.append(header.charAt(at++));
        }
        return Math.min(at, header.length());
    }
}
