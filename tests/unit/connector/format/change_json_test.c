/* change_json_test.c - the changelog formats on JSON, and raw. The answers follow Apache Flink's.
 */
#include "tests/unit/connector/harness.h"

#include <string.h>

static const char row[] = "ROW<id INT, name STRING, v INT>";

static void expect_decode(const char *format, const char *const *options, const char *text,
                          const char *want) {
    static const uint32_t sizes[] = {1, 4096};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct harness h;
        harness_init(&h, row, options);
        assert_string_equal(harness_decode(&h, format, text, strlen(text), sizes[i]), want);
        harness_release(&h);
    }
}

static void debezium(void **state) {
    expect_decode(
        "debezium-json", NULL,
        "{\"before\":null,\"after\":{\"id\":1,\"name\":\"a\",\"v\":10},\"op\":\"c\"}\n"
        "{\"before\":{\"id\":1,\"name\":\"a\",\"v\":10},\"after\":{\"id\":1,\"name\":\"a\","
        "\"v\":15},\"op\":\"u\",\"source\":{\"db\":\"x\"}}\n"
        "{\"op\":\"r\",\"after\":{\"id\":3}}\n"
        "{\"before\":{\"id\":1,\"v\":15},\"after\":null,\"op\":\"d\"}\n",
        "+I(1, a, 10)\n-U(1, a, 10)\n+U(1, a, 15)\n+I(3, NULL, NULL)\n-D(1, NULL, 15)\n");
    expect_decode(
        "debezium-json", OPTIONS("debezium-json.schema-include", "true"),
        "{\"schema\":{\"type\":\"struct\"},\"payload\":{\"before\":null,\"after\":{\"id\":1},"
        "\"op\":\"c\"}}\n{\"schema\":null,\"payload\":null}\n",
        "+I(1, NULL, NULL)\n");
    expect_decode(
        "debezium-json", NULL, "{\"before\":null,\"after\":{\"id\":1},\"op\":\"u\"}\n",
        "error: field 'before' of a Debezium message must be an object; a Postgres table needs "
        "REPLICA IDENTITY FULL for it\n");
    expect_decode("debezium-json", NULL, "{\"after\":{\"id\":1},\"op\":\"x\"}\n",
                  "error: 'x' is no 'op' of Debezium\n");
    expect_decode("debezium-json", NULL, "{\"after\":{\"id\":1}}\n",
                  "error: a Debezium message has no field 'op'\n");
}

/* A half-written update leaves nothing behind. */
static void rolled_back(void **state) {
    struct harness h;
    harness_init(&h, row, OPTIONS("debezium-json.ignore-parse-errors", "true"));
    const char text[] = "{\"before\":{\"id\":1},\"after\":null,\"op\":\"u\"}\n"
                        "{\"before\":null,\"after\":{\"id\":2},\"op\":\"c\"}\n";
    assert_string_equal(
        harness_decode(&h, "debezium-json", text, strlen(text), 4096),
        "bad line 1 offset 0: field 'after' of a Debezium message must be an object: "
        "{\"before\":{\"id\":1},\"after\":null,\"op\":\"u\"}\n+I(2, NULL, NULL)\n");
    harness_release(&h);
}

static void canal(void **state) {
    expect_decode(
        "canal-json", NULL,
        "{\"data\":[{\"id\":1,\"name\":\"a\",\"v\":10},{\"id\":2,\"name\":\"b\",\"v\":20}],\"old\":"
        "null,"
        "\"type\":\"INSERT\"}\n"
        "{\"data\":[{\"id\":1,\"name\":null,\"v\":11},{\"id\":2,\"name\":\"c\",\"v\":20}],"
        "\"old\":[{\"v\":10,\"name\":\"z\"},{\"name\":null}],\"type\":\"UPDATE\"}\n"
        "{\"data\":null,\"type\":\"CREATE\",\"sql\":\"CREATE TABLE\"}\n"
        "{\"data\":[{\"id\":2,\"name\":\"b\",\"v\":20}],\"old\":null,\"type\":\"DELETE\"}\n",
        "+I(1, a, 10)\n+I(2, b, 20)\n"
        "-U(1, z, 10)\n+U(1, NULL, 11)\n-U(2, c, 20)\n+U(2, c, 20)\n"
        "-D(2, b, 20)\n");
    expect_decode(
        "canal-json",
        OPTIONS("canal-json.database.include", "s.*p", "canal-json.table.include", "t[12]"),
        "{\"data\":[{\"id\":1}],\"type\":\"INSERT\",\"database\":\"shop\",\"table\":\"t1\"}\n"
        "{\"data\":[{\"id\":2}],\"type\":\"INSERT\",\"database\":\"shops\",\"table\":\"t1\"}\n"
        "{\"data\":[{\"id\":3}],\"type\":\"INSERT\",\"database\":\"shop\",\"table\":\"t3\"}\n",
        "+I(1, NULL, NULL)\n");
}

static void maxwell(void **state) {
    expect_decode("maxwell-json", NULL,
                  "{\"data\":{\"id\":1,\"name\":\"a\",\"v\":10},\"type\":\"insert\"}\n"
                  "{\"data\":{\"id\":1,\"name\":\"b\",\"v\":11},\"old\":{\"v\":10,\"name\":null},"
                  "\"type\":\"update\"}\n"
                  "{\"data\":{\"id\":1,\"name\":\"b\",\"v\":11},\"type\":\"delete\"}\n",
                  "+I(1, a, 10)\n-U(1, NULL, 10)\n+U(1, b, 11)\n-D(1, b, 11)\n");
}

static void ogg(void **state) {
    expect_decode(
        "ogg-json", NULL,
        "{\"before\":null,\"after\":{\"id\":1,\"name\":\"a\",\"v\":10},\"op_type\":\"I\"}\n"
        "{\"before\":{\"id\":1,\"name\":\"a\",\"v\":10},\"after\":{\"id\":1,\"name\":\"a\","
        "\"v\":11},\"op_type\":\"U\"}\n"
        "{\"before\":{\"id\":1,\"name\":\"a\",\"v\":11},\"after\":null,\"op_type\":\"D\"}\n",
        "+I(1, a, 10)\n-U(1, a, 10)\n+U(1, a, 11)\n-D(1, a, 11)\n");
}

/* Metadata of the message beside the row's columns. */
static void expect_metadata(const char *row_type, const char *const *metadata, const char *format,
                            const char *text, const char *want) {
    struct harness h;
    harness_init(&h, row_type, NULL);
    struct err err = ERR_INIT;
    struct format_ctx ctx = harness_format_ctx(&h);
    ctx.metadata = metadata;
    struct decoder *d = NULL;
    if (format_find(format)->decoder_new(&ctx, &d, &err)) fail_msg("%s", err.msg);
    struct col_builder cols[8], kinds;
    int n = h.table.schema->n;
    for (int i = 0; i < n; i++)
        col_builder_init(&cols[i], h.table.schema->fields[i].type, 8);
    col_builder_init(&kinds, type_of(TYPE_TINYINT), 8);
    struct row_sink out = {.n_cols = n, .cols = cols, .max_rows = 8, .kinds = &kinds};
    if (d->ops->decode_message(d, text, strlen(text), &out, &err)) fail_msg("%s", err.msg);
    struct batch *b = batch_new(n);
    b->n = out.n_rows;
    for (int i = 0; i < n; i++) {
        col_builder_finish(&cols[i], &b->cols[i]);
        col_builder_release(&cols[i]);
    }
    AUTO_STR got = STR_INIT;
    harness_print(b, &got);
    assert_string_equal(str_text(&got), want);
    batch_unref(b);
    col_builder_release(&kinds);
    d->ops->free(d);
    harness_release(&h);
}

static void metadata(void **state) {
    expect_metadata("ROW<id INT, ts TIMESTAMP_LTZ(3), st TIMESTAMP_LTZ(3), db STRING, t STRING, p "
                    "MAP<STRING, STRING>>",
                    (const char *const[]){NULL, "ingestion-timestamp", "source.timestamp",
                                          "source.database", "source.table", "source.properties"},
                    "debezium-json",
                    "{\"ts_ms\":1500,\"source\":{\"db\":\"shop\",\"ts_ms\":250},\"after\":{\"id\":"
                    "1},\"op\":\"c\"}",
                    "+I(1, 1970-01-01 00:00:01.500, 1970-01-01 00:00:00.250, shop, NULL, {db=shop, "
                    "ts_ms=250})\n");
    expect_metadata(
        "ROW<ts TIMESTAMP_LTZ(3), id INT, k ARRAY<STRING>>",
        (const char *const[]){"ingestion-timestamp", NULL, "primary-key-columns"}, "maxwell-json",
        "{\"ts\":7,\"primary_key_columns\":[\"id\"],\"data\":{\"id\":1},\"type\":\"insert\"}",
        "+I(1970-01-01 00:00:07.000, 1, [id])\n");
    expect_metadata(
        "ROW<id INT, at TIMESTAMP_LTZ(6)>", (const char *const[]){NULL, "event-timestamp"},
        "ogg-json",
        "{\"op_ts\":\"2020-05-13 15:40:06.000001\",\"after\":{\"id\":1},\"op_type\":\"I\"}",
        "+I(1, 2020-05-13 15:40:06.000001)\n");
}

static void expect_encode(const char *format, const char *const *options, const char *want) {
    struct harness h;
    harness_init(&h, row, options);
    struct batch *b =
        harness_batch(&h, "{\"id\":1,\"name\":\"a\"}\n{\"id\":1,\"v\":2}\n{\"id\":3}\n{\"id\":4}\n",
                      (const char *const[]){"+I", "-U", "+U", "-D"});
    assert_string_equal(harness_encode(&h, format, b), want);
    batch_unref(b);
    harness_release(&h);
}

static void writing(void **state) {
    expect_encode("debezium-json", NULL,
                  "{\"before\":null,\"after\":{\"id\":1,\"name\":\"a\",\"v\":null},\"op\":\"c\"}\n"
                  "{\"before\":{\"id\":1,\"name\":null,\"v\":2},\"after\":null,\"op\":\"d\"}\n"
                  "{\"before\":null,\"after\":{\"id\":3,\"name\":null,\"v\":null},\"op\":\"c\"}\n"
                  "{\"before\":{\"id\":4,\"name\":null,\"v\":null},\"after\":null,\"op\":\"d\"}\n");
    expect_encode("debezium-json", OPTIONS("debezium-json.encode.ignore-null-fields", "true"),
                  "{\"after\":{\"id\":1,\"name\":\"a\"},\"op\":\"c\"}\n"
                  "{\"before\":{\"id\":1,\"v\":2},\"op\":\"d\"}\n"
                  "{\"after\":{\"id\":3},\"op\":\"c\"}\n{\"before\":{\"id\":4},\"op\":\"d\"}\n");
    expect_encode("canal-json", OPTIONS("canal-json.encode.ignore-null-fields", "true"),
                  "{\"data\":[{\"id\":1,\"name\":\"a\"}],\"type\":\"INSERT\"}\n"
                  "{\"data\":[{\"id\":1,\"v\":2}],\"type\":\"DELETE\"}\n"
                  "{\"data\":[{\"id\":3}],\"type\":\"INSERT\"}\n{\"data\":[{\"id\":4}],\"type\":"
                  "\"DELETE\"}\n");
    expect_encode(
        "maxwell-json", OPTIONS("maxwell-json.encode.ignore-null-fields", "true"),
        "{\"data\":{\"id\":1,\"name\":\"a\"},\"type\":\"insert\"}\n"
        "{\"data\":{\"id\":1,\"v\":2},\"type\":\"delete\"}\n"
        "{\"data\":{\"id\":3},\"type\":\"insert\"}\n{\"data\":{\"id\":4},\"type\":\"delete\"}\n");
    expect_encode(
        "ogg-json", OPTIONS("ogg-json.encode.ignore-null-fields", "true"),
        "{\"after\":{\"id\":1,\"name\":\"a\"},\"op_type\":\"I\"}\n"
        "{\"before\":{\"id\":1,\"v\":2},\"op_type\":\"D\"}\n"
        "{\"after\":{\"id\":3},\"op_type\":\"I\"}\n{\"before\":{\"id\":4},\"op_type\":\"D\"}\n");
}

static void expect_raw(const char *row_type, const char *const *options, const char *text,
                       size_t len, const char *want) {
    struct harness h;
    harness_init(&h, row_type, options);
    assert_string_equal(harness_decode(&h, "raw", text, len, 2), want);
    harness_release(&h);
}

static void raw(void **state) {
    expect_raw("ROW<l STRING>", NULL, "abc\r\n\nx y z, longer", 19,
               "+I(abc)\n+I()\n+I(x y z, longer)\n");
    expect_raw("ROW<l STRING>", OPTIONS("raw.charset", "ISO-8859-1"), "\xe9\n", 2,
               "+I(\xc3\xa9)\n");
    expect_raw("ROW<l INT>", NULL, "\x01\x02\x03\x04\n\xff\xff\xff\xfe", 9,
               "+I(16909060)\n+I(-2)\n");
    expect_raw("ROW<l SMALLINT>", OPTIONS("raw.endianness", "little-endian"), "\x01\x02", 2,
               "+I(513)\n");
    expect_raw("ROW<l INT>", NULL, "ab\n", 3,
               "error: column 'l': 2 bytes are no INT, which has 4\n");
    struct harness h;
    harness_init(&h, "ROW<l DOUBLE>", NULL);
    struct batch *b = harness_batch(&h, "{\"l\":1.5}\n", NULL);
    const char *text = harness_encode(&h, "raw", b);
    assert_memory_equal(text, "\x3f\xf8\0\0\0\0\0\0\n", 9);
    assert_string_equal(harness_decode(&h, "raw", text, 9, 2), "+I(1.5)\n");
    batch_unref(b);
    harness_release(&h);
    struct err err = ERR_INIT;
    harness_init(&h, "ROW<a INT, b INT>", NULL);
    struct format_ctx ctx = harness_format_ctx(&h);
    assert_int_equal(format_find("raw")->check(&ctx, &err), ERR_VALIDATION);
    harness_release(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(debezium), cmocka_unit_test(rolled_back), cmocka_unit_test(canal),
        cmocka_unit_test(maxwell),  cmocka_unit_test(ogg),         cmocka_unit_test(metadata),
        cmocka_unit_test(writing),  cmocka_unit_test(raw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
