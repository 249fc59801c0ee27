/* op_basic_test.c - values, calc, print and collect sinks in whole jobs. */
#include "tests/unit/worker/rig.h"

#include "vector/value.h"

static struct field fields[2];
static struct schema two = {2, fields};

static void set_fields(const char *a, const struct type *ta, const char *b, const struct type *tb) {
    fields[0] = (struct field){a, ta};
    fields[1] = (struct field){b, tb};
}

struct lines {
    struct str text;
    int full; /* calls of reader_full that say so */
    struct job_runtime *rt;
};

static void on_line(void *self, struct sv line, bool to_stderr) {
    struct lines *l = self;
    str_add_sv(&l->text, line);
    str_add_char(&l->text, '\n');
}
static bool on_full(void *self) {
    struct lines *l = self;
    if (!l->full) return false;
    if (--l->full == 0) job_runtime_reader_ready(l->rt);
    return true;
}

#define PRINT                                                                                      \
    "{\"table\": {\"name\": \"p\", \"schema\": [{\"name\": \"a\", \"type\": \"INT\"}, {\"name\": " \
    "\"b\", \"type\": \"STRING\"}], \"options\": {\"connector\": \"print\"}}}"

/* values -> (calc) -> print; returns what was printed, or the error. */
static int run_lines(const char *rows, const char *calc, uint32_t batch_rows, int full,
                     struct str *ret, struct err *err) {
    struct rig r;
    rig_init(&r);
    r.plan.config.batch_rows = batch_rows;
    set_fields("a", type_of(TYPE_INT), "b", type_of(TYPE_VARCHAR));
    int v = rig_vertex(&r, 1, 0);
    rig_op(&r, v, "values", rows, &two);
    if (calc) rig_op(&r, v, "calc", calc, &two);
    rig_op(&r, v, "sink", PRINT, &two);
    struct worker *w;
    assert_ok(worker_new(&(struct worker_opts){.executors = 1}, &w, err), err);
    struct lines lines = {.full = full};
    struct runtime_spec spec = rig_spec(&r);
    spec.callbacks =
        (struct job_callbacks){.self = &lines, .print_line = on_line, .reader_full = on_full};
    assert_ok(job_runtime_new(w, &spec, &lines.rt, err), err);
    job_runtime_start(lines.rt);
    assert_true(job_runtime_wait(lines.rt, 60000, err));
    job_runtime_free(lines.rt);
    worker_free(w);
    rig_release(&r);
    *ret = lines.text;
    return err->code;
}

static const char rows3[] = "{\"rows\": [[1, \"one\"], [2, null], [3, \"three\"]]}";

static void values_are_printed(void **state) {
    for (uint32_t batch = 1; batch <= 4; batch++) {
        struct err err = ERR_INIT;
        AUTO_STR out = STR_INIT;
        assert_ok(run_lines(rows3, NULL, batch, 0, &out, &err), &err);
        assert_string_equal(str_text(&out), "+I[1, one]\n+I[2, null]\n+I[3, three]\n");
    }
}

/* The reader is behind for a while: the sink waits, and nothing is lost. */
static void slow_readers_are_waited_for(void **state) {
    struct err err = ERR_INIT;
    AUTO_STR out = STR_INIT;
    assert_ok(run_lines(rows3, NULL, 1, 1, &out, &err), &err);
    assert_string_equal(str_text(&out), "+I[1, one]\n+I[2, null]\n+I[3, three]\n");
}

/* a <> 2, 10 / (a - 2), b: the row that would divide by zero is filtered out. */
#define COL_A "{\"col\": 0, \"type\": \"INT\"}"
#define INT_LIT(x) "{\"lit\": " x ", \"type\": \"INT NOT NULL\"}"
#define CALL(name, a, b, type)                                                                     \
    "{\"call\": \"" name "\", \"args\": [" a ", " b "], \"type\": \"" type "\"}"
#define DIVIDE CALL("/", INT_LIT("10"), CALL("-", COL_A, INT_LIT("2"), "INT"), "INT")
#define EXPRS "\"exprs\": [" DIVIDE ", {\"col\": 1, \"type\": \"STRING\"}]"

static void calc_filters_before_it_computes(void **state) {
    struct err err = ERR_INIT;
    AUTO_STR out = STR_INIT;
    assert_ok(run_lines(rows3,
                        "{\"filter\": " CALL("<>", COL_A, INT_LIT("2"), "BOOLEAN") ", " EXPRS "}",
                        4096, 0, &out, &err),
              &err);
    assert_string_equal(str_text(&out), "+I[-10, one]\n+I[10, three]\n");
}

static void calc_errors_name_op_and_row(void **state) {
    struct err err = ERR_INIT;
    AUTO_STR out = STR_INIT;
    assert_int_equal(run_lines(rows3, "{\"filter\": null, " EXPRS "}", 4096, 0, &out, &err),
                     ERR_RUNTIME);
    assert_non_null(strstr(err.msg, "vertex 0, subtask 1 of 1: calc#1: row 2 of a batch of 3: "));
}

static void bad_configs_are_named(void **state) {
    struct err err = ERR_INIT;
    AUTO_STR out = STR_INIT;
    assert_int_equal(run_lines("{\"rows\": [[1]]}", NULL, 1, 0, &out, &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "open values#0: row 0 is not an array of 2 values"));
    err_clear(&err);
    AUTO_STR out2 = STR_INIT;
    assert_int_equal(run_lines(rows3, "{\"exprs\": []}", 1, 0, &out2, &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "0 expressions for 2 output columns"));
}

/* Steps move with the rows that stand behind them when a filter drops rows. */
static void filters_keep_watermarks_in_place(void **state) {
    rig_setup(NULL);
    struct rig r;
    rig_init(&r);
    int v = rig_vertex(&r, 1, 0);
    rig_op(&r, v, "t_source", "{\"rows\": 1000, \"batch\": 100, \"stepEvery\": 7, \"keys\": 10}",
           rig_schema());
#define BIG(n) "{\"col\": " n ", \"type\": \"BIGINT\"}"
    rig_op(&r, v, "calc",
           "{\"filter\": " CALL(
               "=", BIG("0"), "{\"lit\": 3, \"type\": \"BIGINT NOT NULL\"}",
               "BOOLEAN") ", \"exprs\": [" BIG("0") ", " BIG("1") ", {\"col\": 2, \"type\": "
                                                                  "\"STRING\"}, {\"col\": 3, "
                                                                  "\"type\": \"INT\"}]}",
           rig_schema());
    rig_op(&r, v, "t_sink", "{}", rig_schema());
    rig_run(&r, 1);
    assert_int_equal(rig_count(0, ENTRY_ROW), 100);
    int64_t wm = WATERMARK_MIN, row = -1;
    for (size_t i = 0; i < rig_log.n[0]; i++) {
        struct entry *e = &rig_log.entries[0][i];
        if (e->kind == ENTRY_ROW) {
            assert_true(e->v > wm);
            /* The last watermark in front of the row is the last one the source gave before it. */
            if (e->v >= 7) assert_true(wm == e->v / 7 * 7 - 1);
            row = e->v;
        } else if (e->kind == ENTRY_WM) {
            assert_true(e->v > wm && e->v >= row);
            wm = e->v;
        }
    }
    rig_release(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_printed),
        cmocka_unit_test(slow_readers_are_waited_for),
        cmocka_unit_test(calc_filters_before_it_computes),
        cmocka_unit_test(calc_errors_name_op_and_row),
        cmocka_unit_test(bad_configs_are_named),
        cmocka_unit_test(filters_keep_watermarks_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
