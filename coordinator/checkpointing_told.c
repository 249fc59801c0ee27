/* checkpointing_told.c - savepoints and stops that are asked for, and what is told of a job's
 * checkpoints. */
#include "coordinator/checkpointing_int.h"

#include "base/core/mem.h"

#include <stdlib.h>

/* ---- requests ---- */

static struct request *request_of(const struct checkpointing *k, uint64_t tag) {
    if (!tag || tag > k->n_requests || tag + CHECKPOINTING_REQUESTS <= k->n_requests) return NULL;
    return (struct request *)&k->requests[(tag - 1) % CHECKPOINTING_REQUESTS];
}

static void request_failed(struct request *r, const char *why) {
    r->state = REQUEST_FAILED;
    free(r->error);
    r->error = mem_strdup(why);
}

static void on_copied(void *self, const struct copy_result *res) {
    struct checkpointing *k = self;
    k->copy = NULL;
    ckpt_agent_release(k->agent);
    for (uint64_t t = 1; t <= k->n_requests; t++) {
        struct request *r = request_of(k, t);
        if (!r || r->state != REQUEST_COPYING) continue;
        if (res->err)
            request_failed(r, res->err->msg);
        else
            r->state = REQUEST_DONE;
        break;
    }
}

static void copy_savepoint(struct checkpointing *k, struct request *r) {
    struct err err = ERR_INIT;
    struct coordinator *c = k->job->coord;
    if (k->copy) {
        request_failed(r, "another savepoint is being copied");
        return;
    }
    ckpt_agent_hold(k->agent);
    if (copy_write(c->loop, c->io, k->dir, ckpt_agent_newest_seq(k->agent), r->dir, on_copied, k,
                   &k->copy, &err)) {
        ckpt_agent_release(k->agent);
        request_failed(r, err.msg);
        return;
    }
    r->state = REQUEST_COPYING;
}

void checkpointing_request_done(void *self, const struct ckpt_action *a) {
    struct checkpointing *k = self;
    struct request *r = request_of(k, a->tag);
    if (!r) return; /* TAG_FINISH: what isn't done is tried again at the next interval */
    r->checkpoint = a->checkpoint;
    if (r->kind == CKPT_STOP) {
        r->state = REQUEST_DONE;
        if (!a->ok) {
            struct err err = ERR_INIT;
            err_set(&err, ERR_RUNTIME, "%s", a->reason);
            free(r->error);
            r->error = mem_strdup(a->reason);
            checkpointing_warn(
                k->job, "no checkpoint could be taken for the stop: the last complete one serves",
                &err);
        }
        job_stopped(k->job, a->checkpoint);
    } else if (!a->ok) {
        request_failed(r, a->reason);
    } else if (r->dir) {
        copy_savepoint(k, r);
    } else {
        r->state = REQUEST_DONE;
    }
}

uint64_t checkpointing_request(struct job *j, enum ckpt_kind kind, const char *dir) {
    struct checkpointing *k = j->ck;
    uint64_t tag = ++k->n_requests;
    struct request *r = &k->requests[(tag - 1) % CHECKPOINTING_REQUESTS];
    free(r->dir);
    free(r->error);
    *r = (struct request){.tag = tag, .kind = kind, .dir = dir ? mem_strdup(dir) : NULL};
    if (kind == CKPT_STOP) k->stopping = true;
    /* An attempt that doesn't run takes no checkpoint: a stop is answered by the last one. */
    if (kind == CKPT_STOP && (j->state == JOB_CREATED || j->state == JOB_RESTARTING)) {
        r->state = REQUEST_DONE;
        r->checkpoint = ckpt_agent_newest(k->agent);
        job_stopped(j, r->checkpoint);
    } else {
        ckpt_agent_request(k->agent, kind, tag);
    }
    return tag;
}

cJSON *checkpointing_request_json(const struct job *j, uint64_t request) {
    static const char *const states[] = {"running", "running", "done", "failed"};
    const struct request *r = j->ck ? request_of(j->ck, request) : NULL;
    if (!r) return NULL;
    cJSON *o = cJSON_CreateObject();
    json_set_u64(o, "request", r->tag);
    json_set_str(o, "state", states[r->state]);
    json_set_u64(o, "checkpoint", r->checkpoint);
    json_set_str(o, "dir", r->dir ? r->dir : j->ck->dir);
    if (r->error) json_set_str(o, "error", r->error);
    return o;
}

void checkpointing_free_requests(struct checkpointing *k) {
    for (int i = 0; i < CHECKPOINTING_REQUESTS; i++) {
        free(k->requests[i].dir);
        free(k->requests[i].error);
    }
}

/* ---- told ---- */

struct checkpointing_figures checkpointing_figures(const struct job *j) {
    return j->ck->figures;
}

cJSON *checkpointing_newest_json(const struct job *j) {
    const struct checkpointing *k = j->ck;
    const cJSON *body = ckpt_agent_body(k->agent);
    if (!body) return NULL;
    cJSON *o = cJSON_CreateObject();
    json_set_u64(o, "id", ckpt_agent_newest(k->agent));
    json_set_str(o, "location", k->dir);
    json_set_i64(o, "completedMs", json_opt_i64(body, "time", 0));
    json_set_i64(o, "bytes", ckpt_body_state_bytes(body));
    return o;
}

static cJSON *entry_json(const struct entry *e) {
    static const char *const kinds[] = {"checkpoint", "savepoint", "stop"};
    cJSON *o = cJSON_CreateObject();
    json_set_u64(o, "checkpoint", e->checkpoint);
    json_set_u64(o, "attempt", e->attempt);
    json_set_str(o, "kind", kinds[e->kind]);
    json_set_str(o, "state", !e->ended ? "running" : e->ok ? "complete" : "failed");
    json_set_i64(o, "time", e->wall_ms);
    json_set_i64(o, "ms", e->ms);
    json_set_i64(o, "bytes", e->bytes);
    json_set_i64(o, "stateBytes", e->state_bytes);
    json_set_i64(o, "maxSyncMs", e->max_sync_ms);
    json_set_i64(o, "maxAlignMs", e->max_align_ms);
    if (e->ended && !e->ok) json_set_str(o, "reason", e->reason);
    return o;
}

cJSON *checkpointing_json(const struct job *j) {
    const struct checkpointing *k = j->ck;
    cJSON *o = cJSON_CreateObject();
    json_set_bool(o, "enabled", k != NULL);
    if (!k) return o;
    json_set_str(o, "dir", k->dir);
    json_set_i64(o, "intervalMs", k->opts.interval_ms);
    json_set_u64(o, "newest", ckpt_agent_newest(k->agent));
    json_set_u64(o, "epoch", ckpt_agent_epoch(k->agent));
    json_set_i64(o, "completed", k->figures.completed);
    json_set_i64(o, "failed", k->figures.failed);
    json_set_i64(o, "restored", k->figures.restored);
    if (k->from) {
        cJSON *from = cJSON_AddObjectToObject(o, "from");
        json_set_u64(from, "checkpoint", k->from_id);
        json_set_str(from, "dir", k->from_dir);
        json_set(from, "state", ckpt_body_map(k->from, j->plan));
    }
    cJSON *list = cJSON_AddArrayToObject(o, "history");
    uint64_t kept = MIN(k->n_history, (uint64_t)CHECKPOINTING_HISTORY);
    for (uint64_t i = 1; i <= kept; i++)
        cJSON_AddItemToArray(list,
                             entry_json(&k->history[(k->n_history - i) % CHECKPOINTING_HISTORY]));
    return o;
}
