/* avro_test.c - Avro's binary form: bytes as Avro's specification has them, all types there and
 * back, records that end too soon. */
#include "tests/unit/connector/harness.h"

#include <stdlib.h>
#include <string.h>

static struct encoder *encoder_of(struct harness *h) {
    struct err err = ERR_INIT;
    struct encoder *e = NULL;
    struct format_ctx ctx = harness_format_ctx(h);
    const struct format_desc *f = format_find("avro");
    if (f->check(&ctx, &err) || f->encoder_new(&ctx, &e, &err)) fail_msg("%s", err.msg);
    return e;
}

/* Reads one message with the produced columns; "error: ..." if it can't be. */
static const char *read_message(struct harness *h, const int *produced, int n, const char *p,
                                size_t len) {
    struct err err = ERR_INIT;
    struct decoder *d = NULL;
    struct format_ctx ctx = harness_format_ctx(h);
    ctx.produced = produced;
    ctx.n_produced = n;
    if (format_find("avro")->decoder_new(&ctx, &d, &err)) fail_msg("%s", err.msg);
    struct col_builder cols[16];
    for (int i = 0; i < n; i++)
        col_builder_init(&cols[i], h->table.schema->fields[produced[i]].type, 4);
    struct row_sink out = {.n_cols = n, .cols = cols, .max_rows = 4};
    AUTO_STR text = STR_INIT;
    int rc = d->ops->decode_message(d, p, len, &out, &err);
    for (int i = 0; i < n; i++)
        assert_int_equal(cols[i].col.n, rc ? 0 : 1);
    if (rc) {
        assert_int_equal(rc, ERR_RECORD);
        str_addf(&text, "error: %s", err.msg);
    } else {
        struct batch *b = batch_new(n);
        b->n = 1;
        for (int i = 0; i < n; i++)
            col_builder_finish(&cols[i], &b->cols[i]);
        harness_print(b, &text);
        batch_unref(b);
    }
    for (int i = 0; i < n; i++)
        col_builder_release(&cols[i]);
    d->ops->free(d);
    return arena_strdup(&h->arena, str_text(&text));
}

static void encode(struct harness *h, const char *json, struct str *out) {
    struct err err = ERR_INIT;
    struct encoder *e = encoder_of(h);
    struct batch *b = harness_batch(h, json, NULL);
    if (e->ops->encode_message(e, b, 0, out, &err)) fail_msg("%s", err.msg);
    batch_unref(b);
    e->ops->free(e);
}

static void bytes_are(const char *row_type, const char *json, const char *bytes, size_t n) {
    struct harness h;
    AUTO_STR out = STR_INIT;
    harness_init(&h, row_type, NULL);
    encode(&h, json, &out);
    assert_int_equal(out.len, n);
    assert_memory_equal(out.ptr, bytes, n);
    harness_release(&h);
}
#define BYTES(s) s, sizeof(s) - 1

static void as_specified(void **state) {
    bytes_are("ROW<a INT NOT NULL, b STRING NOT NULL>", "{\"a\":-64,\"b\":\"foo\"}",
              BYTES("\x7f\x06"
                    "foo"));
    bytes_are("ROW<a INT, b STRING>", "{\"a\":64}", BYTES("\x02\x80\x01\x00"));
    bytes_are("ROW<a ARRAY<BIGINT NOT NULL> NOT NULL>", "{\"a\":[3,27]}",
              BYTES("\x04\x06\x36\x00"));
    bytes_are("ROW<a MAP<STRING, BOOLEAN NOT NULL> NOT NULL>", "{\"a\":{\"k\":true}}",
              BYTES("\x02\x02k\x01\x00"));
    bytes_are("ROW<a DOUBLE NOT NULL>", "{\"a\":1.5}", BYTES("\0\0\0\0\0\0\xf8\x3f"));
    bytes_are("ROW<a DECIMAL(10, 2) NOT NULL>", "{\"a\":1.27}", BYTES("\x02\x7f"));
    bytes_are("ROW<a DECIMAL(10, 2) NOT NULL>", "{\"a\":1.28}", BYTES("\x04\x00\x80"));
    bytes_are("ROW<a DECIMAL(10, 2) NOT NULL>", "{\"a\":-1.28}", BYTES("\x02\x80"));
    bytes_are("ROW<a TIMESTAMP(3) NOT NULL, d DATE NOT NULL>",
              "{\"a\":\"1970-01-01 00:00:00.001\",\"d\":\"1969-12-31\"}", BYTES("\x02\x01"));
}

#define ALL_TYPES                                                                                  \
    "ROW<a TINYINT, b SMALLINT, c INT, d BIGINT, e FLOAT, f DOUBLE, g DECIMAL(38, 3), h STRING, "  \
    "i DATE, j TIME(3), k TIMESTAMP(3), l ARRAY<ROW<x INT, y STRING>>, m MAP<STRING, BIGINT>, "    \
    "n ROW<o BOOLEAN, p ARRAY<INT>>, q BYTES>"

static const char *const row =
    "{\"a\":-1,\"b\":-300,\"c\":2147483647,\"d\":-9223372036854775808,\"e\":1.5,\"f\":-0.1,"
    "\"g\":-12345678901234567890.123,\"h\":\"some text of a length\",\"i\":\"2024-02-29\","
    "\"j\":\"10:11:12.123\",\"k\":\"2024-02-29 10:11:12.123\",\"l\":[{\"x\":1},{\"y\":\"z\"}],"
    "\"m\":{\"k\":1,\"l\":null},\"n\":{\"o\":true,\"p\":[1,null]},\"q\":\"AQI=\"}";

static void there_and_back(void **state) {
    struct harness h;
    AUTO_STR out = STR_INIT, want = STR_INIT;
    harness_init(&h, ALL_TYPES, NULL);
    encode(&h, row, &out);
    struct batch *b = harness_batch(&h, row, NULL);
    harness_print(b, &want);
    batch_unref(b);
    assert_string_equal(read_message(&h, h.all, 15, out.ptr, out.len), str_text(&want));
    /* Some columns of it, in another order: the others are passed over. */
    assert_string_equal(read_message(&h, (const int[]){7, 2}, 2, out.ptr, out.len),
                        "+I(some text of a length, 2147483647)\n");
    str_clear(&out);
    encode(&h, "{}", &out);
    assert_int_equal(out.len, 15);
    harness_release(&h);
}

/* No prefix of a record is one, and none leaves anything behind. */
static void cut_short(void **state) {
    struct harness h;
    AUTO_STR out = STR_INIT;
    harness_init(&h, ALL_TYPES, NULL);
    encode(&h, row, &out);
    for (size_t n = 0; n < out.len; n++) {
        char *part = malloc(n + 1); /* so that ASan sees a byte too many */
        memcpy(part, out.ptr, n);
        part = realloc(part, n ? n : 1);
        assert_int_equal(strncmp(read_message(&h, h.all, 15, part, n), "error: field '", 14), 0);
        free(part);
    }
    assert_non_null(strstr(read_message(&h, h.all, 15, "\x04", 1), "no branch 2"));
    assert_non_null(strstr(read_message(&h, h.all, 15, "\x02\x80\x02", 3), "128 is out of range"));
    harness_release(&h);
}

static void refuses(const char *row_type, const char *const *options, const char *want) {
    struct harness h;
    struct err err = ERR_INIT;
    harness_init(&h, row_type, options);
    struct format_ctx ctx = harness_format_ctx(&h);
    assert_true(format_find("avro")->check(&ctx, &err) < 0);
    if (!strstr(err.msg, want)) fail_msg("%s", err.msg);
    harness_release(&h);
}

static void refused(void **state) {
    refuses("ROW<a TIMESTAMP(6)>", NULL, "column 'a': Avro has no TIMESTAMP(6)");
    refuses("ROW<a TIMESTAMP_LTZ(3)>", NULL, "'avro.timestamp_mapping.legacy' is 'false'");
    refuses("ROW<a TIMESTAMP(9)>", OPTIONS("avro.timestamp_mapping.legacy", "false"),
            "at most TIMESTAMP(6)");
    refuses("ROW<a MAP<INT, INT>>", NULL, "key must be a string");
    refuses("ROW<a INT>", OPTIONS("connector", "filesystem"), "container format");
    refuses("ROW<a INT>", OPTIONS("avro.encoding", "json"), "'avro.encoding' = 'json'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_specified),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
