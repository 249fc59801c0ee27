/* ckpt_rig.h - a job of two vertices (ckpt_ops.h) that takes checkpoints into a directory; its
 * coordinator is played by the test. */
#ifndef PENSTOCK_TESTS_UNIT_WORKER_CHECKPOINT_CKPT_RIG_H
#define PENSTOCK_TESTS_UNIT_WORKER_CHECKPOINT_CKPT_RIG_H

#include "tests/unit/worker/checkpoint/ckpt_ops.h"

#include "base/proto/control.h"
#include "fs/faulty.h"
#include "fs/stores.h"
#include "worker/checkpoint/agent.h"
#include "worker/checkpoint/restore.h"

#include <unistd.h>

/* ---- the job ---- */

struct ck_job {
    struct rig r;
    struct worker *w;
    struct snapshot_agent *agent;
    struct job_runtime *rt;
    struct restore *restore;
    int parallelism;
};

static void ck_tell(void *self, cJSON *frame) {
    const char *t = json_opt_str(frame, "t", "");
    pthread_mutex_lock(&ck.lock);
    ck.n_acked += !strcmp(t, MSG_ACKED);
    ck.n_declined += !strcmp(t, MSG_DECLINED);
    ck.n_commit_done += !strcmp(t, MSG_COMMIT_DONE);
    cJSON_Delete(ck.frame);
    ck.frame = frame;
    ck_changed();
    pthread_mutex_unlock(&ck.lock);
}

ATTR_UNUSED static void ck_committed(void *self, uint64_t checkpoint) {
    snapshot_agent_committed(((struct ck_job *)self)->agent, checkpoint);
}

static const struct schema *ck_sums(struct rig *r) {
    struct field *f = ARENA_NEW_N(&r->arena, struct field, 2);
    f[0] = (struct field){"k", type_of(TYPE_BIGINT)};
    f[1] = (struct field){"sum", type_of(TYPE_BIGINT)};
    struct schema *s = ARENA_NEW(&r->arena, struct schema);
    *s = (struct schema){2, f};
    return s;
}

static void ck_plan(struct rig *r, int parallelism) {
    rig_init(r);
    r->plan.config.buffer_timeout_ms = 0;
    int a = rig_vertex(r, parallelism, 0), b = rig_vertex(r, parallelism, 1);
    rig_op(r, a, "c_source", "{}", rig_schema());
    rig_op(r, b, "c_sum", "{}", ck_sums(r));
    rig_op(r, b, "c_sink", "{}", ck_sums(r));
    rig_edge(r, a, b, 0, ROUTING_HASH);
}

/* A new attempt forgets what was seen. */
ATTR_UNUSED static void ck_open(struct ck_job *j, const char *dir, int parallelism) {
    memset(ck.sums, 0, sizeof ck.sums);
    ck.limit = 0;
    struct err err = ERR_INIT;
    *j = (struct ck_job){.parallelism = parallelism};
    ck_plan(&j->r, parallelism);
    assert_ok(worker_new(&(struct worker_opts){.executors = 2}, &j->w, &err), &err);
    struct snapshot_agent_opts ao = {.dir = dir, .worker_id = "w0", .self = j, .tell = ck_tell};
    assert_ok(snapshot_agent_new(&ao, &j->agent, &err), &err);
    struct runtime_spec spec = rig_spec(&j->r);
    spec.find_op = ck_find_op;
    spec.files = snapshot_agent_files(j->agent);
    spec.callbacks = (struct job_callbacks){.self = j, .committed = ck_committed};
    assert_ok(job_runtime_new(j->w, &spec, &j->rt, &err), &err);
    snapshot_agent_attach(j->agent, j->rt);
}

ATTR_UNUSED static cJSON *ck_split(const cJSON *splits, int number) {
    const cJSON *s;
    cJSON_ArrayForEach(s, splits) {
        if (json_opt_i64(s, "number", -1) == number) return cJSON_Duplicate(s, true);
    }
    cJSON *fresh = cJSON_CreateObject();
    json_set_i64(fresh, "number", number);
    return fresh;
}

/* splits: NULL: all, from their start. Dealt out in turn, so that at the same parallelism each goes
 * where it was. */
ATTR_UNUSED static void ck_start(struct ck_job *j, const cJSON *splits) {
    for (int i = 0; i < C_SPLITS; i++)
        job_runtime_add_split(j->rt, 0, i % j->parallelism, ck_split(splits, i));
    for (int s = 0; s < j->parallelism; s++)
        job_runtime_no_more_splits(j->rt, 0, s);
    job_runtime_start(j->rt);
}

ATTR_UNUSED static void ck_close(struct ck_job *j) {
    snapshot_agent_attach(j->agent, NULL);
    job_runtime_free(j->rt);
    snapshot_agent_free(j->agent);
    restore_free(j->restore);
    worker_free(j->w);
    rig_release(&j->r);
}

/* With the lock held on return from cond; no time limit but the test run's. */
#define CK_WAIT(cond)                                                                              \
    do {                                                                                           \
        pthread_mutex_lock(&ck.lock);                                                              \
        while (!(cond))                                                                            \
            pthread_cond_wait(&ck.more, &ck.lock);                                                 \
        pthread_mutex_unlock(&ck.lock);                                                            \
    } while (0)

ATTR_UNUSED static int64_t ck_expected(int64_t k, int64_t rows) {
    int64_t sum = 0;
    for (int64_t v = k; v < rows * C_SPLITS; v += C_KEYS)
        if ((v % C_SPLITS || v / C_SPLITS < ck.first_rows) &&
            (v % C_SPLITS != 1 || v / C_SPLITS < ck.second_limit))
            sum += v;
    return sum;
}

ATTR_UNUSED static bool ck_sums_are(int64_t rows) {
    for (int k = 0; k < C_KEYS; k++)
        if (ck.sums[k] != ck_expected(k, rows)) return false;
    return true;
}

/* Sources go on to `limit` rows per split, and everything has arrived. */
ATTR_UNUSED static void ck_run_to(int64_t limit) {
    pthread_mutex_lock(&ck.lock);
    ck.limit = limit;
    for (int i = 0; i < RIG_SUBTASKS; i++)
        if (ck.sources[i]) op_wake(ck.sources[i]);
    pthread_mutex_unlock(&ck.lock);
    CK_WAIT(ck_sums_are(limit));
}

ATTR_UNUSED static void ck_trigger(struct ck_job *j, uint64_t id, uint64_t base, const char *kind,
                                   bool full) {
    AUTO_JSON *m = control_new(MSG_TRIGGER);
    json_set_u64(m, "epoch", 1);
    json_set_u64(m, "checkpoint", id);
    json_set_u64(m, "base", base);
    json_set_str(m, "kind", kind);
    json_set_bool(m, "full", full);
    snapshot_agent_trigger(j->agent, m);
}

/* The next answer; the caller's. */
ATTR_UNUSED static cJSON *ck_answer(const int *count, int before) {
    CK_WAIT(*count > before);
    cJSON *f = ck.frame;
    ck.frame = NULL;
    return f;
}

ATTR_UNUSED static cJSON *ck_checkpoint(struct ck_job *j, uint64_t id, uint64_t base) {
    int before = ck.n_acked;
    ck_trigger(j, id, base, "checkpoint", false);
    return ck_answer(&ck.n_acked, before);
}

/* ---- the coordinator's part: chains of what was acked ---- */

ATTR_UNUSED static cJSON *ck_restore_of(const char *dir) {
    cJSON *r = cJSON_CreateObject();
    json_set_str(r, "dir", dir);
    cJSON_AddArrayToObject(r, "files");
    cJSON_AddArrayToObject(r, "chains");
    return r;
}

ATTR_UNUSED static cJSON *ck_chain_at(cJSON *chains, int64_t v, int64_t first) {
    cJSON *c;
    cJSON_ArrayForEach(c, chains) {
        if (json_opt_i64(c, "v", -1) == v && json_opt_i64(c, "first", -1) == first) return c;
    }
    c = cJSON_CreateObject();
    json_set_i64(c, "v", v);
    cJSON_AddArrayToObject(c, "pieces");
    cJSON_AddItemToArray(chains, c);
    return c;
}

/* Adds an ack's pieces to the chains; returns all splits with their positions. */
ATTR_UNUSED static cJSON *ck_add_ack(cJSON *restore, const cJSON *ack) {
    cJSON *files = cJSON_GetObjectItemCaseSensitive(restore, "files");
    cJSON *chains = cJSON_GetObjectItemCaseSensitive(restore, "chains");
    cJSON *splits = cJSON_CreateArray();
    int file = cJSON_GetArraySize(files);
    if (cJSON_IsString(json_opt(ack, "file")))
        cJSON_AddItemToArray(files, cJSON_Duplicate(json_opt(ack, "file"), true));
    const cJSON *t, *p, *s;
    cJSON_ArrayForEach(t, json_opt(ack, "tasks")) {
        cJSON_ArrayForEach(s, json_opt(t, "splits"))
            cJSON_AddItemToArray(splits, cJSON_Duplicate(s, true));
        if (json_opt_bool(t, "finished", false)) continue;
        const cJSON *groups = json_opt(t, "groups");
        cJSON *c = ck_chain_at(chains, json_opt_i64(t, "v", 0), groups->child->valueint);
        json_set_i64(c, "first", groups->child->valueint);
        json_set_i64(c, "last", groups->child->next->valueint);
        json_set(c, "watermarks", cJSON_Duplicate(json_opt(t, "watermarks"), true));
        cJSON *ops = cJSON_CreateArray();
        cJSON_ArrayForEach(s, json_opt(t, "watermarks"))
            cJSON_AddItemToArray(ops, cJSON_CreateString(json_opt_str(s, "op", "")));
        json_set(c, "ops", ops);
        cJSON *pieces = cJSON_GetObjectItemCaseSensitive(c, "pieces");
        if (json_opt_bool(t, "full", false))
            while (pieces->child)
                cJSON_DeleteItemFromArray(pieces, 0);
        cJSON_ArrayForEach(p, json_opt(t, "pieces")) {
            cJSON *x = cJSON_CreateArray();
            cJSON_AddItemToArray(x, cJSON_CreateNumber(file));
            cJSON_AddItemToArray(x, cJSON_CreateNumber(p->child->valuedouble));
            cJSON_AddItemToArray(x, cJSON_CreateNumber(p->child->next->valuedouble));
            cJSON_AddItemToArray(pieces, x);
        }
    }
    return splits;
}

ATTR_UNUSED static int ck_restore(struct ck_job *j, const cJSON *restore, struct err *err) {
    int rc = restore_new(restore, &j->restore, err);
    return rc ? rc : job_runtime_restore(j->rt, j->restore, err);
}

ATTR_UNUSED static void ck_reset(int64_t rows) {
    cJSON_Delete(ck.frame);
    ck.frame = NULL;
    ck.limit = 0;
    ck.rows = ck.first_rows = ck.second_limit = rows;
    ck.n_acked = ck.n_declined = ck.n_commit_done = 0;
    for (int i = 0; i < RIG_SUBTASKS; i++) {
        ck.sources[i] = NULL;
        ck.max_wm[i] = WATERMARK_MIN;
    }
    memset(ck.sums, 0, sizeof ck.sums);
}

#endif
