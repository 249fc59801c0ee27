/* planner.c - the way of a query through the planner: rules over the logical plan, physical nodes,
 * changelog, phases, graph. */
#include "sql/planner.h"

#include "sql/phys/phys.h"
#include "sql/rules/rules.h"

#include <string.h>

/* ---- streaming or batch ---- */

static bool table_bounded(const struct rel *scan) {
    struct connector_table t = {.name = scan->u.scan.table->name,
                                .schema = scan->schema,
                                .n_projection = -1,
                                .options = scan->u.scan.options,
                                .n_options = scan->u.scan.n_options};
    const char *name = connector_table_option(&t, "connector");
    const struct connector_desc *d = scan->u.scan.table->connector;
    if (!d && name) d = connector_find(name);
    struct err ignored = ERR_INIT; /* reported when the scan is planned */
    bool bounded = true;
    if (d && d->is_bounded && d->is_bounded(&t, &bounded, &ignored)) return true;
    return bounded && (!d || !d->source_mode || d->source_mode(&t) == CHANGELOG_INSERT);
}

static bool all_bounded(const struct rel *r, struct ptrmap *seen) {
    if (ptrmap_get(seen, r)) return true;
    ptrmap_put(seen, r, (void *)r);
    if (r->kind == REL_SCAN && !table_bounded(r)) return false;
    for (int i = 0; i < r->n_inputs; i++)
        if (!all_bounded(r->inputs[i], seen)) return false;
    return true;
}

static bool decide_batch(const struct planner *p) {
    if (p->set->runtime_mode != RUNTIME_AUTOMATIC) return p->set->runtime_mode == RUNTIME_BATCH;
    struct ptrmap seen;
    ptrmap_init(&seen, p->arena);
    for (int i = 0; i < p->in->n_sinks; i++)
        if (!all_bounded(p->in->sinks[i], &seen)) return false;
    return true;
}

static int start(struct planner *p, struct arena *a, const struct planner_input *in,
                 struct err *err) {
    *p = (struct planner){.arena = a, .in = in, .set = session_settings(in->session)};
    if (in->n_sinks < 1) return err_set(err, ERR_VALIDATION, "there is nothing to run");
    if (in->parallelism < 1 || in->parallelism > MAX_PARALLELISM_LIMIT)
        return err_set(err, ERR_VALIDATION, "parallelism %d (1 to %d expected)", in->parallelism,
                       MAX_PARALLELISM_LIMIT);
    if (in->max_parallelism && in->max_parallelism < in->parallelism)
        return err_set(err, ERR_VALIDATION, "parallelism %d is above the maximum parallelism %d",
                       in->parallelism, in->max_parallelism);
    int rc = session_plan_config(in->session, a, &p->config, err);
    if (rc) return rc;
    p->batch = p->config.batch_mode = decide_batch(p);
    ptrmap_init(&p->made, a);
    ptrmap_init(&p->uses, a);
    return 0;
}

/* ---- logical ---- */

static int optimize(struct planner *p, const struct rel **sinks, struct err *err) {
    struct rule_ctx ctx = {.arena = p->arena,
                           .batch = p->batch,
                           .share = p->set->reuse_sub_plan,
                           .distinct_buckets =
                               p->set->distinct_split && p->config.mini_batch && !p->batch
                                   ? p->set->distinct_buckets
                                   : 0,
                           .env = session_env(p->in->session)};
    memcpy(sinks, p->in->sinks, sizeof *sinks * (size_t)p->in->n_sinks);
    return rules_run(&ctx, sinks, p->in->n_sinks, err);
}

int planner_optimize(struct arena *a, const struct planner_input *in, const struct rel **ret_sinks,
                     struct err *err) {
    struct planner p;
    int rc = start(&p, a, in, err);
    return rc ? rc : optimize(&p, ret_sinks, err);
}

/* ---- physical ---- */

static void count_uses(struct planner *p, const struct rel *r) {
    intptr_t uses = (intptr_t)ptrmap_get(&p->uses, r);
    ptrmap_put(&p->uses, r, (void *)(uses + 1));
    if (uses) return;
    for (int i = 0; i < r->n_inputs; i++)
        count_uses(p, r->inputs[i]);
}

static int translate(struct planner *p, const struct rel *const *sinks, struct plan **ret,
                     struct err *err) {
    int n = p->in->n_sinks;
    for (int i = 0; i < n; i++)
        count_uses(p, sinks[i]);
    for (int i = 0; i < n; i++) {
        struct pnode *sink;
        int rc = phys_node(p, sinks[i], &sink, err);
        if (rc) return rc;
        phys_add_root(p, sink);
    }
    int rc = phys_dead_letters(p, err);
    if (rc) return rc;
    phys_changelog(p);
    phys_digest(p);
    phys_parallel(p);
    phys_two_phase(p);
    phys_parallel(p);
    return phys_graph(p, ret, err);
}

int planner_plan(struct arena *a, const struct planner_input *in, struct plan **ret,
                 struct err *err) {
    struct planner p;
    int rc = start(&p, a, in, err);
    if (rc) return rc;
    const struct rel **sinks = ARENA_NEW_N(a, const struct rel *, in->n_sinks);
    rc = optimize(&p, sinks, err);
    if (rc) return rc;
    p.json = cJSON_CreateArray();
    rc = translate(&p, sinks, ret, err);
    cJSON_Delete(p.json);
    return rc;
}
