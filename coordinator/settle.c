/* settle.c - see settle.h. */
#include "coordinator/settle.h"

#include "base/core/mem.h"
#include "base/core/thread.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOP_FULL_WAIT_US = 1000 };

struct settlement {
    struct job *job; /* NULL: forgotten. The loop's, but for reading its plan and committables */
    const struct job *of; /* the I/O thread's */
    struct net_loop *loop;
    bool commit;
    void (*done)(struct job *j, bool commit, const struct err *err);
    struct arena arena;
    int rc;
    struct err err;
};

static bool is_sink(const struct plan_op *op) {
    return strcmp(op->kind, "sink") == 0;
}

static int settle_op(struct settlement *s, const struct plan_op *op, const cJSON *list) {
    struct connector_table t;
    int rc = connector_table_from_json(
        &s->arena, cJSON_GetObjectItemCaseSensitive(op->config, "table"), &t, &s->err);
    if (rc) return rc;
    const struct connector_desc *d = connector_find(connector_table_option(&t, "connector"));
    CHECK(d);
    if (s->commit && d->commit) rc = d->commit(&t, list, true, &s->err);
    if (!s->commit && d->abort && list->child) rc = d->abort(&t, list, &s->err);
    return rc ? connector_err_wrap(&s->err, t.name) : 0;
}

static int settle_all(struct settlement *s) {
    const struct job *j = s->of;
    for (int v = 0; v < j->plan->n_vertices; v++) {
        const struct plan_vertex *pv = &j->plan->vertices[v];
        for (int o = 0; o < pv->n_ops; o++) {
            int rc = is_sink(&pv->ops[o])
                         ? settle_op(s, &pv->ops[o], j->committables[j->op_base[v] + o])
                         : 0;
            if (rc) return rc;
        }
    }
    return 0;
}

static void on_settled(void *arg) { /* on the loop */
    struct settlement *s = arg;
    struct job *j = s->job;
    if (j) {
        j->settlement = NULL;
        s->done(j, s->commit, s->rc ? &s->err : NULL);
    }
    arena_release(&s->arena);
    free(s);
}

static void settle_run(void *arg) { /* on an I/O thread */
    struct settlement *s = arg;
    s->rc = settle_all(s);
    while (net_loop_post(s->loop, on_settled, s, NULL)) /* the loop is behind: it will catch up */
        usleep(LOOP_FULL_WAIT_US);
}

static void settle_drop(void *arg) { /* the coordinator goes before it was begun */
    struct settlement *s = arg;
    if (s->job) s->job->settlement = NULL;
    arena_release(&s->arena);
    free(s);
}

/* Whether a sink's connector has something to do. */
static bool has_work(const struct job *j, bool commit) {
    for (int v = 0; v < j->plan->n_vertices; v++) {
        const struct plan_vertex *pv = &j->plan->vertices[v];
        for (int o = 0; o < pv->n_ops; o++) {
            if (!is_sink(&pv->ops[o])) continue;
            const cJSON *list = j->committables[j->op_base[v] + o];
            const cJSON *options = json_opt(json_opt(pv->ops[o].config, "table"), "options");
            const struct connector_desc *d = connector_find(json_opt_str(options, "connector", ""));
            if (!d || (commit ? d->commit != NULL : d->abort && list->child)) return true;
        }
    }
    return false;
}

void settle_begin(struct job *j, bool commit,
                  void (*done)(struct job *j, bool commit, const struct err *err)) {
    CHECK(!j->settlement);
    if (!has_work(j, commit)) {
        done(j, commit, NULL);
        return;
    }
    struct settlement *s = mem_zalloc(sizeof *s);
    *s = (struct settlement){
        .job = j, .of = j, .loop = j->coord->loop, .commit = commit, .done = done};
    arena_init(&s->arena);
    j->settlement = s;
    struct io_job job = {settle_run, settle_drop, s};
    if (io_pool_submit(j->coord->io, &job, NULL, NULL)) settle_run(s);
}

void settle_forget(struct job *j) {
    if (j->settlement) j->settlement->job = NULL;
    j->settlement = NULL;
}
