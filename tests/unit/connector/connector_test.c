/* connector_test.c - the tables of connectors and formats, tables as JSON, and the small sinks:
 * print, blackhole, collect. */
#include "tests/unit/connector/harness.h"

#include "base/core/json.h"

#include <string.h>

static void tables(void **state) {
    size_t n;
    const struct connector_desc *const *c = connector_all(&n);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(connector_find(c[i]->name), c[i]);
        if (i) assert_true(strcmp(c[i - 1]->name, c[i]->name) < 0);
        assert_true(c[i]->caps & (CONNECTOR_SOURCE | CONNECTOR_SINK | CONNECTOR_LOOKUP));
        assert_true(!(c[i]->caps & CONNECTOR_SOURCE) || (c[i]->source_new && c[i]->enumerate));
        assert_true(!(c[i]->caps & CONNECTOR_SINK) || c[i]->sink_new);
        assert_non_null(c[i]->doc);
    }
    assert_null(connector_find("nothing"));
    const struct format_desc *const *f = format_all(&n);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(format_find(f[i]->name), f[i]);
        if (i) assert_true(strcmp(f[i - 1]->name, f[i]->name) < 0);
    }
}

static void as_json(void **state) {
    struct harness h;
    struct err err = ERR_INIT;
    harness_init(&h, "ROW<a INT NOT NULL, b ROW<x STRING>, c BIGINT>",
                 OPTIONS("connector", "print", "k", "v"));
    static const int projection[] = {2, 0}, key[] = {0}, partition[] = {1};
    static const char *const metadata[] = {NULL, NULL, "file.size"};
    h.table.projection = projection;
    h.table.n_projection = 2;
    h.table.primary_key = key;
    h.table.n_primary_key = 1;
    h.table.partition_keys = partition;
    h.table.n_partition_keys = 1;
    h.table.metadata = metadata;
    h.table.sink_mode = CHANGELOG_UPSERT;
    h.table.batch_mode = true;
    h.table.dead_letter = h.table.schema;
    AUTO_JSON *j = connector_table_to_json(&h.table);
    struct connector_table t;
    if (connector_table_from_json(&h.arena, j, &t, &err)) fail_msg("%s", err.msg);
    AUTO_JSON *again = connector_table_to_json(&t);
    assert_true(cJSON_Compare(j, again, true));
    assert_string_equal(connector_table_option(&t, "k"), "v");
    assert_string_equal(t.metadata[2], "file.size");
    assert_null(t.metadata[0]);
    assert_int_equal(t.n_projection, 2);
    assert_int_equal(t.projection[0], 2);
    assert_string_equal(t.zone, "UTC");
    const struct schema *p = connector_produced(&h.arena, &t);
    assert_int_equal(p->n, 2);
    assert_string_equal(p->fields[0].name, "c");
    cJSON_SetNumberValue(cJSON_GetArrayItem(cJSON_GetObjectItem(j, "projection"), 0), 3);
    assert_int_equal(connector_table_from_json(&h.arena, j, &t, &err), ERR_INVALID);
    assert_string_equal(err.msg, "table 't': field 'projection' must hold column numbers below 3");
    harness_release(&h);
}

struct captured {
    struct str out, err;
    int batches;
    bool full;
};

static bool is_full(void *self) {
    return ((struct captured *)self)->full;
}

static void on_line(void *self, struct sv line, bool to_stderr) {
    struct captured *c = self;
    struct str *s = to_stderr ? &c->err : &c->out;
    str_add_sv(s, line);
    str_add_char(s, '\n');
}

static void on_batch(void *self, struct batch *b) {
    struct captured *c = self;
    c->batches++;
    harness_print(b, &c->out);
}

static void write_some(const char *connector, const char *const *options, int subtask,
                       int parallelism, struct captured *c) {
    struct harness h;
    struct err err = ERR_INIT;
    harness_init(&h, "ROW<a INT, s STRING, t TIMESTAMP(3), r ROW<x INT>>", options);
    struct sink_ctx ctx = {.subtask = subtask,
                           .parallelism = parallelism,
                           .env = &h.env,
                           .output_self = c,
                           .output_full = is_full,
                           .print_line = on_line,
                           .collect = on_batch};
    const struct connector_desc *d = connector_find(connector);
    struct sink *s = NULL;
    if ((d->check && d->check(&h.table, true, &err)) || d->sink_new(&h.table, &ctx, &s, &err))
        fail_msg("%s", err.msg);
    struct batch *b =
        harness_batch(&h,
                      "{\"a\":1,\"s\":\"x\",\"t\":\"2024-01-01 10:00:00\",\"r\":{\"x\":1}}\n"
                      "{}\n",
                      (const char *const[]){"+I", "-U"});
    if (connector_find(connector) != connector_find("blackhole")) {
        c->full = true;
        assert_int_equal(s->ops->write(s, b, &err), SINK_BUSY);
        assert_int_equal(s->records, 0);
        c->full = false;
    }
    assert_int_equal(s->ops->write(s, b, &err), SINK_OK);
    assert_int_equal(s->records, 2);
    batch_unref(b);
    s->ops->free(s);
    harness_release(&h);
}

static void print(void **state) {
    static const struct {
        const char *id, *std_err;
        int subtask, parallelism;
        const char *prefix;
    } cases[] = {
        {"", "false", 0, 1, ""},
        {"", "false", 1, 2, "2> "},
        {"out", "true", 0, 1, "out> "},
        {"out", "false", 2, 4, "out:3> "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct captured c = {0};
        write_some("print",
                   OPTIONS("print-identifier", cases[i].id, "standard-error", cases[i].std_err),
                   cases[i].subtask, cases[i].parallelism, &c);
        AUTO_STR want = STR_INIT;
        str_addf(&want, "%s+I[1, x, 2024-01-01T10:00, +I[1]]\n%s-U[null, null, null, null]\n",
                 cases[i].prefix, cases[i].prefix);
        bool to_err = strcmp(cases[i].std_err, "true") == 0;
        assert_string_equal(str_text(to_err ? &c.err : &c.out), str_text(&want));
        assert_int_equal((to_err ? &c.out : &c.err)->len, 0);
        str_release(&c.out);
        str_release(&c.err);
    }
}

static void print_modes(void **state) {
    struct harness h;
    struct err err = ERR_INIT;
    const struct connector_desc *d = connector_find("print");
    harness_init(&h, "ROW<a INT>", OPTIONS("changelog-mode", "I, UA,D"));
    assert_int_equal(d->check(&h.table, true, &err), 0);
    assert_int_equal(d->sink_mode(&h.table, CHANGELOG_ALL), CHANGELOG_UPSERT);
    harness_release(&h);
    harness_init(&h, "ROW<a INT>", OPTIONS("changelog-mode", "I,X"));
    assert_int_equal(d->check(&h.table, true, &err), ERR_VALIDATION);
    assert_non_null(strstr(err.msg, "'X' is not one of"));
    harness_release(&h);
    harness_init(&h, "ROW<a INT>", NULL);
    assert_int_equal(d->sink_mode(&h.table, CHANGELOG_INSERT), CHANGELOG_ALL);
    harness_release(&h);
}

static void others(void **state) {
    struct captured c = {0};
    write_some("blackhole", OPTIONS("connector", "blackhole"), 0, 1, &c);
    write_some("collect", NULL, 0, 1, &c);
    assert_int_equal(c.batches, 1);
    assert_string_equal(str_text(&c.out), "+I(1, x, 2024-01-01 10:00:00.000, (1))\n"
                                          "-U(NULL, NULL, NULL, NULL)\n");
    str_release(&c.out);
    struct harness h;
    struct err err = ERR_INIT;
    harness_init(&h, "ROW<a INT>", OPTIONS("path", "x"));
    assert_int_equal(connector_find("blackhole")->check(&h.table, true, &err), ERR_VALIDATION);
    harness_release(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables),      cmocka_unit_test(as_json), cmocka_unit_test(print),
        cmocka_unit_test(print_modes), cmocka_unit_test(others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
