/* settle.c - see settle.h. */
#include "coordinator/settle.h"

#include "base/core/mem.h"
#include "base/core/thread.h"
#include "coordinator/checkpoint/body.h"

#include <stdlib.h>
#include <string.h>

struct settlement {
    struct job *job;      /* NULL: forgotten. The loop's */
    const struct job *of; /* the I/O thread's: reads its plan */
    struct net_loop *loop;
    enum settle_kind kind;
    cJSON **lists;
    void (*done)(struct job *j, const struct err *err);
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
    if (s->kind == SETTLE_ABORT)
        rc = d->abort && list->child ? d->abort(&t, list, &s->err) : 0;
    else if (d->commit && (s->kind == SETTLE_END || list->child))
        rc = d->commit(&t, list, s->kind == SETTLE_END, &s->err);
    return rc ? connector_err_wrap(&s->err, t.name) : 0;
}

static int settle_all(struct settlement *s) {
    const struct job *j = s->of;
    for (int v = 0; v < j->plan->n_vertices; v++) {
        const struct plan_vertex *pv = &j->plan->vertices[v];
        for (int o = 0; o < pv->n_ops; o++) {
            int rc =
                is_sink(&pv->ops[o]) ? settle_op(s, &pv->ops[o], s->lists[j->op_base[v] + o]) : 0;
            if (rc) return rc;
        }
    }
    return 0;
}

static int count_ops(const struct job *j) {
    int n = 0;
    for (int v = 0; v < j->plan->n_vertices; v++)
        n += j->plan->vertices[v].n_ops;
    return n;
}

cJSON **settle_lists_new(const struct job *j) {
    int n = count_ops(j);
    cJSON **lists = mem_calloc((size_t)n + 1, sizeof *lists);
    for (int i = 0; i < n; i++)
        lists[i] = cJSON_CreateArray();
    return lists;
}

void settle_lists_free(cJSON **lists) {
    for (int i = 0; lists[i]; i++)
        cJSON_Delete(lists[i]);
    free(lists);
}

cJSON **settle_lists_of_tasks(const struct job *j) {
    cJSON **lists = settle_lists_new(j);
    const cJSON *c;
    for (int v = 0; v < j->plan->n_vertices; v++)
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
            cJSON_ArrayForEach(c, j->tasks[v][s].committables) {
                int op = (int)json_opt_i64(c, "op", -1);
                const cJSON *value = json_opt(c, "value");
                if (op < 0 || op >= j->plan->vertices[v].n_ops || !value) continue;
                cJSON_AddItemToArray(lists[j->op_base[v] + op], cJSON_Duplicate(value, true));
            }
    return lists;
}

cJSON **settle_lists_of_body(const struct job *j, const cJSON *body) {
    cJSON **lists = settle_lists_new(j);
    for (int v = 0; v < j->plan->n_vertices; v++)
        for (int o = 0; o < j->plan->vertices[v].n_ops; o++) {
            const cJSON *value, *values = ckpt_body_prepared(body, j->plan->vertices[v].ops[o].uid);
            cJSON_ArrayForEach(value, values)
                cJSON_AddItemToArray(lists[j->op_base[v] + o], cJSON_Duplicate(value, true));
        }
    return lists;
}

static bool holds(const cJSON *values, const cJSON *value) {
    const cJSON *one;
    cJSON_ArrayForEach(one, values) if (cJSON_Compare(one, value, true)) return true;
    return false;
}

void settle_lists_leave_out(const struct job *j, cJSON **lists, const cJSON *body) {
    for (int v = 0; body && v < j->plan->n_vertices; v++)
        for (int o = 0; o < j->plan->vertices[v].n_ops; o++) {
            const cJSON *held = ckpt_body_prepared(body, j->plan->vertices[v].ops[o].uid);
            cJSON *list = lists[j->op_base[v] + o];
            for (cJSON *value = list->child, *next; value; value = next) {
                next = value->next;
                if (holds(held, value)) cJSON_Delete(cJSON_DetachItemViaPointer(list, value));
            }
        }
}

static void settlement_free(struct settlement *s) {
    arena_release(&s->arena);
    free(s);
}

static void on_settled(void *arg) { /* on the loop */
    struct settlement *s = arg;
    struct job *j = s->job;
    settle_lists_free(s->lists);
    if (j) {
        j->settlement = NULL;
        s->done(j, s->rc ? &s->err : NULL);
    }
    settlement_free(s);
}

static void settle_run(void *arg) { /* on an I/O thread */
    struct settlement *s = arg;
    s->rc = settle_all(s);
    net_loop_post_always(s->loop, on_settled, s);
}

static void settle_drop(void *arg) { /* the coordinator goes before it was begun */
    struct settlement *s = arg;
    settle_lists_free(s->lists);
    if (s->job) s->job->settlement = NULL;
    settlement_free(s);
}

/* Whether a sink's connector has something to do. */
static bool has_work(const struct job *j, enum settle_kind kind, cJSON **lists) {
    for (int v = 0; v < j->plan->n_vertices; v++) {
        const struct plan_vertex *pv = &j->plan->vertices[v];
        for (int o = 0; o < pv->n_ops; o++) {
            if (!is_sink(&pv->ops[o])) continue;
            const cJSON *list = lists[j->op_base[v] + o];
            const cJSON *options = json_opt(json_opt(pv->ops[o].config, "table"), "options");
            const struct connector_desc *d = connector_find(json_opt_str(options, "connector", ""));
            if (!d) return true;
            if (kind == SETTLE_END ? d->commit != NULL : list->child != NULL) return true;
        }
    }
    return false;
}

void settle_begin(struct job *j, enum settle_kind kind, cJSON **lists,
                  void (*done)(struct job *j, const struct err *err)) {
    CHECK(!j->settlement);
    if (!has_work(j, kind, lists)) {
        settle_lists_free(lists);
        done(j, NULL);
        return;
    }
    struct settlement *s = mem_zalloc(sizeof *s);
    *s = (struct settlement){
        .job = j, .of = j, .loop = j->coord->loop, .kind = kind, .lists = lists, .done = done};
    arena_init(&s->arena);
    j->settlement = s;
    struct io_job job = {settle_run, settle_drop, s};
    if (io_pool_submit(j->coord->io, &job, NULL, NULL)) settle_run(s);
}

void settle_forget(struct job *j) {
    if (j->settlement) j->settlement->job = NULL;
    j->settlement = NULL;
}
