/* csv_test.c - reading and writing of the csv format. */
#include "tests/unit/connector/harness.h"

#include "connector/format/csv_index.h"

#include <stdlib.h>
#include <string.h>

static void expect_decode(const char *row_type, const char *const *options, const char *text,
                          const char *want) {
    static const uint32_t sizes[] = {1, 2, 4096};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct harness h;
        harness_init(&h, row_type, options);
        assert_string_equal(harness_decode(&h, "csv", text, strlen(text), sizes[i]), want);
        harness_release(&h);
    }
}

static void expect_once(const char *row_type, const char *const *options, const char *text,
                        const char *want) {
    struct harness h;
    harness_init(&h, row_type, options);
    assert_string_equal(harness_decode(&h, "csv", text, strlen(text), 4096), want);
    harness_release(&h);
}

static void plain(void **state) {
    expect_decode("ROW<a INT, b STRING, c DOUBLE>", NULL, "1,x,1.5\n 2 ,,-1e3\r\n3, y z ,0",
                  "+I(1, x, 1.5)\n+I(2, , -1000.0)\n+I(3,  y z , 0.0)\n");
    expect_decode("ROW<a INT, b STRING>",
                  OPTIONS("csv.field-delimiter", ";", "csv.null-literal", "NULL"),
                  "1;NULL\nNULL;x\n", "+I(1, NULL)\n+I(NULL, x)\n");
    expect_decode("ROW<a INT, b INT>", OPTIONS("csv.field-delimiter", "\\t"), "1\t2\n",
                  "+I(1, 2)\n");
}

static void quotes(void **state) {
    expect_decode("ROW<a STRING, b STRING>", NULL,
                  "\"a,b\",\"c \"\"d\"\"\"\n"
                  "\"line\nbreak, longer than inline\",\"\"\n"
                  "in\"side,x\"\n"
                  "\"sp\"  ,\"end\"\r\n"
                  "\"last\",\"one\"",
                  "+I(a,b, c \"d\")\n"
                  "+I(line\nbreak, longer than inline, )\n"
                  "+I(in\"side, x\")\n"
                  "+I(sp, end)\n"
                  "+I(last, one)\n");
    expect_decode("ROW<a STRING, b STRING>",
                  OPTIONS("csv.quote-character", "'", "csv.escape-character", "\\"),
                  "'it\\'s','a''b'\nx\\,y,\\\\\n", "+I(it's, a'b)\n+I(x,y, \\)\n");
    expect_decode("ROW<a STRING>", OPTIONS("csv.disable-quote-character", "true"), "\"a\"\n",
                  "+I(\"a\")\n");
}

static void types(void **state) {
    expect_decode(
        "ROW<a BOOLEAN, b TINYINT, c SMALLINT, d BIGINT, e FLOAT, f DECIMAL(5, 2), g DATE, "
        "h TIME(2), i TIMESTAMP(3), j TIMESTAMP_LTZ(6), k BYTES>",
        NULL,
        "TRUE,-128,32767,9223372036854775807,1.5,123.456,2024-2-9,10:11:12.345,"
        "2024-02-29 10:11:12.9,2024-01-01 00:00:00.123456Z,AQI=\n",
        "+I(TRUE, -128, 32767, 9223372036854775807, 1.5, 123.46, 2024-02-09, 10:11:12.34, "
        "2024-02-29 10:11:12.900, 2024-01-01 00:00:00.123456, x'0102')\n");
    expect_decode("ROW<a ARRAY<INT>, r ROW<x INT, y STRING>>", NULL, "1;2;3,7;z\n,\n5,1;\n",
                  "+I([1, 2, 3], (7, z))\n+I([], NULL)\n+I([5], (1, ))\n");
    expect_decode("ROW<a ARRAY<STRING>>",
                  OPTIONS("csv.array-element-delimiter", "|", "csv.null-literal", "-"),
                  "x|-|y\n-\n", "+I([x, NULL, y])\n+I(NULL)\n");
}

static void errors(void **state) {
    expect_once("ROW<a INT, b INT>", NULL, "1,2\n3\n",
                "+I(1, 2)\nerror: the record has 1 field, the table 2\n");
    expect_once("ROW<a INT>", NULL, "1,2\n", "error: the record has 2 fields, the table 1\n");
    expect_once("ROW<a INT>", NULL, "1,\n", "+I(1)\n");
    expect_once("ROW<a INT>", OPTIONS("csv.allow-trailing-comma", "false"), "1,\n",
                "error: the record has 2 fields, the table 1\n");
    expect_once("ROW<a INT>", NULL, "x\n", "error: column 'a': 'x' is not an INT\n");
    expect_once("ROW<a STRING>", NULL, "\"x\"y\n", "error: 'y' behind a closing quote\n");
    expect_once("ROW<a STRING>", NULL, "\"x\n", "error: a quoted field has no closing quote\n");
    expect_once("ROW<a INT, b INT>", OPTIONS("csv.ignore-parse-errors", "true"),
                "1,x\n2\n3,4,5\n\"6\"7,8\n9,10\n",
                "bad line 3 offset 6: the record has 3 fields, the table 2: 3,4,5\n"
                "bad line 4 offset 12: '7' behind a closing quote: \"6\"7,8\n"
                "+I(1, NULL)\n+I(2, NULL)\n+I(9, 10)\n");
    /* A record that goes wrong in a later line: the lines behind its first are looked at again. */
    expect_once("ROW<a INT, b STRING>", OPTIONS("csv.ignore-parse-errors", "true"),
                "\"6\n7\"x,b\n8,y\n",
                "bad line 1 offset 0: 'x' behind a closing quote: \"6\n"
                "+I(NULL, b)\n+I(8, y)\n");
    struct harness h;
    harness_init(&h, "ROW<a INT>", NULL);
    h.table.dead_letter = h.table.schema;
    assert_string_equal(harness_decode(&h, "csv", "1\nx\n3\n", 6, 4096),
                        "bad line 2 offset 2: column 'a': 'x' is not an INT: x\n+I(1)\n+I(3)\n");
    harness_release(&h);
}

static void extras(void **state) {
    expect_decode("ROW<a INT, b INT>",
                  OPTIONS("csv.allow-comments", "true", "csv.ignore-first-line", "true"),
                  "# about\na,b\n1,2\n# more\n3,4\n# end", "+I(1, 2)\n+I(3, 4)\n");
    expect_decode("ROW<a INT>", OPTIONS("csv.ignore-first-line", "true"), "\"a\nb\",c,d\n7\n",
                  "+I(7)\n");
    expect_decode("ROW<a STRING, b STRING>",
                  OPTIONS("csv.trim-spaces", "true", "csv.empty-string-as-null", "true"),
                  " x ,\" y \"\n,\n", "+I(x,  y )\n+I(NULL, NULL)\n");
    expect_decode("ROW<a INT>", OPTIONS("csv.ignore-trailing-unmappable", "true"), "1,2,3\n",
                  "+I(1)\n");
}

/* Blocks that end anywhere: what is decoded must not depend on where. */
static void block_borders(void **state) {
    const char text[] = "1,\"a\"\"b\"\n22,\"x\ny\"\r\n333,\"\"\n4444,zz\n5,\"\"\"\"";
    const char *want = "+I(1, a\"b)\n+I(22, x\ny)\n+I(333, )\n+I(4444, zz)\n+I(5, \")\n";
    size_t n = strlen(text);
    for (size_t cut = 0; cut <= n; cut++) {
        struct harness h;
        harness_init(&h, "ROW<a INT, b STRING>", NULL);
        struct decoder *d = harness_decoder(&h, "csv");
        AUTO_STR out = STR_INIT;
        size_t at = 0;
        for (int part = 0; part < 2; part++) {
            size_t end = part ? n : cut;
            struct col_builder cols[2];
            for (int i = 0; i < 2; i++)
                col_builder_init(&cols[i], h.table.schema->fields[i].type, 8);
            /* A copy that ends where the block ends: reading beyond shows under a sanitizer. */
            struct buffer *block = buffer_new(end - at + 1);
            memcpy(block->data, text + at, end - at);
            struct row_sink sink = {.n_cols = 2, .cols = cols, .max_rows = 100, .borrow = block};
            size_t used = 0;
            uint64_t lines;
            struct record_error bad;
            struct err err = ERR_INIT;
            if (d->ops->decode(d, (char *)block->data, end - at, part == 1, &sink, &used, &lines,
                               &bad, &err))
                fail_msg("cut %zu: %s", cut, err.msg);
            at += used;
            struct batch *b = batch_new(2);
            b->n = sink.n_rows;
            for (int i = 0; i < 2; i++) {
                col_builder_finish(&cols[i], &b->cols[i]);
                col_builder_release(&cols[i]);
            }
            harness_print(b, &out);
            batch_unref(b);
            buffer_unref(block);
        }
        if (strcmp(str_text(&out), want) != 0) fail_msg("cut %zu: %s", cut, str_text(&out));
        d->ops->free(d);
        harness_release(&h);
    }
}

/* Records longer than a window. */
static void long_records(void **state) {
    AUTO_STR text = STR_INIT, want = STR_INIT;
    for (int i = 0; i < 3; i++) {
        str_add_char(&text, '"');
        str_add(&want, "+I(");
        for (int k = 0; k < 50000; k++) {
            str_add(&text, "ab\n");
            str_add(&want, "ab\n");
        }
        str_addf(&text, "\",%d\n", i);
        str_addf(&want, ", %d)\n", i);
    }
    expect_decode("ROW<s STRING, a INT>", NULL, str_text(&text), str_text(&want));
}

/* All widths of the indexer find what a loop finds. */
static void indexer(void **state) {
    char text[300 + 64] = {0};
    unsigned x = 7;
    for (int round = 0; round < 200; round++) {
        uint32_t n = (x = x * 1103515245 + 12345) % 300, want[300], k = 0, pos[320];
        for (uint32_t i = 0; i < sizeof text; i++)
            text[i] = ",\n\"\\abcd"[(x = x * 1103515245 + 12345) >> 16 & 7];
        for (uint32_t i = 0; i < n; i++) {
            if (strchr(",\n\"\\", text[i])) want[k++] = i;
        }
        assert_int_equal(csv_index(text, n, ",\n\"\\", pos), k);
        assert_memory_equal(pos, want, k * sizeof *pos);
    }
}

static void writing(void **state) {
    struct harness h;
    harness_init(
        &h,
        "ROW<i INT, s STRING, d DECIMAL(10, 2), f DOUBLE, ts TIMESTAMP(3), t TIME(3), b BYTES, "
        "a ARRAY<STRING>, r ROW<x INT, y STRING>, o BOOLEAN>",
        OPTIONS("csv.null-literal", "n/a"));
    struct batch *b =
        harness_batch(&h,
                      "{\"i\":1,\"s\":\"plain\",\"d\":100,\"f\":1.5,\"ts\":\"2024-01-01 "
                      "10:00:00.120\",\"t\":\"10:11:12.5\","
                      "\"b\":\"AQI=\",\"a\":[\"x\",null],\"r\":{\"x\":1,\"y\":\"z\"},\"o\":true}\n"
                      "{\"s\":\"say \\\"hi\\\"\",\"a\":[\"has blank\",\"y\"]}\n"
                      "{\"s\":\"just_a_bit_longer_than_24\",\"d\":1.25}\n"
                      "{\"s\":\"\"}\n",
                      NULL);
    assert_string_equal(
        harness_encode(&h, "csv", b),
        "1,plain,1E+2,1.5,\"2024-01-01 10:00:00.12\",10:11:12.5,AQI=,x;n/a,1;z,true\n"
        "n/a,\"say \"\"hi\"\"\",n/a,n/a,n/a,n/a,n/a,\"has blank;y\",n/a,n/a\n"
        "n/a,\"just_a_bit_longer_than_24\",1.25,n/a,n/a,n/a,n/a,n/a,n/a,n/a\n"
        "n/a,,n/a,n/a,n/a,n/a,n/a,n/a,n/a,n/a\n");
    batch_unref(b);
    harness_release(&h);
    harness_init(&h, "ROW<d DECIMAL(10, 2), s STRING>",
                 OPTIONS("csv.write-bigdecimal-in-scientific-notation", "false",
                         "csv.disable-quote-character", "true", "csv.field-delimiter", "|"));
    b = harness_batch(&h, "{\"d\":100,\"s\":\"a b\"}\n{}\n", NULL);
    assert_string_equal(harness_encode(&h, "csv", b), "100|a b\n|\n");
    batch_unref(b);
    harness_release(&h);
}

/* Every length and kind that the encoder has a way of its own for. */
static void writing_lengths(void **state) {
    struct harness h;
    harness_init(&h, "ROW<i BIGINT, n SMALLINT, s STRING, ts TIMESTAMP(3), l TIMESTAMP_LTZ(3)>",
                 NULL);
    struct batch *b = harness_batch(
        &h,
        "{\"i\":-9223372036854775808,\"n\":-32768,\"s\":\"twenty-four-characters-\",\"ts\":"
        "\"1969-12-31 23:59:59.001\"}\n"
        "{\"i\":9223372036854775807,\"n\":0,\"s\":\"twenty-five-characters--,\",\"ts\":"
        "\"1969-12-31 23:59:59.9\",\"l\":\"2024-01-01 10:00:00.05Z\"}\n"
        "{\"i\":99999999,\"n\":10,\"s\":\"\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4-sixteen-"
        "more-ok\",\"ts\":\"1970-01-01 00:00:00\"}\n"
        "{\"i\":100000000,\"n\":-1,\"s\":\"\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4-"
        "seventeen-more-ok\"}\n"
        "{\"i\":10000000000000000,\"s\":\"blank \"}\n"
        "{\"i\":9999999999999999,\"s\":\"a long text whose quote comes late, in its last word: "
        "\\\"end\\\"\"}\n",
        NULL);
    assert_string_equal(
        harness_encode(&h, "csv", b),
        "-9223372036854775808,-32768,twenty-four-characters-,\"1969-12-31 23:59:59.001\",\n"
        "9223372036854775807,0,\"twenty-five-characters--,\",\"1969-12-31 "
        "23:59:59.9\",\"2024-01-01 "
        "10:00:00.05Z\"\n"
        "99999999,10,\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4-sixteen-more-ok,\"1970-01-01 "
        "00:00:00\",\n"
        "100000000,-1,\"\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4-seventeen-more-ok\",,\n"
        "10000000000000000,,\"blank \",,\n"
        "9999999999999999,,\"a long text whose quote comes late, in its last word: "
        "\"\"end\"\"\",,\n");
    batch_unref(b);
    harness_release(&h);
}

static void options(void **state) {
    static const struct {
        const char *row, *key, *value, *part;
    } cases[] = {
        {"ROW<a INT>", "csv.field-delimiter", "ab", "field-delimiter"},
        {"ROW<a INT>", "csv.ignore-parse-error", "true", "did you mean 'csv.ignore-parse-errors'"},
        {"ROW<m MAP<INT, INT>>", "csv.escape-character", "\\", "column 'm': CSV can't carry a MAP"},
        {"ROW<a ARRAY<ARRAY<INT>>>", "csv.escape-character", "\\", "column 'a'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct harness h;
        struct err err = ERR_INIT;
        harness_init(&h, cases[i].row, OPTIONS(cases[i].key, cases[i].value));
        struct format_ctx ctx = harness_format_ctx(&h);
        assert_int_not_equal(format_find("csv")->check(&ctx, &err), 0);
        if (!strstr(err.msg, cases[i].part)) fail_msg("%s", err.msg);
        harness_release(&h);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),        cmocka_unit_test(quotes),
        cmocka_unit_test(types),        cmocka_unit_test(errors),
        cmocka_unit_test(extras),       cmocka_unit_test(block_borders),
        cmocka_unit_test(long_records), cmocka_unit_test(indexer),
        cmocka_unit_test(writing),      cmocka_unit_test(writing_lengths),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
