/* place_test.c - slots to workers, as a table. */
#include "coordinator/state.h"

#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"

enum { VERTICES_MAX = 4, SUBTASKS_MAX = 8, WORKERS_MAX = 4 };

struct vertex {
    int parallelism;
    const char *group;
};

static const struct {
    const char *name;
    int slots[WORKERS_MAX]; /* of each worker; -1 = lost, -2 = no more workers, 0 = any number */
    struct vertex vertices[VERTICES_MAX];
    const char *want; /* workers by subtask, vertices divided by a blank; or the error */
} cases[] = {
    {"one worker takes all", {0, -2}, {{3, "default"}}, "000"},
    {"in turn", {0, 0, -2}, {{3, "default"}}, "010"},
    {"vertices share the slots of their group", {2, 2, -2}, {{3, "a"}, {2, "a"}}, "010 01"},
    {"groups have slots of their own", {2, 2, -2}, {{2, "a"}, {2, "b"}}, "01 01"},
    {"a small group's place follows the larger", {3, 1, -2}, {{3, "a"}, {1, "b"}}, "010 0"},
    {"full workers are passed over", {1, 3, -2}, {{4, "a"}}, "0111"},
    {"lost workers get nothing", {-1, 0, -1, 0}, {{3, "a"}}, "131"},
    {"too few slots", {1, 1, -2}, {{3, "a"}}, "needs 3 slots, its workers have 2"},
    {"groups add up", {2, -2}, {{2, "a"}, {1, "b"}}, "needs 3 slots, its workers have 2"},
    {"no worker is left", {-1, -2}, {{1, "a"}}, "needs 1 slots, its workers have 0"},
};

static void run_case(size_t i) {
    struct worker workers[WORKERS_MAX] = {0}, *list[WORKERS_MAX];
    struct plan_vertex pv[VERTICES_MAX] = {0};
    struct job_task rows[VERTICES_MAX][SUBTASKS_MAX] = {0}, *tasks[VERTICES_MAX];
    bool used[WORKERS_MAX] = {false}, want_used[WORKERS_MAX] = {false};
    struct plan plan = {.vertices = pv};
    struct coordinator c = {.workers = list};
    struct job j = {.coord = &c, .plan = &plan, .tasks = tasks, .worker_used = used};
    for (; c.n_workers < WORKERS_MAX && cases[i].slots[c.n_workers] != -2; c.n_workers++) {
        struct worker *w = list[c.n_workers] = &workers[c.n_workers];
        int slots = cases[i].slots[c.n_workers];
        w->conn = slots >= 0 ? (struct ws_conn *)workers : NULL; /* only looked at */
        w->slots = MAX(slots, 0);
    }
    for (; plan.n_vertices < VERTICES_MAX && cases[i].vertices[plan.n_vertices].group;
         plan.n_vertices++) {
        int v = plan.n_vertices;
        tasks[v] = rows[v];
        pv[v].parallelism = cases[i].vertices[v].parallelism;
        pv[v].slot_group = (char *)cases[i].vertices[v].group;
    }
    struct err e = ERR_INIT;
    int rc = place_tasks(&j, &e);
    AUTO_STR got = STR_INIT;
    for (int v = 0; !rc && v < plan.n_vertices; v++) {
        if (v) str_add_char(&got, ' ');
        for (int s = 0; s < pv[v].parallelism; s++) {
            str_add_char(&got, (char)('0' + rows[v][s].worker));
            want_used[rows[v][s].worker] = true;
        }
    }
    if (rc) str_add(&got, e.msg);
    if (rc ? !strstr(str_text(&got), cases[i].want) : strcmp(str_text(&got), cases[i].want))
        fail_msg("%s: %s, not %s", cases[i].name, str_text(&got), cases[i].want);
    if (!rc) assert_memory_equal(used, want_used, sizeof used);
}

static void slots(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        run_case(i);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(slots)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
