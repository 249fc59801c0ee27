/* plan_test.c - plans made by hand: what plan_verify refuses, JSON there and back, secrets, text.
 */
#include "sql/plan.h"

#include "base/core/json.h"
#include "tests/unit/cmocka_wrap.h"

/* Source(k, v) x2 -> hash(k) -> agg -> sink, with a dead-letter sink behind the source. */
struct fixture {
    struct arena arena;
    struct plan plan;
    struct plan_vertex vertices[2];
    struct plan_edge edges[1];
    struct plan_op source_ops[3], agg_ops[2];
    int keys[1];
};

static const struct schema *two_columns(struct arena *a, const struct type *second) {
    const struct schema *s = schema_new(a, 2);
    struct field *f = (struct field *)s->fields;
    f[0] = (struct field){"k", type_of(TYPE_VARCHAR)};
    f[1] = (struct field){"v", second};
    return s;
}

static const cJSON *config_of(struct arena *a, const char *text) {
    cJSON *j = cJSON_Parse(text);
    assert_non_null(j);
    const cJSON *copy = plan_json_copy(a, j);
    cJSON_Delete(j);
    return copy;
}

static void set_up(struct fixture *f) {
    memset(f, 0, sizeof *f);
    arena_init(&f->arena);
    const struct schema *in = two_columns(&f->arena, type_of(TYPE_INT));
    const struct schema *out = two_columns(&f->arena, type_of(TYPE_BIGINT));
    f->source_ops[0] = (struct plan_op){
        "source",
        "s1",
        "Source(t)",
        -1,
        0,
        config_of(&f->arena, "{\"table\": {\"name\": \"t\", \"options\": {\"connector\": \"print\","
                             " \"path\": \"/x\", \"aws.Secret-Key\": \"hush\","
                             " \"properties.sasl.jaas.config\": \"hush\"}}}"),
        in,
        CHANGELOG_INSERT,
        true};
    f->source_ops[1] = (struct plan_op){
        "calc", "c1", "Calc(k, v)", 0, 0, config_of(&f->arena, "{}"), in, CHANGELOG_INSERT, false};
    f->source_ops[2] = (struct plan_op){
        "sink", "d1", "Sink(bad)", 0, 1, config_of(&f->arena, "{}"), in, CHANGELOG_INSERT, true};
    f->agg_ops[0] = (struct plan_op){"group_agg",
                                     "a1",
                                     "GroupAggregate(k)",
                                     -1,
                                     0,
                                     config_of(&f->arena, "{\"keys\": [0]}"),
                                     out,
                                     CHANGELOG_UPSERT,
                                     true};
    f->agg_ops[1] = (struct plan_op){
        "sink", "k1", "Sink(o)", 0, 0, config_of(&f->arena, "{}"), out, CHANGELOG_UPSERT, true};
    f->vertices[0] =
        (struct plan_vertex){"s1", "Source(t)", 2, 128, "default", 3, f->source_ops, 0};
    f->vertices[1] = (struct plan_vertex){"a1", "Agg", 4, 128, "heavy", 2, f->agg_ops, 1};
    f->edges[0] = (struct plan_edge){0, 1, 0, 1, 0, ROUTING_HASH, 1, f->keys, in};
    f->plan = (struct plan){&f->arena, "job \"x\"", {.zone = "UTC", .batch_rows = 4096},
                            2,         f->vertices, 1,
                            f->edges,  out};
}

static void tear_down(struct fixture *f) {
    arena_release(&f->arena);
}

static void verify_accepts(void **state) {
    struct fixture f;
    struct err err = ERR_INIT;
    set_up(&f);
    assert_ok(plan_verify(&f.plan, &err), &err);
    tear_down(&f);
}

/* Each spoils one thing of the good plan. */
static void spoil_uid(struct fixture *f) {
    f->agg_ops[0].uid = "c1";
}
static void spoil_vertex_uid(struct fixture *f) {
    f->vertices[1].uid = "s1";
}
static void spoil_head(struct fixture *f) {
    f->agg_ops[0].input = 0;
}
static void spoil_input(struct fixture *f) {
    f->source_ops[1].input = 1;
}
static void spoil_input_port(struct fixture *f) {
    f->source_ops[2].input_port = 2;
}
static void spoil_from(struct fixture *f) {
    f->edges[0].from = 2;
}
static void spoil_from_op(struct fixture *f) {
    f->edges[0].from_op = 3;
}
static void spoil_port(struct fixture *f) {
    f->vertices[1].n_inputs = 2;
}
static void spoil_to_port(struct fixture *f) {
    f->edges[0].to_port = 1;
}
static void spoil_key(struct fixture *f) {
    f->keys[0] = 2;
}
static void spoil_no_key(struct fixture *f) {
    f->edges[0].n_keys = 0;
}
static void spoil_forward(struct fixture *f) {
    f->edges[0].routing = ROUTING_FORWARD;
    f->edges[0].n_keys = 0;
}
static void spoil_rescale(struct fixture *f) {
    f->edges[0].routing = ROUTING_RESCALE;
    f->edges[0].n_keys = 0;
    f->vertices[1].parallelism = 3;
}
static void spoil_schema(struct fixture *f) {
    f->edges[0].schema = f->agg_ops[0].output;
}
static void spoil_parallelism(struct fixture *f) {
    f->vertices[1].parallelism = 129;
}
static void spoil_cycle(struct fixture *f) {
    f->vertices[0].n_inputs = 1;
    f->edges[0].to = 0;
    f->vertices[1].n_inputs = 0;
}
static void spoil_changelog(struct fixture *f) {
    f->agg_ops[1].changelog = 0;
}
static void spoil_empty(struct fixture *f) {
    f->plan.n_vertices = f->plan.n_edges = 0;
}

static void verify_refuses(void **state) {
    static const struct {
        void (*spoil)(struct fixture *f);
        const char *text;
    } cases[] = {
        {spoil_uid, "two ops have uid 'c1'"},
        {spoil_vertex_uid, "two vertices have uid 's1'"},
        {spoil_head, "heads vertex 'a1' but names op 0"},
        {spoil_input, "op 'c1': input 1 is no op in front of it"},
        {spoil_input_port, "op 'd1': input port 2"},
        {spoil_from, "edge 0: from vertex 2"},
        {spoil_from_op, "edge 0: from op 3"},
        {spoil_port, "no edge feeds input port 1"},
        {spoil_to_port, "edge 0: to port 1"},
        {spoil_key, "edge 0: key column 2 of 2"},
        {spoil_no_key, "edge 0: hash with 0 keys"},
        {spoil_forward, "edge 0: forward from parallelism 2 to 4"},
        {spoil_rescale, "edge 0: rescale between parallelisms 2 and 3"},
        {spoil_schema, "edge 0: its schema is not that of op 'c1'"},
        {spoil_parallelism, "vertex 'a1': parallelism 129 of at most 128"},
        {spoil_cycle, "vertex 's1' lies on a cycle"},
        {spoil_changelog, "op 'k1': changelog mode 0"},
        {spoil_empty, "it has no vertices"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        struct err err = ERR_INIT;
        set_up(&f);
        cases[i].spoil(&f);
        assert_err(plan_verify(&f.plan, &err), ERR_INVALID, &err, cases[i].text);
        tear_down(&f);
    }
}

static void json_round_trip(void **state) {
    struct fixture f;
    struct err err = ERR_INIT;
    set_up(&f);
    f.plan.config.query_start_ms = 1700000000123;
    AUTO_JSON *j = plan_to_json(&f.plan);
    AUTO_STR first = STR_INIT, second = STR_INIT;
    json_print(j, &first);
    struct plan *back = NULL;
    assert_ok(plan_from_json(&f.arena, j, &back, &err), &err);
    assert_ok(plan_verify(back, &err), &err);
    AUTO_JSON *again = plan_to_json(back);
    json_print(again, &second);
    assert_string_equal(str_text(&first), str_text(&second));
    assert_non_null(strstr(str_text(&first), "hush"));
    assert_int_equal(back->vertices[1].parallelism, 4);
    assert_string_equal(back->vertices[0].ops[2].uid, "d1");
    assert_int_equal(back->vertices[0].ops[2].input_port, 1);
    assert_int_equal(back->edges[0].routing, ROUTING_HASH);
    assert_true(back->config.query_start_ms == 1700000000123);
    assert_int_equal(back->result->n, 2);
    tear_down(&f);
}

static void json_errors(void **state) {
    struct fixture f;
    set_up(&f);
    static const struct {
        const char *from, *to, *text;
    } cases[] = {
        {"\"version\":1", "\"version\":9", "version 9 (this release reads 1)"},
        {"\"routing\":\"hash\"", "\"routing\":\"hush\"", "edges[0]: routing 'hush' is unknown"},
        {"\"kind\":\"calc\"", "\"kind\":17", "vertices[0]: ops[1]: "},
        {"\"changelog\":\"I,UA,D\"", "\"changelog\":\"I,XX\"", "changelog 'I,XX' is none"},
        {"\"batchRows\":4096", "\"batchRows\":0", "config: batchRows is 0"},
    };
    AUTO_JSON *j = plan_to_json(&f.plan);
    AUTO_STR text = STR_INIT;
    json_print(j, &text);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        const char *at = strstr(str_text(&text), cases[i].from);
        assert_non_null(at);
        AUTO_STR spoiled = STR_INIT;
        str_add_n(&spoiled, text.ptr, (size_t)(at - text.ptr));
        str_add(&spoiled, cases[i].to);
        str_add(&spoiled, at + strlen(cases[i].from));
        AUTO_JSON *bad = cJSON_Parse(str_text(&spoiled));
        assert_non_null(bad);
        struct plan *p = NULL;
        int rc = plan_from_json(&f.arena, bad, &p, &err);
        assert_int_not_equal(rc, 0);
        assert_null(p);
        if (!strstr(err.msg, cases[i].text)) fail_msg("%s / %s", err.msg, cases[i].text);
    }
    tear_down(&f);
}

static void secrets_are_masked(void **state) {
    struct fixture f;
    set_up(&f);
    AUTO_JSON *j = plan_to_public_json(&f.plan);
    AUTO_STR text = STR_INIT;
    json_print(j, &text);
    assert_null(strstr(str_text(&text), "hush"));
    assert_non_null(strstr(str_text(&text), "\"path\":\"/x\""));
    assert_non_null(strstr(str_text(&text), "\"aws.Secret-Key\":\"******\""));
    tear_down(&f);
}

static void text_tree(void **state) {
    struct fixture f;
    set_up(&f);
    AUTO_STR out = STR_INIT;
    plan_print_text(&f.plan, &out);
    assert_string_equal(str_text(&out),
                        "job \"x\": streaming, unbounded; 2 vertices, 1 edge, 8 channels\n"
                        "[0] s1  parallelism 2 of 128\n"
                        "    Source(t)  (s1 I, state)\n"
                        "       +- Calc(k, v)  (c1 I)\n"
                        "       +! Sink(bad)  (d1 I, state)\n"
                        "[1] a1  parallelism 4 of 128, slot group heavy\n"
                        "    <- [0]: hash[k] 2x4, 8 channels, from c1\n"
                        "    GroupAggregate(k)  (a1 I,UA,D, state)\n"
                        "       +- Sink(o)  (k1 I,UA,D, state)\n"
                        "result: k STRING, v BIGINT\n");
    str_clear(&out);
    plan_print_dot(&f.plan, &out);
    assert_non_null(strstr(str_text(&out), "digraph \"job \\\"x\\\"\" {"));
    assert_non_null(strstr(str_text(&out), "v0 -> v1 [label=\"hash[k] 2x4, 8 channels\"];"));
    tear_down(&f);
}

static void changelog_text(void **state) {
    for (unsigned m = 1; m <= CHANGELOG_ALL; m++) {
        AUTO_STR s = STR_INIT;
        enum changelog_mode back = 0;
        changelog_print((enum changelog_mode)m, &s);
        assert_int_equal(changelog_parse(str_text(&s), &back), 0);
        assert_int_equal(back, m);
    }
    enum changelog_mode m;
    assert_int_equal(changelog_parse("", &m), -1);
    assert_int_equal(changelog_parse("I,", &m), -1);
    assert_int_equal(changelog_parse("I;UA", &m), -1);
}

static void channels(void **state) {
    struct fixture f;
    set_up(&f);
    static const int want[] = {2, 8, 4, 8, 8, 2};
    for (int r = ROUTING_FORWARD; r <= ROUTING_GLOBAL; r++) {
        f.edges[0].routing = (enum routing)r;
        assert_int_equal(plan_edge_channels(&f.plan, &f.edges[0]), want[r]);
    }
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_accepts),     cmocka_unit_test(verify_refuses),
        cmocka_unit_test(json_round_trip),    cmocka_unit_test(json_errors),
        cmocka_unit_test(secrets_are_masked), cmocka_unit_test(text_tree),
        cmocka_unit_test(changelog_text),     cmocka_unit_test(channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
