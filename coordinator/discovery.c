/* discovery.c - see discovery.h. */
#define LOG_MODULE "coordinator"
#include "coordinator/discovery.h"

#include "base/core/log.h"
#include "base/core/map.h"
#include "base/core/mem.h"

#include <stdlib.h>

struct discovery {
    struct job *job;
    int vertex;
    const struct connector_desc *desc;
    struct connector_table table;
    int64_t interval_ms;
    struct map seen;   /* split ids */
    uint64_t n_splits; /* handed out: says whose turn it is */
    bool failing;      /* the last listing failed, and that was told */
    struct net_timer *timer;
};

static const char *split_id(const cJSON *split) {
    return json_opt_str(split, "id", "");
}

static bool note_id(struct discovery *d, const char *id) {
    if (map_has(&d->seen, id)) return false;
    map_put(&d->seen, id, d);
    d->n_splits++;
    return true;
}

/* The split's id is new. */
static bool note(struct discovery *d, const cJSON *split) {
    return note_id(d, split_id(split));
}

static cJSON *new_frame(const struct discovery *d, int subtask) {
    cJSON *f = control_new(MSG_SPLITS);
    json_set_str(f, "job", d->job->id);
    json_set_i64(f, "attempt", (int64_t)d->job->attempt);
    json_set_i64(f, "v", d->vertex);
    json_set_i64(f, "s", subtask);
    cJSON_AddArrayToObject(f, "splits");
    return f;
}

/* Sends each subtask its share of those that are new. */
static void hand_out(struct discovery *d, const cJSON *splits) {
    struct job *j = d->job;
    int p = j->plan->vertices[d->vertex].parallelism;
    AUTO_FREE cJSON **frames = mem_calloc((size_t)p, sizeof(cJSON *));
    const cJSON *s;
    cJSON_ArrayForEach(s, splits) {
        int subtask = (int)(d->n_splits % (uint64_t)p);
        if (!note(d, s)) continue;
        if (!frames[subtask]) frames[subtask] = new_frame(d, subtask);
        cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(frames[subtask], "splits"),
                             cJSON_Duplicate(s, true));
        log_info("new split", KV_STR("job", j->id), KV_STR("table", d->table.name),
                 KV_STR("split", split_id(s)), KV_I64("subtask", subtask));
    }
    for (int i = 0; i < p; i++)
        if (frames[i]) worker_send(j->coord->workers[j->tasks[d->vertex][i].worker], frames[i]);
}

static void on_failure(struct discovery *d, const struct err *err) {
    if (d->failing) return;
    d->failing = true;
    AUTO_STR text = STR_INIT;
    str_addf(&text, "table '%s': no new splits for now, the listing fails: %s", d->table.name,
             err->msg);
    log_warn("listing of splits failed", KV_STR("job", d->job->id), KV_STR("table", d->table.name),
             KV_ERR(err));
    cJSON *e = control_new(EVENT_WARNING);
    json_set_str(e, "text", str_text(&text));
    client_send(d->job->coord, e);
}

static void on_turn(void *arg) {
    struct discovery *d = arg;
    AUTO_JSON *splits = NULL;
    struct err err = ERR_INIT;
    int p = d->job->plan->vertices[d->vertex].parallelism;
    const struct connector_desc *c = d->desc;
    if ((c->enumerate_more ? c->enumerate_more : c->enumerate)(&d->table, p, &splits, &err)) {
        on_failure(d, &err);
        return;
    }
    if (d->failing)
        log_info("listing of splits works again", KV_STR("job", d->job->id),
                 KV_STR("table", d->table.name));
    d->failing = false;
    hand_out(d, splits);
}

void discovery_add(struct job *j, int v, const struct connector_desc *desc,
                   const struct connector_table *t, const cJSON *splits, const cJSON *seen) {
    int64_t interval_ms = desc->discovery_interval_ms ? desc->discovery_interval_ms(t) : 0;
    if (interval_ms <= 0) return;
    struct discovery *d = mem_zalloc(sizeof *d);
    *d = (struct discovery){
        .job = j, .vertex = v, .desc = desc, .table = *t, .interval_ms = interval_ms};
    map_init(&d->seen);
    const cJSON *s;
    cJSON_ArrayForEach(s, splits) note(d, s);
    cJSON_ArrayForEach(s, seen) if (cJSON_IsString(s)) note_id(d, s->valuestring);
    MEM_GROW(j->discoveries, j->n_discoveries, j->cap_discoveries);
    j->discoveries[j->n_discoveries++] = d;
}

cJSON *discovery_seen(const struct job *j, int v) {
    for (int i = 0; i < j->n_discoveries; i++) {
        const struct discovery *d = j->discoveries[i];
        if (d->vertex != v) continue;
        cJSON *ids = cJSON_CreateArray();
        struct map_entry e;
        for (size_t at = 0; map_next(&d->seen, &at, &e);)
            cJSON_AddItemToArray(ids, cJSON_CreateString(e.key));
        return ids;
    }
    return NULL;
}

bool discovery_has(const struct job *j, int v) {
    for (int i = 0; i < j->n_discoveries; i++)
        if (j->discoveries[i]->vertex == v) return true;
    return false;
}

void discovery_start(struct job *j) {
    for (int i = 0; i < j->n_discoveries; i++) {
        struct discovery *d = j->discoveries[i];
        d->timer = net_timer_new(j->coord->loop, on_turn, d);
        net_timer_set_every(d->timer, d->interval_ms);
    }
}

void discovery_stop(struct job *j) {
    for (int i = 0; i < j->n_discoveries; i++)
        if (j->discoveries[i]->timer) net_timer_cancel(j->discoveries[i]->timer);
}

void discovery_free(struct job *j) {
    for (int i = 0; i < j->n_discoveries; i++) {
        struct discovery *d = j->discoveries[i];
        net_timer_free(d->timer);
        map_release(&d->seen, NULL);
        free(d);
    }
    free(j->discoveries);
    j->discoveries = NULL;
    j->n_discoveries = 0;
    j->cap_discoveries = 0;
}
