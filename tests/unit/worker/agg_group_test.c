/* agg_group_test.c - a group as bytes: what is loaded gives the same results, now and when further
 * rows come or go, and leaves nothing behind. */
#include "tests/unit/worker/op_rig_lines.h"

#include "worker/agg_state.h"

enum { ROWS = 40, AGGS_MAX = 8 };

static const char keys[] = "[0]";
static const char aggs[] =
    "[{\"fn\": \"COUNT\", \"args\": [], \"type\": \"BIGINT NOT NULL\", \"cols\": []},"
    " {\"fn\": \"SUM\", \"args\": [\"BIGINT\"], \"type\": \"BIGINT\", \"cols\": [1]},"
    " {\"fn\": \"ARRAY_AGG\", \"args\": [\"BIGINT\"], \"type\": \"ARRAY<BIGINT>\", \"cols\": "
    "[1]%s},"
    " {\"fn\": \"MIN\", \"args\": [\"BIGINT\"], \"type\": \"BIGINT\", \"cols\": [1]%s},"
    " {\"fn\": \"COUNT\", \"args\": [\"BIGINT\"], \"type\": \"BIGINT NOT NULL\", \"cols\": [1],"
    "  \"distinct\": true%s},"
    " {\"fn\": \"SUM\", \"args\": [\"BIGINT\"], \"type\": \"BIGINT\", \"cols\": [1],"
    "  \"distinct\": true%s}]";

struct rig_groups {
    struct op_rig o;
    struct agg_set *set;
    struct state_table *table;
    struct agg_state *state;
    cJSON *keys, *aggs;
};

static void setup(struct rig_groups *g, bool retract) {
    struct err err = ERR_INIT;
    const char *r = retract ? ", \"retract\": true" : "";
    AUTO_STR text = STR_INIT;
    op_rig_init(&g->o, 1, BATCH_ROWS_MAX);
    const struct schema *in = op_rig_schema(&g->o, type_of(TYPE_BIGINT), 2);
    op_rig_open(&g->o, &in, 1, "limit", "{\"offset\": 0, \"limit\": 1}", in);
    str_addf(&text, aggs, r, r, r, r);
    assert_ok(json_parse(keys, strlen(keys), &g->keys, &err), &err);
    assert_ok(json_parse(str_text(&text), text.len, &g->aggs, &err), &err);
    struct op *op = g->o.task->ops[0].op;
    assert_ok(agg_set_new(op, g->keys, g->aggs, &g->set, &err), &err);
    agg_set_chain(g->set, op->ctx->arena);
    struct state_desc d = {.n_keys = 1, .key_types = g->set->key_types, .payload_size_bytes = 16};
    g->table = state_table_new(&d);
    g->state = agg_state_new_blocks(g->set, g->table);
}

static void teardown(struct rig_groups *g) {
    agg_state_free(g->state);
    state_table_free(g->table);
    agg_set_release(g->set);
    cJSON_Delete(g->keys);
    cJSON_Delete(g->aggs);
    op_rig_release(&g->o);
}

static char *new_group(struct rig_groups *g) {
    char *group = var_alloc(state_table_var(g->table), g->set->payload_bytes);
    memset(group, 0, g->set->payload_bytes);
    agg_group_init(g->state, group);
    return group;
}

static void free_group(struct rig_groups *g, char *group) {
    agg_group_release(g->state, group);
    var_free(state_table_var(g->table), group, g->set->payload_bytes);
}

static void fold(struct rig_groups *g, const struct batch *b, char *group) {
    struct err err = ERR_INIT;
    char *groups[ROWS];
    for (uint32_t i = 0; i < b->n; i++)
        groups[i] = group;
    assert_ok(agg_state_fold(g->state, b, NULL, b->n, groups, &err), &err);
}

static void assert_same(struct rig_groups *g, char *a, char *b) {
    struct err err = ERR_INIT;
    char *groups[2] = {a, b};
    struct column cols[AGGS_MAX];
    assert_ok(agg_state_finish(g->state, groups, 2, cols, &err), &err);
    for (int i = 0; i < g->set->n_aggs; i++) {
        assert_true(col_eq(&cols[i], 0, &cols[i], 1));
        col_release(&cols[i]);
    }
}

static struct batch *random_rows(struct rig_groups *g, bool retract) {
    int64_t values[2 * ROWS];
    uint8_t kinds[ROWS];
    for (int i = 0; i < ROWS; i++) {
        values[2 * i] = 1;
        values[2 * i + 1] = rnd_below(&g->o.r, 9) ? (int64_t)rnd_below(&g->o.r, 12) : OP_NULL;
        kinds[i] = retract && !rnd_below(&g->o.r, 3) ? ROW_DELETE : ROW_INSERT;
    }
    return op_rig_rows(values, 2, ROWS, kinds);
}

static void there_and_back(bool retract) {
    struct rig_groups g;
    setup(&g, retract);
    struct err err = ERR_INIT;
    char *old = new_group(&g);
    for (int round = 0; round < 30; round++) {
        struct batch *b = random_rows(&g, retract);
        fold(&g, b, old);
        AUTO_STR bytes = STR_INIT;
        agg_group_save(g.state, old, &bytes);
        char *back = new_group(&g);
        assert_ok(agg_group_load(g.state, back, str_view(&bytes), &err), &err);
        assert_same(&g, old, back);
        struct batch *more = random_rows(&g, retract);
        fold(&g, more, old);
        fold(&g, more, back);
        assert_same(&g, old, back);
        batch_unref(b);
        batch_unref(more);
        free_group(&g, old);
        old = back;
    }
    free_group(&g, old);
    teardown(&g);
}

static void rows_come(void **state) {
    there_and_back(false);
}

static void rows_come_and_go(void **state) {
    there_and_back(true);
}

static void damaged(void **state) {
    struct rig_groups g;
    setup(&g, false);
    struct err err = ERR_INIT;
    char *group = new_group(&g);
    struct batch *b = random_rows(&g, false);
    fold(&g, b, group);
    AUTO_STR bytes = STR_INIT;
    agg_group_save(g.state, group, &bytes);
    for (size_t n = 0; n < bytes.len; n++) {
        char *cut = new_group(&g);
        assert_int_equal(agg_group_load(g.state, cut, (struct sv){bytes.ptr, n}, &err),
                         ERR_CORRUPT);
        err_clear(&err);
        free_group(&g, cut);
    }
    batch_unref(b);
    free_group(&g, group);
    teardown(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come), cmocka_unit_test(rows_come_and_go), cmocka_unit_test(damaged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
