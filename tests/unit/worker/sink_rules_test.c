/* sink_rules_test.c - NOT NULL and lengths. */
#include "tests/unit/cmocka_wrap.h"

#include "base/core/json.h"
#include "worker/sink_rules.h"

struct rules {
    struct arena arena;
    struct schema schema;
    struct field fields[4];
    struct sink_rules *rules;
    cJSON *config;
};

static void setup(struct rules *r, const char *config) {
    struct err err = ERR_INIT;
    arena_init(&r->arena);
    r->fields[0] = (struct field){"id", type_of(TYPE_INT)};
    r->fields[1] = (struct field){"c", type_text(&r->arena, TYPE_CHAR, 4, true)};
    r->fields[2] = (struct field){"v", type_text(&r->arena, TYPE_VARCHAR, 3, true)};
    r->fields[3] = (struct field){"b", type_text(&r->arena, TYPE_BINARY, 2, true)};
    r->schema = (struct schema){4, r->fields};
    assert_ok(json_parse(config, strlen(config), &r->config, &err), &err);
    assert_ok(sink_rules_new(r->config, &r->schema, "t", &r->rules, &err), &err);
}

static void release(struct rules *r) {
    sink_rules_free(r->rules);
    cJSON_Delete(r->config);
    arena_release(&r->arena);
}

/* id NULL where it is negative; texts NULL where they are. */
static struct batch *rows(struct rules *r, int n, const int *ids, const char *const (*texts)[3]) {
    struct batch *b = batch_new(4);
    b->n = (uint32_t)n;
    for (int c = 0; c < 4; c++) {
        struct col_builder cb;
        col_builder_init(&cb, r->fields[c].type, 4);
        for (int i = 0; i < n; i++) {
            const char *text = c ? texts[i][c - 1] : NULL;
            if (c ? !text : ids[i] < 0)
                col_add_null(&cb);
            else if (c)
                col_add_str(&cb, text, strlen(text));
            else
                col_add_int(&cb, ids[i]);
        }
        col_builder_finish(&cb, &b->cols[c]);
        col_builder_release(&cb);
    }
    return b;
}

static const int ids[3] = {1, -1, 3};
static const char *const texts[3][3] = {{"abcd", "xyz", "pq"},
                                        {"\xc3\xa4\xc3\xb6", "\xc3\xa4\xc3\xb6\xc3\xbc!", "p"},
                                        {"abcdef", NULL, NULL}};

static void assert_text(const struct batch *b, int col, uint32_t row, const char *want, size_t n) {
    struct sv s = strv_sv(&COL_DATA(&b->cols[col], struct strv)[row]);
    assert_int_equal(s.len, n);
    assert_memory_equal(s.ptr, want, n);
}

static void nothing_asked_nothing_done(void **state) {
    struct rules r;
    setup(&r, "{\"notNull\": [], \"onNull\": \"error\", \"lengths\": \"ignore\"}");
    struct batch *in = rows(&r, 3, ids, texts), *out;
    uint32_t dropped;
    struct err err = ERR_INIT;
    assert_ok(sink_rules_apply(r.rules, in, &out, &dropped, &err), &err);
    assert_ptr_equal(in, out);
    assert_int_equal(dropped, 0);
    batch_unref(out);
    release(&r);
}

static void nulls_are_errors_or_dropped(void **state) {
    struct rules r;
    struct batch *out;
    uint32_t dropped;
    struct err err = ERR_INIT;
    setup(&r, "{\"notNull\": [0], \"onNull\": \"error\"}");
    assert_err(sink_rules_apply(r.rules, rows(&r, 3, ids, texts), &out, &dropped, &err),
               ERR_RUNTIME, &err, "table t: column 'id' is NOT NULL");
    release(&r);
    setup(&r, "{\"notNull\": [0, 2], \"onNull\": \"drop\"}");
    assert_ok(sink_rules_apply(r.rules, rows(&r, 3, ids, texts), &out, &dropped, &err), &err);
    assert_int_equal(dropped, 2); /* id of row 1, v of row 2 */
    assert_int_equal(out->n, 1);
    assert_int_equal(COL_DATA(&out->cols[0], int32_t)[0], 1);
    batch_unref(out);
    release(&r);
}

static void values_are_made_to_fit(void **state) {
    struct rules r;
    struct batch *out;
    uint32_t dropped;
    struct err err = ERR_INIT;
    setup(&r, "{\"notNull\": [], \"lengths\": \"trim_pad\"}");
    assert_ok(sink_rules_apply(r.rules, rows(&r, 3, ids, texts), &out, &dropped, &err), &err);
    assert_ok(batch_verify(out, &err), &err);
    assert_text(out, 1, 0, "abcd", 4);
    assert_text(out, 1, 1, "\xc3\xa4\xc3\xb6  ", 6); /* characters, not bytes */
    assert_text(out, 1, 2, "abcd", 4);
    assert_text(out, 2, 0, "xyz", 3);
    assert_text(out, 2, 1, "\xc3\xa4\xc3\xb6\xc3\xbc", 6);
    assert_false(col_is_valid(&out->cols[2], 2));
    assert_text(out, 3, 0, "pq", 2);
    assert_text(out, 3, 1, "p\0", 2);
    assert_false(col_is_valid(&out->cols[3], 2));
    batch_unref(out);
    release(&r);
}

static void misfits_can_be_errors(void **state) {
    struct rules r;
    struct batch *out;
    uint32_t dropped;
    struct err err = ERR_INIT;
    setup(&r, "{\"notNull\": [], \"lengths\": \"error\"}");
    assert_err(sink_rules_apply(r.rules, rows(&r, 3, ids, texts), &out, &dropped, &err),
               ERR_RUNTIME, &err, "a value of length 2 does not fit column 'c' of length 4");
    assert_ok(sink_rules_apply(r.rules, rows(&r, 1, ids, texts), &out, &dropped, &err), &err);
    batch_unref(out);
    release(&r);
}

static void bad_columns_are_refused(void **state) {
    struct field f[1] = {{"id", type_of(TYPE_INT)}};
    struct schema s = {1, f};
    struct err err = ERR_INIT;
    struct sink_rules *rules;
    AUTO_JSON *config = NULL;
    assert_ok(json_parse("{\"notNull\": [1]}", 16, &config, &err), &err);
    assert_err(sink_rules_new(config, &s, "t", &rules, &err), ERR_INVALID, &err,
               "1 is not a column of table t");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_asked_nothing_done), cmocka_unit_test(nulls_are_errors_or_dropped),
        cmocka_unit_test(values_are_made_to_fit),     cmocka_unit_test(misfits_can_be_errors),
        cmocka_unit_test(bad_columns_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
