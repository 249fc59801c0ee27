/* state_ttl_test.c - state that expires, by what ops send. */
#include "tests/unit/worker/script_rig.h"

#include "worker/state/state_table.h"

#define BIG(n) "{\"col\": " n ", \"type\": \"BIGINT\"}"
#define SIDE(n)                                                                                    \
    "{\"filter\": {\"call\": \"=\", \"args\": [" BIG(                                              \
        "0") ", {\"lit\": " n                                                                      \
             ", \"type\": \"BIGINT NOT NULL\"}], \"type\": \"BOOLEAN\"}, \"exprs\": [" BIG(        \
                 "0") ", " BIG("1") ", " BIG("2") "]}"

/* source -> rows of side 0, of side 1 -> join -> end. */
static const char *run_join(const char *config, int n_out, const struct step *steps, size_t n) {
    struct rig r;
    rig_init(&r);
    begin(steps, n);
    int source = rig_vertex(&r, 1, 0), left = rig_vertex(&r, 1, 1), right = rig_vertex(&r, 1, 1),
        join = rig_vertex(&r, 1, 2);
    rig_op(&r, source, "t_script", "{}", row_schema());
    rig_op(&r, left, "calc", SIDE("0"), row_schema());
    rig_op(&r, right, "calc", SIDE("1"), row_schema());
    rig_op(&r, join, "join", config, bigints(&r, n_out));
    rig_op(&r, join, "t_end", "{}", bigints(&r, n_out));
    rig_edge(&r, source, left, 0, ROUTING_FORWARD);
    rig_edge(&r, source, right, 0, ROUTING_FORWARD);
    rig_edge(&r, left, join, 0, ROUTING_FORWARD);
    rig_edge(&r, right, join, 1, ROUTING_FORWARD);
    run_plan(&r);
    rig_release(&r);
    return str_text(&script.text);
}

#define COUNT_SUM                                                                                  \
    "\"aggs\": [{\"fn\": \"COUNT\", \"args\": [], \"cols\": [], \"filter\": -1, \"retract\": "     \
    "true, "                                                                                       \
    "\"type\": \"BIGINT NOT NULL\"}, {\"fn\": \"MAX\", \"args\": [\"BIGINT\"], \"cols\": [2], "    \
    "\"filter\": -1, \"retract\": true, \"type\": \"BIGINT\"}]"

static void groups_expire(void **state) {
    const char *got = run_op(
        "group_agg",
        "{\"keys\": [1], " COUNT_SUM ", \"updateBefore\": true, \"inputRetracts\": true, \"ttl\": "
        "1000}",
        3,
        STEPS({0, I, 0, 1, 5}, {999, I, 0, 1, 7}, {1998, I, 0, 1, 6}, /* each write counts */
              {2998, I, 0, 1, 1},                                     /* a new group */
              {3000, I, 0, 2, 1}, {4000, D, 0, 2, 1},                 /* nothing to take back */
              {5000, I, 0, 1, 1}));
    assert_string_equal(got, "+I[1, 1, 5] | -U[1, 1, 5] +U[1, 2, 7] | -U[1, 2, 7] +U[1, 3, 7] | "
                             "+I[1, 1, 1] | +I[2, 1, 1] | | +I[1, 1, 1] | ");
}

/* A result that doesn't change is sent again, so that ops behind don't forget it. */
static void equal_results_are_sent_again(void **state) {
#define MAX_OF_V(ttl)                                                                              \
    "{\"keys\": [1], \"aggs\": [{\"fn\": \"MAX\", \"args\": [\"BIGINT\"], \"cols\": [2], "         \
    "\"filter\": "                                                                                 \
    "-1, \"type\": \"BIGINT\"}], \"updateBefore\": false, \"ttl\": " ttl "}"
    assert_string_equal(
        run_op("group_agg", MAX_OF_V("1000"), 2, STEPS({0, I, 0, 1, 5}, {1, I, 0, 1, 4})),
        "+I[1, 5] | +U[1, 5] | ");
    assert_string_equal(run_op("group_agg", MAX_OF_V("0"), 2,
                               STEPS({0, I, 0, 1, 5}, {1, I, 0, 1, 4}, {99999999, I, 0, 1, 3})),
                        "+I[1, 5] | | | ");
}

/* Each value that DISTINCT knows expires by itself. */
static void distinct_values_expire(void **state) {
    const char *got = run_op(
        "group_agg",
        "{\"keys\": [1], \"aggs\": [{\"fn\": \"COUNT\", \"args\": [\"BIGINT\"], \"cols\": [2], "
        "\"filter\": -1, \"distinct\": true, \"type\": \"BIGINT NOT NULL\"}], \"updateBefore\": "
        "false, "
        "\"ttl\": 1000}",
        2,
        STEPS({0, I, 0, 1, 7}, {500, I, 0, 1, 8}, {999, I, 0, 1, 7}, {1000, I, 0, 1, 7},
              {1001, I, 0, 1, 8}, {1500, I, 0, 1, 8}));
    assert_string_equal(got, "+I[1, 1] | +U[1, 2] | +U[1, 2] | +U[1, 3] | +U[1, 3] | +U[1, 4] | ");
}

#define ORDER_V "\"order\": [{\"col\": 2, \"desc\": true, \"nullsFirst\": false}]"

static void partitions_of_top_n_expire(void **state) {
    const char *got = run_op("rank",
                             "{\"function\": \"row_number\", \"partition\": [1], " ORDER_V
                             ", \"from\": 1, \"to\": 2, \"outputRank\": true, \"updateBefore\": "
                             "true, \"ttl\": 1000}",
                             4,
                             STEPS({0, I, 0, 1, 5}, {900, I, 0, 1, 7}, {1800, I, 0, 1, 4},
                                   {1900, I, 0, 1, 6}, {1901, I, 0, 1, 1}));
    /* 4 wasn't among the first two: it writes nothing, so the partition is gone at 1900. */
    assert_string_equal(got, "+I[0, 1, 5, 1] | -U[0, 1, 5, 1] +U[0, 1, 7, 1] +I[0, 1, 5, 2] | | "
                             "+I[0, 1, 6, 1] | +I[0, 1, 1, 2] | ");
}

static void first_and_last_rows_expire(void **state) {
    assert_string_equal(run_op("dedup",
                               "{\"keys\": [1], \"time\": -1, \"keep\": \"first\", \"ttl\": 1000}",
                               3, STEPS({0, I, 0, 1, 5}, {900, I, 0, 1, 7}, {1000, I, 0, 1, 8})),
                        "+I[0, 1, 5] | | +I[0, 1, 8] | ");
#define KEEP_LAST(ttl)                                                                             \
    "{\"keys\": [1], \"time\": -1, \"keep\": \"last\", \"updateBefore\": true, \"ttl\": " ttl "}"
    assert_string_equal(
        run_op("dedup", KEEP_LAST("1000"), 3,
               STEPS({0, I, 0, 1, 5}, {900, I, 0, 1, 5}, {1800, I, 0, 1, 8}, {2800, I, 0, 1, 9})),
        "+I[0, 1, 5] | -U[0, 1, 5] +U[0, 1, 5] | -U[0, 1, 5] +U[0, 1, 8] | "
        "+I[0, 1, 9] | ");
    assert_string_equal(run_op("dedup", KEEP_LAST("0"), 3,
                               STEPS({0, I, 0, 1, 5}, {900, I, 0, 1, 5}, {99999, I, 0, 1, 6})),
                        "+I[0, 1, 5] | | -U[0, 1, 5] +U[0, 1, 6] | ");
}

static void normalised_rows_expire(void **state) {
    const char *got =
        run_op("normalize", "{\"keys\": [1], \"updateBefore\": true, \"ttl\": 1000}", 3,
               STEPS({0, I, 0, 1, 5}, {900, I, 0, 1, 5}, {1899, I, 0, 1, 6}, {2899, I, 0, 1, 7},
                     {3899, D, 0, 1, 7}, {4000, I, 0, 1, 7}, {4001, D, 0, 1, 7}));
    assert_string_equal(got, "+I[0, 1, 5] | -U[0, 1, 5] +U[0, 1, 5] | -U[0, 1, 5] +U[0, 1, 6] | "
                             "+I[0, 1, 7] | | +I[0, 1, 7] | -D[0, 1, 7] | ");
}

static void rows_of_a_sinks_key_expire(void **state) {
    const char *got = run_op("materialize",
                             "{\"keys\": [1], \"upsertKey\": null, \"conflict\": \"deduplicate\", "
                             "\"ttl\": 1000}",
                             3,
                             STEPS({0, I, 0, 1, 5}, {900, I, 0, 1, 6}, {1800, D, 0, 1, 6},
                                   {2800, D, 0, 1, 5}, {2801, I, 0, 1, 8}));
    assert_string_equal(got, "+I[0, 1, 5] | +U[0, 1, 6] | +U[0, 1, 5] | | +I[0, 1, 8] | ");
}

#define OVER(more)                                                                                 \
    "{\"partition\": [1], \"order\": [{\"col\": 2, \"desc\": false, \"nullsFirst\": true}], "      \
    "\"frame\": \"rows\", \"preceding\": null, \"following\": 0, \"calls\": [{\"fn\": \"SUM\", "   \
    "\"args\": [\"BIGINT\"], \"cols\": [2], \"filter\": -1, \"type\": \"BIGINT\"}], "              \
    "\"updateBefore\": true, \"ttl\": 1000, " more "}"

static void partitions_of_over_expire(void **state) {
    assert_string_equal(run_op("over", OVER("\"time\": -1"), 4,
                               STEPS({0, I, 0, 1, 5}, {999, I, 0, 1, 3}, {1998, D, 0, 1, 3},
                                     {2998, D, 0, 1, 5}, {2999, I, 0, 1, 4})),
                        "+I[0, 1, 5, 5] | +I[0, 1, 3, 3] -U[0, 1, 5, 5] +U[0, 1, 5, 8] | "
                        "-D[0, 1, 3, 3] -U[0, 1, 5, 8] +U[0, 1, 5, 5] | | +I[0, 1, 4, 4] | ");
    assert_string_equal(
        run_op("over", OVER("\"time\": -1, \"proctime\": true"), 4,
               STEPS({0, I, 0, 1, 5}, {999, I, 0, 1, 6}, {1998, I, 0, 1, 7}, {2998, I, 0, 1, 8})),
        "+I[0, 1, 5, 5] | +I[0, 1, 6, 11] | +I[0, 1, 7, 18] | +I[0, 1, 8, 8] | ");
    /* The watermark is 1 behind the first row, 2 behind the second ...: 9 waits to the end. */
    assert_string_equal(
        run_op("over", OVER("\"time\": 2"), 4,
               STEPS({0, I, 0, 1, 1}, {999, I, 0, 1, 2}, {1000, I, 0, 1, 9}, {5000, I, 0, 1, 4})),
        "+I[0, 1, 1, 1] | +I[0, 1, 2, 3] | | +I[0, 1, 4, 7] | +I[0, 1, 9, 16] ");
}

#define JOIN(type, left_ttl, right_ttl)                                                            \
    "{\"join\": \"" type                                                                           \
    "\", \"leftKeys\": [1], \"rightKeys\": [1], \"filterNulls\": [true], \"residual\": null, "     \
    "\"leftUpsertKey\": null, \"rightUpsertKey\": null, \"leftTtl\": " left_ttl                    \
    ", \"rightTtl\": " right_ttl "}"

static void rows_of_joins_expire_by_side(void **state) {
    const char *got =
        run_join(JOIN("inner", "1000", "3000"), 6,
                 STEPS({0, I, 0, 1, 10}, {0, I, 1, 1, 20}, {999, I, 1, 1, 21}, {1000, I, 1, 1, 22},
                       {2999, I, 0, 1, 11}, {3000, I, 0, 1, 12}, {3001, D, 1, 1, 21}));
    assert_string_equal(got,
                        "| +I[0, 1, 10, 1, 1, 20] | +I[0, 1, 10, 1, 1, 21] | | "
                        "+I[0, 1, 11, 1, 1, 20] +I[0, 1, 11, 1, 1, 21] +I[0, 1, 11, 1, 1, 22] | "
                        "+I[0, 1, 12, 1, 1, 21] +I[0, 1, 12, 1, 1, 22] | "
                        "-D[0, 1, 11, 1, 1, 21] -D[0, 1, 12, 1, 1, 21] | ");
}

/* A match is written to the row of an outer side: it lives on. */
static void matches_keep_outer_rows_alive(void **state) {
    const char *got = run_join(
        JOIN("left", "1000", "1000"), 6,
        STEPS({0, I, 0, 1, 10}, {900, I, 1, 1, 20}, {1800, I, 1, 1, 21}, {2800, I, 1, 1, 22}));
    assert_string_equal(got, "+I[0, 1, 10, NULL, NULL, NULL] | "
                             "-D[0, 1, 10, NULL, NULL, NULL] +I[0, 1, 10, 1, 1, 20] | "
                             "+I[0, 1, 10, 1, 1, 21] | | ");
}

/* What nobody asks for any more leaves the state, too. */
static void expired_rows_are_freed(void **state) {
    struct state_desc d = {.n_keys = 1,
                           .key_types = (const struct type *[]){type_of(TYPE_BIGINT)},
                           .payload_size_bytes = 8,
                           .ttl_ms = 1000};
    struct state_table *t = state_table_new(&d);
    struct column c;
    enum { N = 5000 };
    col_init(&c, type_of(TYPE_BIGINT), N);
    for (int64_t i = 0; i < N; i++)
        COL_DATA(&c, int64_t)[i] = i;
    static uint64_t hashes[N];
    static char *payloads[N];
    col_hash(&c, hashes, N);
    const struct column *keys = &c;
    state_table_age(t, 5000, N);
    state_table_upsert(t, &keys, hashes, NULL, N, payloads, NULL);
    state_table_age(t, 5500, N);
    state_table_touch(t, payloads, 10);
    state_table_age(t, 5999, N);
    assert_int_equal(state_table_count(t), N);
    state_table_age(t, 6000, 100); /* a few at a time */
    assert_int_equal(state_table_count(t), N - 90);
    uint64_t pos = 0;
    assert_int_equal(state_table_scan(t, &pos, payloads, N), 10);
    state_table_age(t, 4000, N); /* never back */
    assert_int_equal(state_table_count(t), 10);
    state_table_free(t);
    col_release(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(groups_expire),
                                       cmocka_unit_test(equal_results_are_sent_again),
                                       cmocka_unit_test(distinct_values_expire),
                                       cmocka_unit_test(partitions_of_top_n_expire),
                                       cmocka_unit_test(first_and_last_rows_expire),
                                       cmocka_unit_test(normalised_rows_expire),
                                       cmocka_unit_test(rows_of_a_sinks_key_expire),
                                       cmocka_unit_test(partitions_of_over_expire),
                                       cmocka_unit_test(rows_of_joins_expire_by_side),
                                       cmocka_unit_test(matches_keep_outer_rows_alive),
                                       cmocka_unit_test(expired_rows_are_freed)};
    return cmocka_run_group_tests(tests, script_setup, script_teardown);
}
