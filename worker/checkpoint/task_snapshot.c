/* task_snapshot.c - what a task says of itself for a checkpoint, and the copying of its state. */
#include "worker/checkpoint/task_snapshot.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "worker/state/state_set.h"
#include "worker/task_ops.h"

#include <stdlib.h>

enum { NS_PER_MS = 1000000 };

/* What a sink prepared, until its commit is certain. */
struct prepared {
    /* The first checkpoint that it was told with: from then on all hold it, until one is known to
     * be complete. 0: none yet. Not the one it was prepared for: at the end of input there is none.
     */
    uint64_t told;
    uint64_t checkpoint;
    int op;
    cJSON *value;
};

struct task_snapshot {
    struct task *task;
    struct state_file_writer *files;
    int n_tasks;
    struct block_sink sink;
    /* The snapshot under way. */
    uint64_t checkpoint; /* 0 = none */
    bool passed;         /* all ops have had the barrier */
    struct str blocks;   /* not yet handed to the writer */
    int at;              /* op whose state is being copied */
    cJSON *entry;        /* what goes with task_done */
    int64_t sync_ns;
    uint64_t aborted, done; /* highest given up; highest taken part in */
    struct barrier asked;   /* the last one triggered; id 0 = none */
    struct prepared *prepared;
    uint32_t n_prepared, cap_prepared;
    bool finished;
    cJSON *last_splits; /* finished source */
};

static void hand_in(struct task_snapshot *s) {
    state_file_add(s->files, s->checkpoint, s->task->opts.vertex, s->task->opts.subtask,
                   &s->blocks);
}

static void on_block(struct block_sink *self, struct sv bytes) {
    struct task_snapshot *s = CONTAINER_OF(self, struct task_snapshot, sink);
    str_add_sv(&s->blocks, bytes);
    if (s->blocks.len >= SNAPSHOT_PIECE_BYTES) hand_in(s);
}

struct task_snapshot *task_snapshot_new(struct task *t, struct state_file_writer *files,
                                        int n_tasks) {
    struct task_snapshot *s = mem_zalloc(sizeof *s);
    s->task = t;
    s->files = files;
    s->n_tasks = n_tasks;
    s->sink.block = on_block;
    for (int i = 0; i < t->n_ops; i++)
        state_set_track(t->ops[i].states);
    return s;
}

static void give_up(struct task_snapshot *s) {
    for (int i = 0; i < s->task->n_ops; i++)
        state_set_cancel(s->task->ops[i].states);
    str_clear(&s->blocks);
    cJSON_Delete(s->entry);
    s->entry = NULL;
    s->checkpoint = 0;
}

void task_snapshot_free(struct task_snapshot *s) {
    if (!s) return;
    for (uint32_t i = 0; i < s->n_prepared; i++)
        cJSON_Delete(s->prepared[i].value);
    free(s->prepared);
    cJSON_Delete(s->entry);
    cJSON_Delete(s->last_splits);
    str_release(&s->blocks);
    free(s);
}

/* ---- at the barrier ---- */

static void forget_committed(struct task_snapshot *s, uint64_t checkpoint) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_prepared; i++) {
        if (s->prepared[i].told && s->prepared[i].told <= checkpoint)
            cJSON_Delete(s->prepared[i].value);
        else
            s->prepared[n++] = s->prepared[i];
    }
    s->n_prepared = n;
}

static void begin(struct task_snapshot *s, const struct barrier *b) {
    give_up(s);
    /* Another worker's barrier may be faster than the coordinator's word. */
    state_file_begin(s->files, b->epoch, b->id, s->n_tasks);
    s->checkpoint = b->id;
    s->passed = false;
    s->at = 0;
    s->sync_ns = 0;
    s->entry = cJSON_CreateObject();
    cJSON_AddArrayToObject(s->entry, "watermarks");
}

static void add_watermark(struct task_snapshot *s, const struct op_links *l) {
    cJSON *w = cJSON_CreateObject();
    json_set_str(w, "op", l->ctx.plan->uid);
    if (l->op->watermark != WATERMARK_MIN) json_set_i64(w, "wm", l->op->watermark);
    if (l->emitted_wm != WATERMARK_MIN) json_set_i64(w, "out", l->emitted_wm);
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(s->entry, "watermarks"), w);
}

static int snapshot_source(struct task *t, cJSON **ret_splits, struct err *err) {
    *ret_splits = NULL;
    if (!t->is_source) return 0;
    struct op *op = t->ops[0].op;
    const struct source_op_ops *ops = (const struct source_op_ops *)op->desc->ops;
    return ops->snapshot ? ops->snapshot(op, ret_splits, err) : 0;
}

int task_snapshot_op(struct task_snapshot *s, struct op_links *l, const struct barrier *b,
                     struct err *err) {
    if (!s || b->id <= s->aborted) return 0;
    int64_t since_ns = clock_mono_ns();
    if (s->checkpoint != b->id) begin(s, b);
    state_set_begin(l->states, b->id, b->base, b->full, &s->sink);
    add_watermark(s, l);
    if (l == &s->task->ops[0]) {
        cJSON *splits;
        int rc = snapshot_source(s->task, &splits, err);
        if (rc) return rc;
        if (splits) json_set(s->entry, "splits", splits);
    }
    s->sync_ns += clock_mono_ns() - since_ns;
    return 0;
}

static void add_prepared(struct task_snapshot *s, const struct barrier *b, cJSON *entry) {
    forget_committed(s, b->base);
    if (!s->n_prepared) return;
    cJSON *list = cJSON_AddArrayToObject(entry, "committables");
    for (uint32_t i = 0; i < s->n_prepared; i++) {
        cJSON *c = cJSON_CreateObject();
        if (!s->prepared[i].told) s->prepared[i].told = b->id;
        json_set_i64(c, "op", s->prepared[i].op);
        json_set(c, "value", cJSON_Duplicate(s->prepared[i].value, true));
        cJSON_AddItemToArray(list, c);
    }
}

static void add_groups(const struct task *t, cJSON *entry) {
    struct state_range range;
    task_key_groups(t, &range);
    cJSON *groups = cJSON_AddArrayToObject(entry, "groups");
    cJSON_AddItemToArray(groups, json_u64(range.first));
    cJSON_AddItemToArray(groups, json_u64(range.last));
}

void task_snapshot_passed(struct task_snapshot *s, const struct barrier *b, int64_t align_ns) {
    if (!s || s->checkpoint != b->id) return;
    add_prepared(s, b, s->entry);
    add_groups(s->task, s->entry);
    json_set_bool(s->entry, "full", b->full || !b->base);
    json_set_f64(s->entry, "alignMs", (double)align_ns / NS_PER_MS);
    s->passed = true;
}

/* ---- copying ---- */

bool task_snapshot_active(const struct task_snapshot *s) {
    return s && s->checkpoint;
}

static void complete(struct task_snapshot *s) {
    hand_in(s);
    json_set_f64(s->entry, "syncMs", (double)s->sync_ns / NS_PER_MS);
    state_file_task_done(s->files, s->checkpoint, s->task->opts.vertex, s->task->opts.subtask,
                         s->entry);
    s->entry = NULL;
    s->done = s->checkpoint;
    s->checkpoint = 0;
}

bool task_snapshot_step(struct task_snapshot *s, int64_t *wake_ns) {
    if (!task_snapshot_active(s) || !s->passed) return false;
    int64_t now_ns = clock_mono_ns(), end_ns = now_ns + SNAPSHOT_TURN_NS;
    for (; now_ns < end_ns; now_ns = clock_mono_ns()) {
        if (state_file_full(s->files)) {
            *wake_ns = MIN(*wake_ns, now_ns + SNAPSHOT_FULL_WAIT_NS);
            return false;
        }
        if (s->at == s->task->n_ops) {
            complete(s);
            return false;
        }
        if (state_set_step(s->task->ops[s->at].states, SNAPSHOT_STEP_ROWS)) s->at++;
    }
    return true;
}

/* ---- messages ---- */

void task_snapshot_asked(struct task_snapshot *s, const struct barrier *b) {
    if (s && b->id > s->asked.id) s->asked = *b;
}

void task_snapshot_abort(struct task_snapshot *s, uint64_t checkpoint) {
    if (!s) return;
    s->aborted = MAX(s->aborted, checkpoint);
    if (s->checkpoint && s->checkpoint <= checkpoint) give_up(s);
}

void task_snapshot_committed(struct task_snapshot *s, uint64_t checkpoint) {
    if (s) forget_committed(s, checkpoint);
}

void task_snapshot_committable(struct task_snapshot *s, int op, uint64_t checkpoint, cJSON *value) {
    MEM_GROW(s->prepared, s->n_prepared, s->cap_prepared);
    s->prepared[s->n_prepared++] =
        (struct prepared){.checkpoint = checkpoint, .op = op, .value = value};
}

/* ---- the end ---- */

int task_snapshot_finish(struct task_snapshot *s, struct err *err) {
    if (!s) return 0;
    int rc = snapshot_source(s->task, &s->last_splits, err);
    if (rc) return rc;
    const struct task_callbacks *cb = s->task->opts.callbacks;
    for (uint32_t i = 0; i < s->n_prepared; i++) {
        const struct prepared *p = &s->prepared[i];
        cb->committable(cb->self, s->task, s->task->ops[p->op].op, p->checkpoint, true,
                        cJSON_Duplicate(p->value, true));
    }
    s->finished = true;
    return 0;
}

void task_snapshot_absent(struct task_snapshot *s, const struct barrier *b) {
    if (!s || !s->finished || b->id <= s->done) return;
    s->done = b->id;
    state_file_begin(s->files, b->epoch, b->id, s->n_tasks);
    cJSON *entry = cJSON_CreateObject();
    json_set_bool(entry, "finished", true);
    add_groups(s->task, entry);
    if (s->last_splits) json_set(entry, "splits", cJSON_Duplicate(s->last_splits, true));
    add_prepared(s, b, entry);
    state_file_task_done(s->files, b->id, s->task->opts.vertex, s->task->opts.subtask, entry);
}

void task_snapshot_finished(struct task_snapshot *s) {
    if (s && s->asked.id > s->aborted) task_snapshot_absent(s, &s->asked);
}
