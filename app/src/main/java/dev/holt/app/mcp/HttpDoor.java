package dev.holt.app.mcp;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.holt.app.client.Access;
import dev.holt.app.client.ClientException;
import dev.holt.app.client.ExitCode;
import dev.holt.http.ErrorBody;
import dev.holt.http.HttpFailure;
import dev.holt.http.JsonAnswer;
import dev.holt.http.JsonBody;
import io.modelcontextprotocol.server.transport.DefaultServerTransportSecurityValidator;
import io.modelcontextprotocol.server.transport.ServerTransportSecurityException;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.io.content.ByteBufferContentSource;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/**
 * Stands before the protocol library's servlet: lets in only requests for {@code /mcp} that come from no foreign web page and bring an
 * API key that Holt accepts, and passes their messages through {@link RunningCalls}.
 */
final class HttpDoor extends Handler.Wrapper {
    static final String PATH = "/mcp";
    /** Where the servlet's side finds the {@link Caller} of a request. */
    static final String CALLER = "dev.holt.app.mcp.caller";

    private static final int LONGEST_MESSAGE = 16 << 20;
    /** How long a key that Holt accepted is let in unasked; its calls are still Holt's to refuse. */
    private static final Duration TRUST = Duration.ofSeconds(30);

    private final URI apiUrl;
    private final URI sandboxUrl;
    private final HttpClient http;
    private final RunningCalls calls;
    private final DefaultServerTransportSecurityValidator pages;
    private final Cache<String, Caller> accepted =
            Caffeine.newBuilder().maximumSize(10_000).expireAfterWrite(TRUST).build();

    /**
     * @param addresses where Holt is; its key is not used
     * @param pages which {@code Origin} and {@code Host} may ask
     */
    HttpDoor(
            Access addresses,
            HttpClient http,
            RunningCalls calls,
            DefaultServerTransportSecurityValidator pages,
            Handler servlet) {
        super(servlet);
        this.apiUrl = addresses.apiUrl();
        this.sandboxUrl = addresses.sandboxUrl();
        this.http = http;
        this.calls = calls;
        this.pages = pages;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        if (!PATH.equals(request.getHttpURI().getPath())) {
            JsonAnswer.error(response, callback, new ErrorBody(404, "the Model Context Protocol is served at " + PATH));
            return true;
        }
        try {
            refuseForeignPages(request);
            request.setAttribute(CALLER, caller(request.getHeaders()));
            if (!request.getMethod().equals("POST")) {
                return super.handle(request, response, callback);
            }
            String session = Optional.ofNullable(request.getHeaders().get("Mcp-Session-Id"))
                    .orElse("");
            byte[] message = calls.pass(session, JsonBody.readBytes(request, LONGEST_MESSAGE));
            return super.handle(new WithBody(request, message), response, callback);
        } catch (RunningCalls.MalformedMessage e) {
            JsonAnswer.sendBytes(response, callback, 400, e.answer());
        } catch (HttpFailure e) {
            if (e.body().code() == 401) {
                response.getHeaders().put(HttpHeader.WWW_AUTHENTICATE, "Bearer realm=\"holt\"");
            }
            JsonAnswer.failure(response, callback, e);
        }
        return true;
    }

    private void refuseForeignPages(Request request) {
        HttpFields headers = request.getHeaders();
        Map<String, List<String>> values = new HashMap<>();
        String origin = headers.get(HttpHeader.ORIGIN);
        if (origin != null) {
            values.put("Origin", List.of(origin));
        }
        // HTTP/2 has the host in the authority
        String host = Optional.ofNullable(headers.get(HttpHeader.HOST))
                .or(() -> Optional.ofNullable(request.getHttpURI().getAuthority()))
                .orElse("");
        values.put("Host", List.of(host));
        try {
            pages.validateHeaders(values);
        } catch (ServerTransportSecurityException e) {
            throw new HttpFailure(
                    e.getStatusCode(),
                    e.getMessage() + ": got Origin '" + origin + "', Host '" + host
                            + "'. holt mcp takes more with --allow-origin and --allow-host");
        }
    }

    private Caller caller(HttpFields headers) {
        String given =
                Optional.ofNullable(headers.get(HttpHeader.AUTHORIZATION)).orElse("");
        if (!given.regionMatches(true, 0, "Bearer ", 0, 7) || given.length() == 7) {
            throw new HttpFailure(401, "send an API key of Holt: Authorization: Bearer e2b_...");
        }
        String key = given.substring(7).strip();
        Caller known = accepted.getIfPresent(key);
        if (known != null) {
            return known;
        }
        if (key.isEmpty() || !key.chars().allMatch(next -> next > ' ' && next < 0x7f)) {
            throw new HttpFailure(401, "the API key has characters that no key has");
        }
        Caller caller = new Caller(new Access(apiUrl, key, sandboxUrl), http);
        try {
            caller.control().get("/v2/sandboxes?limit=1");
        } catch (ClientException e) {
            int status = e.exitCode() == ExitCode.NOT_ALLOWED ? 401 : 503;
            throw new HttpFailure(status, String.valueOf(e.getMessage()));
        }
        accepted.put(key, caller);
        return caller;
    }

    /** A request whose body was read and is another now. */
    private static final class WithBody extends Request.Wrapper {
        private final Content.Source body;
        private final HttpFields headers;

        WithBody(Request request, byte[] body) {
            super(request);
            this.body = new ByteBufferContentSource(ByteBuffer.wrap(body));
            this.headers = HttpFields.build(request.getHeaders())
                    .remove(HttpHeader.TRANSFER_ENCODING)
                    .put(new HttpField(HttpHeader.CONTENT_LENGTH, Integer.toString(body.length)));
        }

        @Override
        public HttpFields getHeaders() {
            return headers;
        }

        @Override
        public long getLength() {
            return body.getLength();
        }

        @Override
        public Content.Chunk read() {
            return body.read();
        }

        @Override
        public void demand(Runnable demandCallback) {
            body.demand(demandCallback);
        }

        @Override
        public void fail(Throwable failure) {
            body.fail(failure);
        }
    }
}
