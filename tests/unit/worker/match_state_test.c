/* match_state_test.c - what is kept of a partition: rows, runs, and all of it as bytes and back. */
#include "tests/unit/cmocka_wrap.h"

#include "worker/match_state.h"

#include <stdlib.h>
#include <string.h>

enum { VARS = 3 };

static size_t run_bytes(void) {
    struct match_pattern p = {.n = VARS};
    return match_run_bytes(&p);
}

/* A row of 32 bytes that begins as packed rows do. */
static char *new_row(struct var_memory *var, int64_t time) {
    struct match_row *r = var_alloc(var, sizeof *r + 32);
    *r = (struct match_row){.time = time,
                            .arrival = time * 2,
                            .holds = (uint64_t)time * 3,
                            .size_bytes = sizeof *r + 32};
    char *packed = (char *)(r + 1);
    memset(packed, (int)time, 32);
    uint32_t size = 32;
    memcpy(packed, &size, 4);
    return packed;
}

static void drop_row(struct var_memory *var, char *packed) {
    var_free(var, match_row_of(packed), match_row_of(packed)->size_bytes);
}

static void rows_go_from_the_front(void **state) {
    struct var_memory var;
    var_init(&var);
    struct match_rows r = {0};
    int64_t first = 0, next = 0;
    srand(1);
    for (int i = 0; i < 2000; i++) {
        for (int n = rand() % 5; n > 0; n--)
            match_rows_add(&r, &var, new_row(&var, next++));
        uint32_t gone = 0, live = r.n - r.from;
        assert_int_equal(live, next - first);
        for (int n = rand() % 5; n > 0 && gone < live; n--, gone++, first++) {
            char *row = r.rows[r.from + gone];
            assert_int_equal(match_row_of(row)->time, first);
            drop_row(&var, row);
        }
        match_rows_drop(&r, &var, gone);
    }
    struct match_key k = {.waiting = r};
    match_key_free(&k, &var, run_bytes());
    var_release(&var);
}

static void add_run(struct match_runs *r, struct var_memory *var, uint32_t at, int64_t start) {
    struct match_run *run = match_runs_insert(r, var, run_bytes(), at);
    memset(run, 0, run_bytes());
    run->start = start;
    run->start_time = start * 10;
    run->counts[VARS - 1] = (uint32_t)start;
}

static bool begins_behind(const struct match_run *run, int64_t start) {
    return run->start > start;
}

static void runs_are_inserted_and_filtered(void **state) {
    struct var_memory var;
    var_init(&var);
    struct match_runs r = {0};
    for (int64_t s = 0; s < 10; s += 2)
        add_run(&r, &var, r.n, s);
    add_run(&r, &var, 2, 3);
    match_runs_filter(&r, run_bytes(), begins_behind, 2);
    static const int64_t want[] = {3, 4, 6, 8};
    assert_int_equal(r.n, ARRAY_LEN(want));
    for (uint32_t i = 0; i < r.n; i++) {
        assert_int_equal(match_run_at(&r, run_bytes(), i)->start, want[i]);
        assert_int_equal(match_run_at(&r, run_bytes(), i)->counts[VARS - 1], want[i]);
    }
    match_runs_free(&r, &var, run_bytes());
    var_release(&var);
}

static void there_and_back(void **state) {
    struct var_memory var;
    struct err err = ERR_INIT;
    var_init(&var);
    struct match_key k = {.next = 7, .queued = 5}, back = {0};
    assert_true(match_key_is_empty(&k));
    assert_int_equal(match_next_look(&k, 0), INT64_MAX);
    for (int64_t t = 20; t < 25; t++)
        match_rows_add(&k.waiting, &var, new_row(&var, t));
    for (int64_t t = 4; t < 7; t++)
        match_rows_add(&k.taken, &var, new_row(&var, t));
    drop_row(&var, k.waiting.rows[0]);
    match_rows_drop(&k.waiting, &var, 1);
    k.waiting.unsorted = 1;
    add_run(&k.runs, &var, 0, 5);
    add_run(&k.runs, &var, 1, 6);
    add_run(&k.done, &var, 0, 4);
    assert_int_equal(match_first_start(&k), 4);
    assert_int_equal(match_next_look(&k, 0), 21);
    k.runs.n--;
    assert_int_equal(match_next_look(&k, -40), 10);
    k.runs.n++;
    AUTO_STR bytes = STR_INIT, again = STR_INIT;
    match_key_save(&k, run_bytes(), &bytes);
    assert_ok(match_key_load(&back, run_bytes(), str_view(&bytes), &var, &err), &err);
    assert_int_equal(back.queued, INT64_MAX);
    assert_int_equal(back.waiting.n - back.waiting.from, 4);
    assert_int_equal(match_row_of(back.waiting.rows[0])->holds, 63);
    match_key_save(&back, run_bytes(), &again);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.ptr, bytes.ptr, bytes.len);
    match_key_free(&back, &var, run_bytes());
    for (size_t n = 0; n < bytes.len; n++) { /* cut anywhere */
        struct match_key cut = {0};
        struct sv part = {bytes.ptr, n};
        assert_int_equal(match_key_load(&cut, run_bytes(), part, &var, &err), ERR_CORRUPT);
        err_clear(&err);
        match_key_free(&cut, &var, run_bytes());
    }
    match_key_free(&k, &var, run_bytes());
    var_release(&var);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_go_from_the_front),
                                       cmocka_unit_test(runs_are_inserted_and_filtered),
                                       cmocka_unit_test(there_and_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
