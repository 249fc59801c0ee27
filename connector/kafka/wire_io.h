/* wire_io.h - one connection to a broker, and how requests and answers are made of bytes. */
#ifndef PENSTOCK_CONNECTOR_KAFKA_WIRE_IO_H
#define PENSTOCK_CONNECTOR_KAFKA_WIRE_IO_H

#include "connector/kafka/kafka.h"

/* How to connect; strings in an arena. */
struct wire_security {
    bool tls;
    const char *mechanism; /* of SASL; NULL = none */
    const char *user, *password;
    const char *ca_file, *ca_pem, *cert_file, *cert_pem, *key_file, *key_pem, *key_password;
    bool verify_host;
    int64_t timeout_ms; /* of one request, and of connecting */
};
/* As librdkafka understands the table's properties. ERR_UNSUPPORTED names what isn't spoken here.
 */
int wire_security(const struct kafka_table *k, struct arena *a, struct wire_security *ret,
                  struct err *err) ATTR_MUST_USE;

struct wire_io;
/* address: "host:port"; outlives the connection, like security. */
int wire_io_open(const char *address, const struct wire_security *s, struct wire_io **ret,
                 struct err *err) ATTR_MUST_USE;
void wire_io_free(struct wire_io *io);

/* An answer, in the connection's buffer until the next call. */
struct wire_reader {
    struct sv rest;
    bool failed; /* it was shorter than what was asked of it */
    const char *address;
};
/* Sends a request and reads its answer, whose header is taken off. flexible: header and body are of
 * the newer form, with compact strings and tags. */
int wire_io_call(struct wire_io *io, int api, int version, bool flexible, const struct str *body,
                 struct wire_reader *reply, struct err *err) ATTR_MUST_USE;

/* ---- bytes ---- */

void wire_put(struct str *out, uint64_t v, int n_bytes); /* big-endian */
void wire_put_varint(struct str *out, uint64_t v);
void wire_put_string(struct str *out, const char *s);
void wire_put_compact(struct str *out, const char *s);
uint64_t wire_get(struct wire_reader *r, int n_bytes);
uint64_t wire_get_varint(struct wire_reader *r);
/* NULL is the empty string. */
struct sv wire_get_string(struct wire_reader *r, bool compact);
void wire_skip_tags(struct wire_reader *r);
int wire_done(const struct wire_reader *r, struct err *err) ATTR_MUST_USE; /* ERR_PROTOCOL */

#endif
