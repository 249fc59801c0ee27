/* The checkpoint protocol under faults: SIM_SEEDS seeds (environment; default 10,000; 500 under
 * a sanitizer), from
 * SIM_FIRST on. SIM_TRACE=1 prints what happens. */
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/coordinator/checkpoint/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef PENSTOCK_SANITIZE
enum { SEEDS = 500 };
#else
enum { SEEDS = 10000 };
#endif

static uint64_t env(const char *name, uint64_t dflt) {
    const char *v = getenv(name);
    return v ? strtoull(v, NULL, 10) : dflt;
}

static void run_seeds(const char *what, uint64_t n, const struct sim_faults *f) {
    struct sim_result sum = {0};
    uint64_t first = env("SIM_FIRST", 1);
    for (uint64_t seed = first; seed < first + n; seed++) {
        struct sim_result r;
        sim_run(seed, f, 60000, 30000, getenv("SIM_TRACE") != NULL, &r);
        if (!r.ok) fail_msg("%s: seed %" PRIu64 ": %s", what, seed, r.violation);
        sum.checkpoints += r.checkpoints;
        sum.restores += r.restores;
        sum.fenced += r.fenced;
        sum.aborted += r.aborted;
    }
    printf("%s: %" PRIu64 " seeds: %" PRIu64 " checkpoints, %" PRIu64 " restores, %" PRIu64
           " aborted, %" PRIu64 " coordinators fenced\n",
           what, n, sum.checkpoints, sum.restores, sum.aborted, sum.fenced);
    /* The faults must have happened, or nothing was tried. */
    assert_true(sum.checkpoints > 10 * n);
    if (f->worker_crashes && n >= 100) assert_true(sum.restores > n && sum.aborted > n / 2);
    if (f->coordinator_pauses && n >= 100) assert_true(sum.fenced > 0);
}

static void test_no_faults(void **state) {
    run_seeds("no faults", 20, &(struct sim_faults){0});
}

static void test_crashes(void **state) {
    struct sim_faults f = {.worker_crashes = true, .coordinator_crashes = true};
    run_seeds("crashes", env("SIM_SEEDS", SEEDS) / 4, &f);
}

static void test_storage(void **state) {
    struct sim_faults f = {.worker_crashes = true, .storage_errors = true};
    run_seeds("storage", env("SIM_SEEDS", SEEDS) / 4, &f);
}

static void test_all(void **state) {
    struct sim_faults f = {true, true, true, true, true, true};
    run_seeds("all faults", env("SIM_SEEDS", SEEDS) / 2, &f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_faults),
        cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_storage),
        cmocka_unit_test(test_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
