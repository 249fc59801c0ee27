/* deploy.c - splits and tasks to workers. */
#include "coordinator/deploy.h"

#include "base/core/mem.h"
#include "coordinator/checkpoint/body.h"
#include "coordinator/checkpointing.h"
#include "coordinator/discovery.h"

#include <stdlib.h>

/* Split i goes to subtask i mod parallelism. Takes splits. */
static cJSON *deal_out(cJSON *splits, int parallelism) {
    cJSON *all = cJSON_CreateArray(), *s;
    for (int i = 0; i < parallelism; i++)
        cJSON_AddItemToArray(all, cJSON_CreateArray());
    for (int i = 0; (s = cJSON_DetachItemFromArray(splits, 0)); i++)
        cJSON_AddItemToArray(cJSON_GetArrayItem(all, i % parallelism), s);
    cJSON_Delete(splits);
    return all;
}

static cJSON *deal_out_again(const cJSON *source, int parallelism) {
    cJSON *all = cJSON_CreateArray();
    for (int i = 0; i < parallelism; i++)
        cJSON_AddItemToArray(all, ckpt_body_splits(source, i, parallelism));
    return all;
}

/* What each subtask of the source op of vertex v gets: an array of arrays; *ret_splits NULL if it
 * has no source. */
static int list_splits(struct job *j, int v, cJSON **ret_splits, struct err *err) {
    const struct plan_vertex *pv = &j->plan->vertices[v];
    *ret_splits = NULL;
    bool values = !strcmp(pv->ops[0].kind, "values");
    const cJSON *from = ckpt_body_source(checkpointing_from(j), pv->ops[0].uid);
    if (values && from) *ret_splits = deal_out_again(from, pv->parallelism);
    if (strcmp(pv->ops[0].kind, "source")) return 0;
    struct connector_table t;
    int rc = connector_table_from_json(
        &j->arena, cJSON_GetObjectItemCaseSensitive(pv->ops[0].config, "table"), &t, err);
    if (rc) return rc;
    const struct connector_desc *d = connector_find(connector_table_option(&t, "connector"));
    CHECK(d);
    if (!d->enumerate) return err_set(err, ERR_INTERNAL, "connector '%s' lists no splits", d->name);
    if (from) { /* with positions; what isn't among them has been read */
        *ret_splits = deal_out_again(from, pv->parallelism);
        discovery_add(j, v, d, &t, NULL, json_opt(from, "seen"));
        return 0;
    }
    rc = d->enumerate(&t, pv->parallelism, ret_splits, err);
    if (rc) return connector_err_wrap(err, t.name);
    discovery_add(j, v, d, &t, *ret_splits, NULL);
    const cJSON *s;
    cJSON_ArrayForEach(s, *ret_splits) {
        j->total_bytes += json_opt_i64(s, "bytes", 0);
        j->total_records += json_opt_i64(s, "records", 0);
    }
    *ret_splits = deal_out(*ret_splits, pv->parallelism);
    return 0;
}

static cJSON *address_list(struct job *j) {
    cJSON *list = cJSON_CreateArray();
    for (int w = 0; w < j->n_workers; w++) {
        cJSON *a = cJSON_CreateObject();
        json_set_str(a, "id", j->coord->workers[w]->id);
        json_set_str(a, "host", j->coord->workers[w]->host);
        json_set_i64(a, "dataPort", j->coord->workers[w]->data_port);
        cJSON_AddItemToArray(list, a);
    }
    return list;
}

static cJSON *placement(struct job *j) {
    cJSON *all = cJSON_CreateArray();
    for (int v = 0; v < j->plan->n_vertices; v++) {
        cJSON *one = cJSON_CreateArray();
        for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
            cJSON_AddItemToArray(one, cJSON_CreateNumber(j->tasks[v][s].worker));
        cJSON_AddItemToArray(all, one);
    }
    return all;
}

/* Every worker is told which subtasks of the source have nothing to read. */
static void add_idle(struct job *j, int v, const cJSON *splits, cJSON **frames) {
    for (int s = 0; s < j->plan->vertices[v].parallelism; s++)
        for (int w = 0; w < j->n_workers; w++) {
            if (!frames[w] || cJSON_GetArraySize(cJSON_GetArrayItem(splits, s))) continue;
            cJSON *t = cJSON_CreateObject();
            json_set_i64(t, "v", v);
            json_set_i64(t, "s", s);
            if (discovery_has(j, v)) json_set_bool(t, "moreSplits", true);
            cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(frames[w], "idle"), t);
        }
}

static void add_tasks(struct job *j, int v, const cJSON *splits, cJSON **frames) {
    int p = j->plan->vertices[v].parallelism;
    for (int s = 0; s < p; s++) {
        cJSON *t = cJSON_CreateObject();
        json_set_i64(t, "v", v);
        json_set_i64(t, "s", s);
        if (splits) json_set(t, "splits", cJSON_Duplicate(cJSON_GetArrayItem(splits, s), true));
        if (discovery_has(j, v)) json_set_bool(t, "moreSplits", true);
        cJSON *frame = frames[j->tasks[v][s].worker];
        cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(frame, "tasks"), t);
    }
}

static cJSON *new_frame(struct job *j, const cJSON *plan, const cJSON *addresses,
                        const cJSON *place, const cJSON *restore) {
    cJSON *f = control_new(MSG_DEPLOY);
    json_set_str(f, "job", j->id);
    json_set_str(f, "name", j->name);
    json_set_i64(f, "attempt", (int64_t)j->attempt);
    json_set(f, "plan", cJSON_Duplicate(plan, true));
    json_set(f, "workers", cJSON_Duplicate(addresses, true));
    json_set(f, "placement", cJSON_Duplicate(place, true));
    json_set_str(f, "token", j->coord->opts.token ? j->coord->opts.token : "");
    cJSON *stores = job_spec_file_systems(j->coord->opts.spec);
    if (stores) json_set(f, "fileSystems", stores);
    if (j->ck) json_set(f, "checkpoints", checkpointing_frame(j));
    if (restore) json_set(f, "restore", cJSON_Duplicate(restore, true));
    cJSON_AddArrayToObject(f, "idle");
    cJSON_AddArrayToObject(f, "tasks");
    return f;
}

int deploy_frames(struct job *j, cJSON ***ret_frames, struct err *err) {
    cJSON **frames = mem_calloc((size_t)j->n_workers + 1, sizeof *frames);
    AUTO_JSON *plan = plan_to_json(j->plan), *addresses = address_list(j), *place = placement(j);
    AUTO_JSON *restore = checkpointing_from(j) ? checkpointing_restore_frame(j) : NULL;
    if (!restore) j->total_bytes = j->total_records = 0;
    for (int w = 0; w < j->n_workers; w++)
        if (j->worker_used[w]) frames[w] = new_frame(j, plan, addresses, place, restore);
    for (int v = 0; v < j->plan->n_vertices; v++) {
        AUTO_JSON *splits = NULL;
        int rc = list_splits(j, v, &splits, err);
        if (rc) {
            for (int w = 0; w < j->n_workers; w++)
                cJSON_Delete(frames[w]);
            free(frames);
            return rc;
        }
        add_tasks(j, v, splits, frames);
        if (splits) add_idle(j, v, splits, frames);
    }
    *ret_frames = frames;
    return 0;
}
