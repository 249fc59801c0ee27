/* wire_io.c - see wire_io.h. */
#include "connector/kafka/wire_io.h"

#include "base/core/clock.h"
#include "base/core/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
    API_SASL_HANDSHAKE = 17,
    API_SASL_AUTHENTICATE = 36,
    REPLY_MAX_BYTES = 16 << 20,
    TIMEOUT_MS = 10000,
    ITERATIONS_MAX = 1 << 20,
    DIGEST_MAX_BYTES = 64,
    NONCE_BYTES = 18
};

struct wire_io {
    const char *address;
    const struct wire_security *security;
    CURL *curl;
    curl_socket_t socket;
    uint32_t last; /* correlation id */
    struct str reply;
};

/* ---- bytes ---- */

void wire_put(struct str *out, uint64_t v, int n_bytes) {
    for (int i = n_bytes - 1; i >= 0; i--)
        str_add_char(out, (char)(v >> 8 * i));
}

void wire_put_varint(struct str *out, uint64_t v) {
    for (; v >= 128; v >>= 7)
        str_add_char(out, (char)(v | 128));
    str_add_char(out, (char)v);
}

void wire_put_string(struct str *out, const char *s) {
    wire_put(out, strlen(s), 2);
    str_add(out, s);
}

void wire_put_compact(struct str *out, const char *s) {
    wire_put_varint(out, strlen(s) + 1);
    str_add(out, s);
}

uint64_t wire_get(struct wire_reader *r, int n_bytes) {
    struct sv s;
    if (r->failed || !sv_cut(&r->rest, (size_t)n_bytes, &s)) {
        r->failed = true;
        return 0;
    }
    uint64_t v = 0;
    for (int i = 0; i < n_bytes; i++)
        v = v << 8 | (unsigned char)s.ptr[i];
    return v;
}

uint64_t wire_get_varint(struct wire_reader *r) {
    uint64_t v = 0;
    for (int shift = 0; shift < 35; shift += 7) {
        uint64_t byte = wire_get(r, 1);
        v |= (byte & 127) << shift;
        if (!(byte & 128)) return v;
    }
    r->failed = true;
    return 0;
}

struct sv wire_get_string(struct wire_reader *r, bool compact) {
    struct sv s = {"", 0};
    int64_t n =
        compact ? (int64_t)wire_get_varint(r) - 1 : (int64_t)(int16_t)(uint16_t)wire_get(r, 2);
    if (!r->failed && n > 0 && !sv_cut(&r->rest, (size_t)n, &s)) r->failed = true;
    return s;
}

void wire_skip_tags(struct wire_reader *r) {
    for (uint64_t n = wire_get_varint(r); n && !r->failed; n--) {
        wire_get_varint(r);
        struct sv value;
        if (!sv_cut(&r->rest, wire_get_varint(r), &value)) r->failed = true;
    }
}

int wire_done(const struct wire_reader *r, struct err *err) {
    if (!r->failed) return 0;
    return err_set(err, ERR_PROTOCOL, "kafka %s: the answer is too short", r->address);
}

/* ---- sending and receiving ---- */

static int wait_for(struct wire_io *io, short events, int64_t deadline_ms, struct err *err) {
    struct pollfd p = {.fd = io->socket, .events = events};
    int64_t left = deadline_ms - clock_mono_ns() / 1000000;
    int n = left > 0 ? poll(&p, 1, (int)MIN(left, 60000)) : 0;
    if (n > 0 || (n < 0 && errno == EINTR)) return 0;
    return err_set(err, ERR_TIMEOUT, "kafka %s: no answer within %lld ms", io->address,
                   (long long)io->security->timeout_ms);
}

static int transfer(struct wire_io *io, bool send, char *p, size_t n, int64_t deadline_ms,
                    struct err *err) {
    while (n) {
        size_t some = 0;
        CURLcode code =
            send ? curl_easy_send(io->curl, p, n, &some) : curl_easy_recv(io->curl, p, n, &some);
        if (code == CURLE_AGAIN) {
            int rc = wait_for(io, send ? POLLOUT : POLLIN, deadline_ms, err);
            if (rc) return rc;
            continue;
        }
        if (code || !some)
            return err_set(err, ERR_NET, "kafka %s: %s", io->address,
                           code ? curl_easy_strerror(code) : "the broker closed the connection");
        p += some;
        n -= some;
    }
    return 0;
}

int wire_io_call(struct wire_io *io, int api, int version, bool flexible, const struct str *body,
                 struct wire_reader *reply, struct err *err) {
    AUTO_STR frame = STR_INIT;
    static const char client[] = "penstock";
    wire_put(&frame, 8 + 2 + strlen(client) + flexible + body->len, 4);
    wire_put(&frame, (uint64_t)api, 2);
    wire_put(&frame, (uint64_t)version, 2);
    wire_put(&frame, ++io->last, 4);
    wire_put_string(&frame, client);
    if (flexible) wire_put_varint(&frame, 0);
    str_add_n(&frame, str_text(body), body->len);
    int64_t deadline = clock_mono_ns() / 1000000 + io->security->timeout_ms;
    char size[4];
    int rc = transfer(io, true, frame.ptr, frame.len, deadline, err);
    if (!rc) rc = transfer(io, false, size, sizeof size, deadline, err);
    if (rc) return rc;
    struct wire_reader r = {{size, 4}, false, io->address};
    uint64_t n = wire_get(&r, 4);
    if (n < 4 || n > REPLY_MAX_BYTES)
        return err_set(err, ERR_PROTOCOL, "kafka %s: an answer of %llu bytes", io->address,
                       (unsigned long long)n);
    str_clear(&io->reply);
    str_reserve(&io->reply, n + 1);
    rc = transfer(io, false, io->reply.ptr, n, deadline, err);
    if (rc) return rc;
    *reply = (struct wire_reader){{io->reply.ptr, n}, false, io->address};
    if ((uint32_t)wire_get(reply, 4) != io->last)
        return err_set(err, ERR_PROTOCOL, "kafka %s: an answer to another request", io->address);
    if (flexible) wire_skip_tags(reply);
    return wire_done(reply, err);
}

/* ---- SASL ---- */

static int authenticate(struct wire_io *io, struct sv token, struct sv *ret, struct err *err) {
    AUTO_STR body = STR_INIT;
    wire_put(&body, token.len, 4);
    str_add_sv(&body, token);
    struct wire_reader r;
    int rc = wire_io_call(io, API_SASL_AUTHENTICATE, 0, false, &body, &r, err);
    if (rc) return rc;
    int code = (int16_t)wire_get(&r, 2);
    struct sv why = wire_get_string(&r, false);
    if (code)
        return err_set(err, ERR_PERMISSION, "kafka %s: %.*s", io->address, (int)MIN(why.len, 200),
                       why.len ? why.ptr : "authentication failed");
    uint64_t n = wire_get(&r, 4);
    if (!sv_cut(&r.rest, n, ret)) r.failed = true;
    return wire_done(&r, err);
}

static int sasl_plain(struct wire_io *io, struct err *err) {
    AUTO_STR token = STR_INIT;
    struct sv answer;
    str_add_char(&token, 0);
    str_add(&token, io->security->user);
    str_add_char(&token, 0);
    str_add(&token, io->security->password);
    return authenticate(io, str_view(&token), &answer, err);
}

static void add_base64(struct str *out, const unsigned char *p, int n) {
    unsigned char text[4 * DIGEST_MAX_BYTES];
    int len = EVP_EncodeBlock(text, p, n);
    str_add_n(out, text, (size_t)len);
}

/* The value of "x=..." among those that commas part. */
static struct sv scram_value(struct sv s, char name) {
    for (size_t at = 0; at < s.len;) {
        const char *end = memchr(s.ptr + at, ',', s.len - at);
        size_t n = end ? (size_t)(end - s.ptr) - at : s.len - at;
        if (n > 1 && s.ptr[at] == name && s.ptr[at + 1] == '=')
            return (struct sv){s.ptr + at + 2, n - 2};
        at += n + 1;
    }
    return (struct sv){"", 0};
}

/* What the two sides prove to each other (RFC 5802, section 3). */
static void scram_proof(const EVP_MD *md, const unsigned char *salted, struct sv message,
                        unsigned char *proof, unsigned char *server) {
    unsigned n = (unsigned)EVP_MD_size(md);
    unsigned char key[DIGEST_MAX_BYTES], stored[DIGEST_MAX_BYTES], sign[DIGEST_MAX_BYTES];
    HMAC(md, salted, (int)n, (const unsigned char *)"Client Key", 10, key, NULL);
    EVP_Digest(key, n, stored, NULL, md, NULL);
    HMAC(md, stored, (int)n, (const unsigned char *)message.ptr, message.len, sign, NULL);
    for (unsigned i = 0; i < n; i++)
        proof[i] = key[i] ^ sign[i];
    HMAC(md, salted, (int)n, (const unsigned char *)"Server Key", 10, key, NULL);
    HMAC(md, key, (int)n, (const unsigned char *)message.ptr, message.len, server, NULL);
}

static void scram_name(struct str *out, const char *user) {
    for (; *user; user++) {
        if (*user == ',')
            str_add(out, "=2C");
        else if (*user == '=')
            str_add(out, "=3D");
        else
            str_add_char(out, *user);
    }
}

static int sasl_scram(struct wire_io *io, const EVP_MD *md, struct err *err) {
    unsigned char random[NONCE_BYTES], salt[256], salted[DIGEST_MAX_BYTES], proof[DIGEST_MAX_BYTES],
        server[DIGEST_MAX_BYTES];
    AUTO_STR nonce = STR_INIT, bare = STR_INIT, message = STR_INIT, token = STR_INIT,
             want = STR_INIT;
    if (RAND_bytes(random, sizeof random) != 1)
        return err_set(err, ERR_RUNTIME, "kafka %s: no random numbers", io->address);
    add_base64(&nonce, random, sizeof random);
    str_add(&bare, "n=");
    scram_name(&bare, io->security->user);
    str_addf(&bare, ",r=%s", str_text(&nonce));
    str_addf(&token, "n,,%s", str_text(&bare));
    struct sv first, last;
    int rc = authenticate(io, str_view(&token), &first, err);
    if (rc) return rc;
    struct sv r = scram_value(first, 'r'), s = scram_value(first, 's'), i = scram_value(first, 'i');
    char count[16] = "";
    snprintf(count, sizeof count, "%.*s", (int)MIN(i.len, 15), i.ptr);
    int iterations = atoi(count), n_salt = -1;
    if (s.len && s.len <= 340 && s.len % 4 == 0)
        n_salt = EVP_DecodeBlock(salt, (const unsigned char *)s.ptr, (int)s.len);
    if (n_salt <= 0 || iterations < 1 || iterations > ITERATIONS_MAX ||
        !sv_starts(r, str_text(&nonce)))
        return err_set(err, ERR_PROTOCOL, "kafka %s: SCRAM: a malformed challenge", io->address);
    for (size_t k = s.len; k && s.ptr[k - 1] == '='; k--)
        n_salt--;
    int n = EVP_MD_size(md);
    PKCS5_PBKDF2_HMAC(io->security->password, -1, salt, n_salt, iterations, md, n, salted);
    str_clear(&token);
    str_add(&token, "c=biws,r=");
    str_add_sv(&token, r);
    str_addf(&message, "%s,", str_text(&bare));
    str_add_sv(&message, first);
    str_addf(&message, ",%s", str_text(&token));
    scram_proof(md, salted, str_view(&message), proof, server);
    str_add(&token, ",p=");
    add_base64(&token, proof, n);
    add_base64(&want, server, n);
    rc = authenticate(io, str_view(&token), &last, err);
    if (rc) return rc;
    if (!sv_eq(scram_value(last, 'v'), str_view(&want)))
        return err_set(err, ERR_PERMISSION,
                       "kafka %s: SCRAM: the broker doesn't know the password itself", io->address);
    return 0;
}

static int sasl(struct wire_io *io, struct err *err) {
    const char *mechanism = io->security->mechanism;
    AUTO_STR body = STR_INIT;
    wire_put_string(&body, mechanism);
    struct wire_reader r;
    int rc = wire_io_call(io, API_SASL_HANDSHAKE, 1, false, &body, &r, err);
    if (rc) return rc;
    if (wire_get(&r, 2))
        return err_set(err, ERR_PERMISSION, "kafka %s: the broker doesn't take SASL mechanism %s",
                       io->address, mechanism);
    if (!strcmp(mechanism, "PLAIN")) return sasl_plain(io, err);
    return sasl_scram(io, !strcmp(mechanism, "SCRAM-SHA-512") ? EVP_sha512() : EVP_sha256(), err);
}

/* ---- connecting ---- */

static void set_blob(CURL *c, CURLoption option, const char *pem) {
    struct curl_blob blob = {(void *)pem, strlen(pem), CURL_BLOB_COPY};
    curl_easy_setopt(c, option, &blob);
}

static void set_tls(CURL *c, const struct wire_security *s) {
    if (s->ca_file) curl_easy_setopt(c, CURLOPT_CAINFO, s->ca_file);
    if (s->ca_pem) set_blob(c, CURLOPT_CAINFO_BLOB, s->ca_pem);
    if (s->cert_file) curl_easy_setopt(c, CURLOPT_SSLCERT, s->cert_file);
    if (s->cert_pem) set_blob(c, CURLOPT_SSLCERT_BLOB, s->cert_pem);
    if (s->key_file) curl_easy_setopt(c, CURLOPT_SSLKEY, s->key_file);
    if (s->key_pem) set_blob(c, CURLOPT_SSLKEY_BLOB, s->key_pem);
    if (s->key_password) curl_easy_setopt(c, CURLOPT_KEYPASSWD, s->key_password);
    curl_easy_setopt(c, CURLOPT_SSL_ENABLE_ALPN, 0L);
    if (!s->verify_host) curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
}

int wire_io_open(const char *address, const struct wire_security *s, struct wire_io **ret,
                 struct err *err) {
    struct wire_io *io = mem_zalloc(sizeof *io);
    io->address = address;
    io->security = s;
    io->curl = curl_easy_init();
    CHECK(io->curl);
    AUTO_STR url = STR_INIT;
    str_addf(&url, "%s://%s", s->tls ? "https" : "http", address);
    curl_easy_setopt(io->curl, CURLOPT_URL, str_text(&url));
    curl_easy_setopt(io->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(io->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(io->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(io->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)s->timeout_ms);
    if (s->tls) set_tls(io->curl, s);
    CURLcode code = curl_easy_perform(io->curl);
    int rc = 0;
    if (!code) code = curl_easy_getinfo(io->curl, CURLINFO_ACTIVESOCKET, &io->socket);
    if (code)
        rc = err_set(err, ERR_NET, "kafka %s: connect: %s", address, curl_easy_strerror(code));
    if (!rc && s->mechanism) rc = sasl(io, err);
    if (rc) {
        wire_io_free(io);
        return rc;
    }
    *ret = io;
    return 0;
}

void wire_io_free(struct wire_io *io) {
    if (!io) return;
    curl_easy_cleanup(io->curl);
    str_release(&io->reply);
    free(io);
}

/* ---- security ---- */

static const char *value_of(rd_kafka_conf_t *conf, struct arena *a, const char *name) {
    char text[16384];
    size_t n = sizeof text;
    if (rd_kafka_conf_get(conf, name, text, &n) != RD_KAFKA_CONF_OK || n <= 1) return NULL;
    return arena_strdup(a, text);
}

static int read_security(rd_kafka_conf_t *conf, struct arena *a, struct wire_security *s,
                         struct err *err) {
    const char *protocol = value_of(conf, a, "security.protocol");
    *s = (struct wire_security){.timeout_ms = TIMEOUT_MS};
    s->tls = protocol && strcasestr(protocol, "ssl");
    if (protocol && strcasestr(protocol, "sasl")) {
        s->mechanism = value_of(conf, a, "sasl.mechanisms");
        s->user = value_of(conf, a, "sasl.username");
        s->password = value_of(conf, a, "sasl.password");
        if (!s->mechanism ||
            (strcmp(s->mechanism, "PLAIN") && strcmp(s->mechanism, "SCRAM-SHA-256") &&
             strcmp(s->mechanism, "SCRAM-SHA-512")))
            return err_set(err, ERR_UNSUPPORTED,
                           "exactly-once with SASL mechanism '%s' is not supported; there are "
                           "PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512",
                           s->mechanism ? s->mechanism : "GSSAPI");
        if (!s->user || !s->password)
            return err_set(err, ERR_VALIDATION,
                           "SASL %s needs a user and a password: 'properties.sasl.jaas.config', or "
                           "'properties.sasl.username' and 'properties.sasl.password'",
                           s->mechanism);
    }
    if (!s->tls) return 0;
    if (value_of(conf, a, "ssl.keystore.location"))
        return err_set(err, ERR_UNSUPPORTED,
                       "exactly-once with a key store of type PKCS12 is not supported; convert it "
                       "to PEM");
    s->ca_file = value_of(conf, a, "ssl.ca.location");
    s->ca_pem = value_of(conf, a, "ssl.ca.pem");
    s->cert_file = value_of(conf, a, "ssl.certificate.location");
    s->cert_pem = value_of(conf, a, "ssl.certificate.pem");
    s->key_file = value_of(conf, a, "ssl.key.location");
    s->key_pem = value_of(conf, a, "ssl.key.pem");
    s->key_password = value_of(conf, a, "ssl.key.password");
    const char *identity = value_of(conf, a, "ssl.endpoint.identification.algorithm");
    s->verify_host = identity && strcmp(identity, "none") != 0;
    return 0;
}

int wire_security(const struct kafka_table *k, struct arena *a, struct wire_security *ret,
                  struct err *err) {
    rd_kafka_conf_t *conf;
    int rc = kafka_conf(k, KAFKA_SINK, &conf, err);
    if (rc) return rc;
    rc = read_security(conf, a, ret, err);
    rd_kafka_conf_destroy(conf);
    return rc;
}
