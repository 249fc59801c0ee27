/* match_pattern_test.c - the ways on for a run, as Flink's automaton has them. */
#include "tests/unit/cmocka_wrap.h"

#include "worker/match_pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { A = 1, B = 2, C = 4, D = 8 }; /* conditions that hold */

static void set(struct match_pattern *p, int n, const struct match_quantifier *vars) {
    static const char *const names[] = {"A", "B", "C", "D"};
    memset(p, 0, sizeof *p);
    p->n = n;
    memcpy(p->vars, vars, sizeof *vars * (size_t)n);
    memcpy(p->names, names, sizeof names);
}

/* "A>1 B>2! ..": who takes the row and where that leads, ! = a match. */
static void assert_moves(const struct match_pattern *p, int var, uint64_t count, uint64_t holds,
                         const char *want) {
    struct match_move moves[MATCH_MOVES_MAX];
    char got[256] = "";
    int n = match_moves(p, var, count, holds, moves);
    for (int i = 0; i < n; i++)
        sprintf(got + strlen(got), "%s%s>%d%s", i ? " " : "", p->names[moves[i].took], moves[i].var,
                moves[i].complete ? "!" : "");
    assert_string_equal(got, want);
    /* What is not needed doesn't matter. */
    uint64_t needs = match_needs(p, var, count);
    struct match_move again[MATCH_MOVES_MAX];
    for (uint64_t other = 0; other < 16; other++) {
        uint64_t h = (holds & needs) | (other & ~needs);
        assert_int_equal(match_moves(p, var, count, h, again), n);
        assert_memory_equal(again, moves, sizeof *moves * (size_t)n);
    }
}

#define MANY INT64_MAX

static void concatenation(void **state) {
    struct match_pattern p;
    set(&p, 2, (const struct match_quantifier[]){{1, 1, false}, {1, 1, false}});
    assert_moves(&p, 0, 0, A | B, "A>1");
    assert_moves(&p, 0, 0, B, "");
    assert_moves(&p, 1, 0, A | B, "B>2!");
    assert_moves(&p, 1, 0, A, "");
}

static void greedy_keeps_its_rows(void **state) {
    struct match_pattern p; /* A+ B{1,2} C */
    set(&p, 3, (const struct match_quantifier[]){{1, MANY, true}, {1, 2, true}, {1, 1, false}});
    assert_moves(&p, 0, 1, A | B, "A>0");
    assert_moves(&p, 0, 1, B | C, "B>1");
    assert_moves(&p, 0, 0, B, "");
    assert_moves(&p, 1, 1, A | B | C, "B>2");
    assert_moves(&p, 1, 1, C, "C>3!");
    /* B has taken as many as it may, and still keeps what it would take from C. */
    assert_moves(&p, 2, 0, B | C, "");
    assert_moves(&p, 2, 0, A | C, "C>3!");
}

static void reluctant_tries_all(void **state) {
    struct match_pattern p; /* A*? B C+? */
    set(&p, 3,
        (const struct match_quantifier[]){{0, MANY, false}, {1, 1, false}, {1, MANY, false}});
    assert_moves(&p, 0, 0, A | B, "A>0 B>2");
    assert_moves(&p, 0, 3, A | B | C, "A>0 B>2");
    assert_moves(&p, 2, 0, A | B | C, "C>2 C>2!");
}

static void optional_ends(void **state) {
    struct match_pattern p; /* A B* C? */
    set(&p, 3, (const struct match_quantifier[]){{1, 1, false}, {0, MANY, true}, {0, 1, false}});
    assert_moves(&p, 0, 0, A, "A>1 A>1!");
    assert_moves(&p, 0, 0, A | B, "A>1"); /* the row would do for B, too: B is waited for */
    assert_moves(&p, 1, 0, B | C, "B>1");
    assert_moves(&p, 1, 2, C, "C>3!");
}

static void needs(void **state) {
    struct match_pattern p; /* A B? C+ D */
    set(&p, 4,
        (const struct match_quantifier[]){
            {1, 1, false}, {0, 1, false}, {1, MANY, true}, {1, 1, false}});
    assert_int_equal(match_needs(&p, 0, 0), A);
    assert_int_equal(match_needs(&p, 1, 0), B | C);
    assert_int_equal(match_needs(&p, 2, 0), C);
    assert_int_equal(match_needs(&p, 2, 1), C | D);
}

static void skips(void **state) {
    struct match_pattern p;
    struct err err = ERR_INIT;
    set(&p, 3, (const struct match_quantifier[]){{1, 2, false}, {0, 1, false}, {1, MANY, false}});
    struct match_run *run = calloc(1, match_run_bytes(&p));
    run->start = 100;
    run->rows = 5;
    run->counts[0] = 2;
    run->counts[2] = 3;
    int64_t to;
    static const struct {
        enum match_skip skip;
        int var, rc;
        int64_t to;
    } cases[] = {{MATCH_SKIP_PAST_LAST, -1, 0, 105},  {MATCH_SKIP_NEXT, -1, 0, 101},
                 {MATCH_SKIP_FIRST, 2, 0, 102},       {MATCH_SKIP_LAST, 2, 0, 104},
                 {MATCH_SKIP_LAST, 0, 0, 101},        {MATCH_SKIP_FIRST, 0, ERR_RUNTIME, 0},
                 {MATCH_SKIP_LAST, 1, ERR_RUNTIME, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        p.skip = cases[i].skip;
        p.skip_var = cases[i].var;
        assert_int_equal(match_skip_to(&p, run, &to, &err), cases[i].rc);
        if (!cases[i].rc) assert_int_equal(to, cases[i].to);
    }
    free(run);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(concatenation),
                                       cmocka_unit_test(greedy_keeps_its_rows),
                                       cmocka_unit_test(reluctant_tries_all),
                                       cmocka_unit_test(optional_ends),
                                       cmocka_unit_test(needs),
                                       cmocka_unit_test(skips)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
