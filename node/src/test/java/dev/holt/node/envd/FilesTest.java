package dev.holt.node.envd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.wire.files.FileSignature;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.OptionalLong;
import java.util.Random;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.json.JsonMapper;

/** {@code /files}, {@code /files/compose} and the small routes. */
@ParameterizedClass
@EnumSource(HttpClient.Version.class)
class FilesTest {
    @Parameter
    HttpClient.Version version = HttpClient.Version.HTTP_1_1;

    @SuppressWarnings("NullAway.Init") // before each version of the class
    private static TestEnvd envd;

    @BeforeParameterizedClassInvocation
    static void start(HttpClient.Version version) throws IOException {
        envd = new TestEnvd(version);
    }

    @AfterParameterizedClassInvocation
    static void stop() throws IOException {
        envd.close();
    }

    private static String files(String path) {
        return "/files?path=" + URLEncoder.encode(path, StandardCharsets.UTF_8);
    }

    private static HttpRequest.Builder get(String name) {
        return envd.request(files(envd.path(name))).GET();
    }

    private static String text(HttpResponse<byte[]> response) {
        return response.statusCode() + " " + new String(response.body(), StandardCharsets.UTF_8);
    }

    private static String header(HttpResponse<?> response, String name) {
        return response.headers().firstValue(name).orElse("none");
    }

    private static HttpRequest.Builder octets(String pathAndQuery, byte[] body) {
        return envd.request(pathAndQuery)
                .header("Content-Type", "application/octet-stream")
                .POST(HttpRequest.BodyPublishers.ofByteArray(body));
    }

    private static byte[] gzip(byte[] plain) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
            gzip.write(plain);
        }
        return bytes.toByteArray();
    }

    @Test
    void downloadsWholeFiles() throws Exception {
        byte[] data = new byte[1_500_000];
        new Random(3).nextBytes(data);
        Files.write(envd.work().resolve("big.bin"), data);
        HttpResponse<byte[]> big = envd.send(get("big.bin"));
        assertThat(big.body()).isEqualTo(data);
        assertThat(header(big, "content-length")).isEqualTo("1500000");
        assertThat(header(big, "content-type")).isEqualTo("application/octet-stream");
        assertThat(header(big, "content-disposition")).isEqualTo("inline; filename=big.bin");
        assertThat(header(big, "vary")).isEqualTo("Accept-Encoding");
        Files.writeString(envd.work().resolve("notes"), "text");
        assertThat(header(envd.send(get("notes")), "content-type")).isEqualTo("text/plain; charset=utf-8");
        Files.writeString(envd.work().resolve("empty"), "");
        HttpResponse<byte[]> empty = envd.send(get("empty").header("Accept-Encoding", "gzip"));
        assertThat(header(empty, "content-length")).isEqualTo("0");
        assertThat(header(empty, "content-encoding")).isEqualTo("none");
        HttpResponse<byte[]> head = envd.send(
                envd.request(files(envd.path("big.bin"))).method("HEAD", HttpRequest.BodyPublishers.noBody()));
        assertThat(head.statusCode()).isEqualTo(200);
        assertThat(header(head, "content-length")).isEqualTo("1500000");
    }

    @Test
    void readsProcfsToItsEnd() throws Exception {
        HttpResponse<byte[]> status =
                envd.send(envd.request(files("/proc/self/status")).GET());
        assertThat(text(status)).startsWith("200 Name:");
        assertThat(header(status, "content-length")).isEqualTo(Integer.toString(status.body().length));
    }

    @Test
    void sendsWhatDoesNotPayToCompressAsItIs() throws Exception {
        byte[] dense = new byte[300_000];
        new Random(4).nextBytes(dense);
        Files.write(envd.work().resolve("dense"), dense);
        HttpResponse<byte[]> stored = envd.send(get("dense").header("Accept-Encoding", "gzip"));
        assertThat(header(stored, "content-encoding")).isEqualTo("gzip");
        assertThat(new GZIPInputStream(new ByteArrayInputStream(stored.body())).readAllBytes())
                .isEqualTo(dense);
        byte[] large = "again and again ".repeat(600_000).getBytes(StandardCharsets.US_ASCII);
        Files.write(envd.work().resolve("large"), large);
        HttpResponse<byte[]> whole = envd.send(get("large").header("Accept-Encoding", "gzip"));
        assertThat(header(whole, "content-encoding")).isEqualTo("none");
        assertThat(whole.body()).isEqualTo(large);
        HttpResponse<byte[]> refused = envd.send(get("large").header("Accept-Encoding", "gzip, identity;q=0"));
        assertThat(header(refused, "content-encoding")).isEqualTo("gzip");
        assertThat(new GZIPInputStream(new ByteArrayInputStream(refused.body())).readAllBytes())
                .isEqualTo(large);
    }

    @Test
    void compressesWhereThatIsAccepted() throws Exception {
        byte[] data = "again and again ".repeat(100_000).getBytes(StandardCharsets.US_ASCII);
        Files.write(envd.work().resolve("zip.txt"), data);
        HttpResponse<byte[]> zipped = envd.send(get("zip.txt").header("Accept-Encoding", "br, gzip;q=0.8"));
        assertThat(header(zipped, "content-encoding")).isEqualTo("gzip");
        assertThat(new GZIPInputStream(new ByteArrayInputStream(zipped.body())).readAllBytes())
                .isEqualTo(data);
        assertThat(header(envd.send(get("zip.txt").header("Accept-Encoding", "br")), "content-encoding"))
                .isEqualTo("none");
        assertThat(envd.send(get("zip.txt").header("Accept-Encoding", "br, identity;q=0"))
                        .statusCode())
                .isEqualTo(406);
        HttpResponse<byte[]> range =
                envd.send(get("zip.txt").header("Accept-Encoding", "gzip").header("Range", "bytes=0-3"));
        assertThat(header(range, "content-encoding")).isEqualTo("none");
        assertThat(envd.send(get("zip.txt")
                                .header("Accept-Encoding", "gzip, identity;q=0")
                                .header("Range", "bytes=0-3"))
                        .statusCode())
                .isEqualTo(406);
    }

    @Test
    void answersRangesAndConditions() throws Exception {
        Files.writeString(envd.work().resolve("digits"), "0123456789");
        HttpResponse<byte[]> middle = envd.send(get("digits").header("Range", "bytes=2-4"));
        assertThat(text(middle)).isEqualTo("206 234");
        assertThat(header(middle, "content-range")).isEqualTo("bytes 2-4/10");
        assertThat(text(envd.send(get("digits").header("Range", "bytes=-3")))).isEqualTo("206 789");
        assertThat(text(envd.send(get("digits").header("Range", "bytes=7-")))).isEqualTo("206 789");
        assertThat(text(envd.send(get("digits").header("Range", "bytes=0-1,4-5"))))
                .isEqualTo("200 0123456789");
        HttpResponse<byte[]> behind = envd.send(get("digits").header("Range", "bytes=10-"));
        assertThat(behind.statusCode()).isEqualTo(416);
        assertThat(header(behind, "content-range")).isEqualTo("bytes */10");
        HttpResponse<byte[]> whole = envd.send(get("digits"));
        String tag = header(whole, "etag");
        String modified = header(whole, "last-modified");
        assertThat(envd.send(get("digits").header("If-None-Match", tag)).statusCode())
                .isEqualTo(304);
        assertThat(envd.send(get("digits").header("If-None-Match", "\"other\"")).statusCode())
                .isEqualTo(200);
        assertThat(envd.send(get("digits").header("If-Modified-Since", modified))
                        .statusCode())
                .isEqualTo(304);
        assertThat(envd.send(get("digits").header("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"))
                        .statusCode())
                .isEqualTo(200);
        assertThat(text(envd.send(get("digits").header("Range", "bytes=0-0").header("If-Range", tag))))
                .isEqualTo("206 0");
        assertThat(text(envd.send(get("digits").header("Range", "bytes=0-0").header("If-Range", "\"old\""))))
                .isEqualTo("200 0123456789");
    }

    @Test
    void refusesDownloadsAsClientsExpect() throws Exception {
        assertThat(text(envd.send(get("missing"))))
                .isEqualTo("404 {\"code\":404,\"message\":\"path '" + envd.path("missing") + "' does not exist\"}");
        assertThat(text(envd.send(envd.request(files("missing.txt")).GET())))
                .isEqualTo("404 {\"code\":404,\"message\":\"path '/root/missing.txt' does not exist\"}");
        assertThat(text(envd.send(envd.request(files(envd.work().toString())).GET())))
                .isEqualTo("400 {\"code\":400,\"message\":\"path '" + envd.work() + "' is a directory\"}");
        assertThat(text(envd.send(
                        envd.request(files("/etc/passwd") + "&username=ghost").GET())))
                .isEqualTo(
                        "401 {\"code\":401,\"message\":\"error looking up user 'ghost': user: unknown user ghost\"}");
        assertThat(envd.send(envd.request(files("~ghost/x")).GET()).statusCode())
                .isEqualTo(400);
        assertThat(envd.send(envd.request("/files").PUT(HttpRequest.BodyPublishers.noBody()))
                        .statusCode())
                .isEqualTo(405);
    }

    @Test
    void uploadsOctets() throws Exception {
        byte[] data = new byte[900_001];
        new Random(5).nextBytes(data);
        String target = files(envd.path("up/load/file.bin")) + "&username=nobody";
        assertThat(text(envd.send(octets(target, data))))
                .isEqualTo("200 [{\"path\":\"" + envd.path("up/load/file.bin")
                        + "\",\"name\":\"file.bin\",\"type\":\"file\"}]");
        Path written = envd.work().resolve("up/load/file.bin");
        assertThat(Files.readAllBytes(written)).isEqualTo(data);
        assertThat(Files.getOwner(written).getName()).isEqualTo("nobody");
        assertThat(Files.getOwner(written.getParent()).getName()).isEqualTo("nobody");
        HttpRequest.Builder chunked = envd.request(files(envd.path("chunked")))
                .header("Content-Type", "application/octet-stream")
                .POST(HttpRequest.BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(data)));
        assertThat(envd.send(chunked).statusCode()).isEqualTo(200);
        assertThat(Files.readAllBytes(envd.work().resolve("chunked"))).isEqualTo(data);
        HttpRequest.Builder zipped =
                octets(files(envd.path("zipped")), gzip(data)).header("Content-Encoding", "gzip");
        assertThat(envd.send(zipped).statusCode()).isEqualTo(200);
        assertThat(Files.readAllBytes(envd.work().resolve("zipped"))).isEqualTo(data);
    }

    @Test
    void refusesUploadsAsClientsExpect() throws Exception {
        byte[] body = {1, 2, 3};
        assertThat(text(envd.send(octets("/files", body))))
                .isEqualTo("400 {\"code\":400,\"message\":\"path query parameter is required for raw body upload\"}");
        assertThat(envd.send(octets(files(envd.work().toString()), body)).statusCode())
                .isEqualTo(400);
        assertThat(envd.send(octets(files("x") + "&username=ghost", body)).statusCode())
                .isEqualTo(401);
        assertThat(text(envd.send(octets(files("/dev/full"), new byte[100]))))
                .isEqualTo(
                        "507 {\"code\":507,\"message\":\"attempted to write 100 bytes: not enough disk space available\"}");
        assertThat(envd.send(octets(files("/dev/full"), new byte[20_000_000])).statusCode())
                .isEqualTo(507);
        assertThat(envd.send(octets(files(envd.path("x")), body).header("Content-Encoding", "br"))
                        .statusCode())
                .isEqualTo(400);
        assertThat(envd.send(octets(files(envd.path("x")), body).header("Content-Encoding", "gzip"))
                        .statusCode())
                .isEqualTo(400);
        assertThat(envd.send(envd.request(files(envd.path("x")))
                                .header("Content-Type", "text/plain")
                                .POST(HttpRequest.BodyPublishers.ofString("x")))
                        .statusCode())
                .isEqualTo(400);
    }

    @Test
    void metadataIsKeptAndReplacedAsAWhole() throws Exception {
        HttpRequest.Builder first = octets(files(envd.path("meta")), new byte[] {1})
                .header("X-Metadata-Author", "me & you")
                .header("X-Metadata-B", "2");
        assertThat(text(envd.send(first))).contains("\"metadata\":{\"author\":\"me & you\",\"b\":\"2\"}");
        assertThat(envd.call("filesystem.Filesystem/Stat", "{\"path\":\"" + envd.path("meta") + "\"}")
                        .toString())
                .contains("\"metadata\":{\"author\":\"me & you\",\"b\":\"2\"}");
        assertThat(text(envd.send(
                        octets(files(envd.path("meta")), new byte[] {1}).header("X-Metadata-C", "3"))))
                .contains("\"metadata\":{\"c\":\"3\"}");
        assertThat(text(envd.send(octets(files(envd.path("meta")), new byte[] {1}))))
                .doesNotContain("metadata");
        assertThat(envd.send(octets(files(envd.path("meta")), new byte[] {1})
                                .header("X-Metadata-" + "k".repeat(247), "v"))
                        .statusCode())
                .isEqualTo(400);
        assertThat(envd.send(octets(files(envd.path("meta")), new byte[] {1}).header("X-Metadata-V", "v".repeat(4096)))
                        .statusCode())
                .isEqualTo(400);
    }

    private static HttpRequest.Builder multipart(String pathAndQuery, String body) {
        return envd.request(pathAndQuery)
                .header("Content-Type", "multipart/form-data; boundary=\"the boundary\"")
                .POST(HttpRequest.BodyPublishers.ofString(body.replace("\n", "\r\n")));
    }

    private static String part(String name, String file, String content) {
        return "--the boundary\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"" + file
                + "\"\nContent-Type: text/plain\n\n" + content + "\n";
    }

    @Test
    void uploadsMultipart() throws Exception {
        String one = envd.path("parts/ä/one");
        String two = envd.path("parts/two");
        String body = part("file", one, "first") + part("other", "x", "ignored") + part("file", two, "")
                + "--the boundary--\n";
        String answer = text(envd.send(multipart("/files", body)));
        assertThat(answer)
                .startsWith("200 [{\"path\":\"" + one + "\",\"name\":\"one\"")
                .contains("\"path\":\"" + two + "\"");
        assertThat(Files.readString(Path.of(one))).isEqualTo("first");
        assertThat(Files.readString(Path.of(two))).isEmpty();
        String named = part("file", "ignored", "content") + "--the boundary--\n";
        assertThat(envd.send(multipart(files(envd.path("named")), named)).statusCode())
                .isEqualTo(200);
        assertThat(Files.readString(envd.work().resolve("named"))).isEqualTo("content");
        String twice = part("file", one, "1") + part("file", one, "2") + "--the boundary--\n";
        assertThat(text(envd.send(multipart("/files", twice))))
                .startsWith("400 ")
                .contains("multiple files to the same path");
        assertThat(envd.send(multipart("/files", part("file", one, "cut short")))
                        .statusCode())
                .isEqualTo(400);
        assertThat(text(envd.send(multipart("/files", "--the boundary--\n")))).isEqualTo("200 []");
    }

    @Test
    void composesFiles() throws Exception {
        Files.writeString(envd.work().resolve("c1"), "one,");
        Files.writeString(envd.work().resolve("c2"), "two");
        String request = JsonMapper.shared()
                .writeValueAsString(java.util.Map.of(
                        "source_paths",
                        new String[] {envd.path("c1"), envd.path("c2")},
                        "destination",
                        envd.path("composed/whole"),
                        "username",
                        "nobody"));
        assertThat(text(compose(request)))
                .isEqualTo(
                        "200 {\"path\":\"" + envd.path("composed/whole") + "\",\"name\":\"whole\",\"type\":\"file\"}");
        assertThat(Files.readString(envd.work().resolve("composed/whole"))).isEqualTo("one,two");
        assertThat(Files.exists(envd.work().resolve("c1"))).isFalse();
        assertThat(text(compose(request)))
                .isEqualTo("404 {\"code\":404,\"message\":\"source file not found: " + envd.path("c1") + "\"}");
        assertThat(compose("{\"destination\":\"/x\"}").statusCode()).isEqualTo(400);
        assertThat(compose("{\"source_paths\":[\"/x\"]}").statusCode()).isEqualTo(400);
        assertThat(compose("{\"source_paths\":[\"/tmp\"],\"destination\":\"/tmp/x\"}")
                        .statusCode())
                .isEqualTo(400);
        assertThat(compose("{\"source_paths\":[\"/tmp/x\"],\"destination\":\"/tmp/x\",\"username\":\"ghost\"}")
                        .statusCode())
                .isEqualTo(401);
    }

    private static HttpResponse<byte[]> compose(String json) throws Exception {
        return envd.send(envd.request("/files/compose")
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(json)));
    }

    @Test
    void answersTheSmallRoutes() throws Exception {
        assertThat(envd.send(envd.request("/health").GET()).statusCode()).isEqualTo(204);
        assertThat(text(envd.send(envd.request("/envs").GET()))).contains("\"FROM_SANDBOX\":\"yes\"");
        assertThat(text(envd.send(envd.request("/metrics").GET())))
                .isEqualTo(
                        "200 {\"ts\":1000,\"cpu_count\":2,\"cpu_used_pct\":12.35,\"mem_total\":1000,\"mem_used\":100,"
                                + "\"mem_cache\":50,\"mem_total_mib\":0,\"mem_used_mib\":0,\"disk_used\":10,\"disk_total\":20}");
        for (String internal :
                new String[] {"init", "freeze", "unfreeze", "collapse", "fsfreeze", "fsthaw", "upgrade"}) {
            assertThat(envd.send(envd.request("/" + internal).POST(HttpRequest.BodyPublishers.noBody()))
                            .statusCode())
                    .isEqualTo(404);
        }
        assertThat(envd.send(envd.request("/envs").POST(HttpRequest.BodyPublishers.noBody()))
                        .statusCode())
                .isEqualTo(405);
    }

    @Test
    void letsBrowsersIn() throws Exception {
        HttpResponse<byte[]> preflight = envd.send(envd.request("/process.Process/Start")
                .method("OPTIONS", HttpRequest.BodyPublishers.noBody())
                .header("Origin", "https://app.example")
                .header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "content-type,x-access-token"));
        assertThat(preflight.statusCode()).isEqualTo(204);
        assertThat(header(preflight, "access-control-allow-origin")).isEqualTo("*");
        assertThat(header(preflight, "access-control-allow-headers")).isEqualTo("content-type,x-access-token");
        assertThat(header(preflight, "access-control-max-age")).isEqualTo("7200");
        HttpResponse<byte[]> plain = envd.send(
                envd.request("/health").header("Origin", "https://app.example").GET());
        assertThat(header(plain, "access-control-allow-origin")).isEqualTo("*");
        assertThat(header(envd.send(envd.request("/health").GET()), "access-control-allow-origin"))
                .isEqualTo("none");
    }

    private static final String UNAUTHORIZED =
            "401 {\"code\":401,\"message\":\"unauthorized access, please provide a valid"
                    + " access token or method signing if supported\"}";

    @Test
    void secureSandboxesWantTheirToken() throws Exception {
        for (String route : new String[] {"/envs", "/metrics", "/process.Process/List", "/nothing"}) {
            assertThat(text(envd.send(TestEnvd.secured(envd.request(route)).GET())))
                    .isEqualTo(UNAUTHORIZED);
            assertThat(text(envd.send(TestEnvd.secured(envd.request(route))
                            .header("X-Access-Token", "wrong")
                            .GET())))
                    .isEqualTo(UNAUTHORIZED);
        }
        assertThat(envd.send(TestEnvd.secured(envd.request("/envs"))
                                .header("X-Access-Token", TestEnvd.TOKEN)
                                .GET())
                        .statusCode())
                .isEqualTo(200);
        assertThat(envd.send(TestEnvd.secured(envd.request("/health")).GET()).statusCode())
                .isEqualTo(204);
    }

    @Test
    void signaturesOpenOneFile() throws Exception {
        Files.writeString(envd.work().resolve("signed"), "content");
        String path = envd.path("signed");
        assertThat(secured(files(path))).startsWith("401 ").contains("missing signature query parameter");
        assertThat(secured(files(path) + signature(path, "read", "", null))).isEqualTo("200 content");
        assertThat(secured(files(path) + "&username=root" + signature(path, "read", "root", null)))
                .isEqualTo("200 content");
        assertThat(secured(files(path) + "&username=root" + signature(path, "read", "", null)))
                .contains("invalid signature");
        assertThat(secured(files(path) + signature(path, "write", "", null))).contains("invalid signature");
        long future = Instant.now().getEpochSecond() + 100;
        assertThat(secured(files(path) + signature(path, "read", "", future))).isEqualTo("200 content");
        assertThat(secured(files(path) + signature(path, "read", "", 1000L))).contains("signature is already expired");
        assertThat(secured(files(path) + signature(path, "read", "", null) + "&signature_expiration=9999999999"))
                .contains("invalid signature");
        assertThat(secured(files(path) + signature(path, "read", "", null) + "&signature_expiration=soon"))
                .startsWith("400 ");
        HttpResponse<byte[]> upload = envd.send(TestEnvd.secured(
                octets(files(path) + signature(path, "write", "", null), "new".getBytes(StandardCharsets.UTF_8))));
        assertThat(upload.statusCode()).isEqualTo(200);
        assertThat(text(envd.send(TestEnvd.secured(octets(files(path), new byte[10])))))
                .startsWith("401 ");
    }

    private static String secured(String pathAndQuery) throws Exception {
        return text(envd.send(TestEnvd.secured(envd.request(pathAndQuery)).GET()));
    }

    private static String signature(String path, String operation, String user, @Nullable Long expires) {
        return "&signature="
                + URLEncoder.encode(
                        FileSignature.of(
                                        path,
                                        operation,
                                        user,
                                        TestEnvd.TOKEN,
                                        expires == null ? OptionalLong.empty() : OptionalLong.of(expires))
                                .text(),
                        StandardCharsets.UTF_8)
                + (expires == null ? "" : "&signature_expiration=" + expires);
    }

    @Test
    void signsAsTheClientsDo() {
        assertThat(FileSignature.of("/a b", "read", "user", "token", OptionalLong.empty())
                        .text())
                .isEqualTo("v1_"
                        + java.util.Base64.getEncoder()
                                .withoutPadding()
                                .encodeToString(sha256("/a b:read:user:token")));
    }

    private static byte[] sha256(String text) {
        try {
            return java.security.MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (java.security.NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
