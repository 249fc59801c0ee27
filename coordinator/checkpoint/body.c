/* body.c - see body.h. */
#include "coordinator/checkpoint/body.h"

#include "base/core/map.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

struct ckpt_body {
    const struct plan *plan;
    cJSON *base;
    struct map base_chains; /* "<vertex uid>/<subtask>" -> chain of the base */
    struct map tasks;       /* the same, of tasks that have acknowledged -> one of the two */
    struct map file_index;  /* name -> index in files + 1 */
    cJSON *files, *chains, *committables, *sources;
    bool carried; /* committables of an earlier checkpoint are among them */
};

static const char TASK_RUNS[] = "runs", TASK_FINISHED[] = "finished";

static void task_key(const char *vertex, int64_t subtask, struct str *out) {
    str_clear(out);
    str_addf(out, "%s/%lld", vertex, (long long)subtask);
}

static const cJSON *find(const cJSON *list, const char *key, const char *value) {
    const cJSON *e;
    cJSON_ArrayForEach(e, list) if (!strcmp(json_opt_str(e, key, ""), value)) return e;
    return NULL;
}

static bool is_source(const struct plan_vertex *v) {
    return !strcmp(v->ops[0].kind, "source") || !strcmp(v->ops[0].kind, "values");
}

static bool has_state(const struct plan_vertex *v) {
    for (int o = 0; o < v->n_ops; o++)
        if (v->ops[o].stateful) return true;
    return false;
}

/* ---- making one ---- */

static void index_chains(struct ckpt_body *b) {
    AUTO_STR key = STR_INIT;
    const cJSON *c;
    cJSON_ArrayForEach(c, json_opt(b->base, "chains")) {
        task_key(json_opt_str(c, "v", ""), json_opt_i64(c, "s", -1), &key);
        map_put(&b->base_chains, str_text(&key), (void *)c);
    }
}

struct ckpt_body *ckpt_body_new(const struct plan *plan, const cJSON *base) {
    struct ckpt_body *b = mem_zalloc(sizeof *b);
    b->plan = plan;
    b->base = base ? cJSON_Duplicate(base, true) : NULL;
    map_init(&b->base_chains);
    map_init(&b->tasks);
    map_init(&b->file_index);
    index_chains(b);
    b->files = cJSON_CreateArray();
    b->chains = cJSON_CreateArray();
    b->committables = cJSON_CreateArray();
    b->sources = cJSON_CreateArray();
    for (int v = 0; v < plan->n_vertices; v++) {
        if (!is_source(&plan->vertices[v])) continue;
        cJSON *s = cJSON_CreateObject();
        json_set_str(s, "op", plan->vertices[v].ops[0].uid);
        cJSON *splits = cJSON_AddArrayToObject(s, "splits");
        for (int i = 0; i < plan->vertices[v].parallelism; i++)
            cJSON_AddItemToArray(splits, cJSON_CreateArray());
        cJSON_AddItemToArray(b->sources, s);
    }
    return b;
}

void ckpt_body_free(struct ckpt_body *b) {
    if (!b) return;
    map_release(&b->base_chains, NULL);
    map_release(&b->tasks, NULL);
    map_release(&b->file_index, NULL);
    cJSON_Delete(b->base);
    cJSON_Delete(b->files);
    cJSON_Delete(b->chains);
    cJSON_Delete(b->committables);
    cJSON_Delete(b->sources);
    free(b);
}

static int file_number(struct ckpt_body *b, const char *name, int64_t bytes) {
    intptr_t at = (intptr_t)map_get(&b->file_index, name);
    if (at) return (int)at - 1;
    cJSON *f = cJSON_CreateObject();
    json_set_str(f, "name", name);
    json_set_i64(f, "bytes", bytes);
    cJSON_AddItemToArray(b->files, f);
    int n = cJSON_GetArraySize(b->files);
    map_put(&b->file_index, name, (void *)(intptr_t)n);
    return n - 1;
}

static void add_piece(cJSON *pieces, int file, int64_t offset, int64_t bytes) {
    cJSON *p = cJSON_CreateArray();
    cJSON_AddItemToArray(p, json_i64(file));
    cJSON_AddItemToArray(p, json_i64(offset));
    cJSON_AddItemToArray(p, json_i64(bytes));
    cJSON_AddItemToArray(pieces, p);
}

static int64_t number_at(const cJSON *list, int i) {
    const cJSON *n = cJSON_GetArrayItem(list, i);
    return cJSON_IsNumber(n) ? (int64_t)n->valuedouble : -1;
}

/* The pieces of the base's chain in front of a task's new ones. */
static void take_base_pieces(struct ckpt_body *b, const cJSON *chain, cJSON *pieces) {
    const cJSON *p, *files = json_opt(b->base, "files");
    cJSON_ArrayForEach(p, json_opt(chain, "pieces")) {
        const cJSON *f = cJSON_GetArrayItem(files, (int)number_at(p, 0));
        int file = file_number(b, json_opt_str(f, "name", ""), json_opt_i64(f, "bytes", 0));
        add_piece(pieces, file, number_at(p, 1), number_at(p, 2));
    }
}

/* Uids of the vertex's ops that have state, or whose watermark is kept. */
static cJSON *chain_ops(const struct plan_vertex *v, const cJSON *watermarks) {
    cJSON *ops = cJSON_CreateArray();
    for (int o = 0; o < v->n_ops; o++)
        if (v->ops[o].stateful || find(watermarks, "op", v->ops[o].uid))
            cJSON_AddItemToArray(ops, cJSON_CreateString(v->ops[o].uid));
    return ops;
}

static int add_chain(struct ckpt_body *b, const struct plan_vertex *v, int subtask,
                     const cJSON *task, const char *file, int64_t file_bytes, struct err *err) {
    AUTO_STR key = STR_INIT;
    task_key(v->uid, subtask, &key);
    const cJSON *groups = json_opt(task, "groups"), *watermarks = json_opt(task, "watermarks");
    int64_t first = number_at(groups, 0), last = number_at(groups, 1);
    AUTO_JSON *pieces = cJSON_CreateArray();
    if (has_state(v) && !json_opt_bool(task, "full", false)) {
        const cJSON *base = map_get(&b->base_chains, str_text(&key));
        if (!base || json_opt_i64(base, "first", -2) != first ||
            json_opt_i64(base, "last", -2) != last)
            return err_set(err, ERR_PROTOCOL,
                           "task %s of '%s' builds on a checkpoint that doesn't hold its state",
                           str_text(&key), v->name);
        take_base_pieces(b, base, pieces);
    }
    const cJSON *p;
    cJSON_ArrayForEach(p, json_opt(task, "pieces")) {
        if (!file)
            return err_set(err, ERR_PROTOCOL, "task %s has state in no file", str_text(&key));
        add_piece(pieces, file_number(b, file, file_bytes), number_at(p, 0), number_at(p, 1));
    }
    if (!has_state(v) && !cJSON_GetArraySize(watermarks) && !pieces->child) return 0;
    cJSON *c = cJSON_CreateObject();
    json_set_str(c, "v", v->uid);
    json_set_i64(c, "s", subtask);
    json_set(c, "ops", chain_ops(v, watermarks));
    json_set_i64(c, "first", first);
    json_set_i64(c, "last", last);
    json_set(c, "pieces", cJSON_Duplicate(pieces, true));
    json_set(c, "watermarks", watermarks ? cJSON_Duplicate(watermarks, true) : cJSON_CreateArray());
    cJSON_AddItemToArray(b->chains, c);
    return 0;
}

static void append_copy(cJSON *to, const cJSON *from) {
    const cJSON *e;
    cJSON_ArrayForEach(e, from) cJSON_AddItemToArray(to, cJSON_Duplicate(e, true));
}

static cJSON *source_of(struct ckpt_body *b, const char *op) {
    return (cJSON *)find(b->sources, "op", op);
}

static int add_task(struct ckpt_body *b, const cJSON *task, const char *file, int64_t file_bytes,
                    struct err *err) {
    int v, s;
    int rc = json_get_int(task, "v", &v, err);
    if (!rc) rc = json_get_int(task, "s", &s, err);
    if (rc) return rc;
    if (v < 0 || v >= b->plan->n_vertices || s < 0 || s >= b->plan->vertices[v].parallelism)
        return err_set(err, ERR_PROTOCOL, "no task %d/%d", v, s);
    const struct plan_vertex *pv = &b->plan->vertices[v];
    AUTO_STR key = STR_INIT;
    task_key(pv->uid, s, &key);
    if (map_has(&b->tasks, str_text(&key)))
        return err_set(err, ERR_PROTOCOL, "task %s is told twice", str_text(&key));
    bool finished = json_opt_bool(task, "finished", false);
    map_put(&b->tasks, str_text(&key), (void *)(finished ? TASK_FINISHED : TASK_RUNS));
    if (is_source(pv)) {
        const cJSON *splits;
        rc = json_get_array(task, "splits", &splits, err);
        if (rc) return rc;
        cJSON *all = cJSON_GetObjectItemCaseSensitive(source_of(b, pv->ops[0].uid), "splits");
        append_copy(cJSON_GetArrayItem(all, s), splits);
    }
    ckpt_body_add_committables(b, v, json_opt(task, "committables"));
    return finished ? 0 : add_chain(b, pv, s, task, file, file_bytes, err);
}

/* The files of the chains from the i-th on. */
static int list_files(struct ckpt_body *b, int from, struct ckpt_file **ret, size_t *ret_n,
                      struct err *err) {
    int n_files = cJSON_GetArraySize(b->files), i = 0;
    AUTO_FREE bool *used = mem_calloc((size_t)n_files + 1, sizeof *used);
    const cJSON *c, *p, *f;
    cJSON_ArrayForEach(c, b->chains) {
        if (i++ < from) continue;
        cJSON_ArrayForEach(p, json_opt(c, "pieces")) used[number_at(p, 0)] = true;
    }
    struct ckpt_file *files = mem_calloc((size_t)n_files + 1, sizeof *files);
    size_t n = 0;
    i = 0;
    cJSON_ArrayForEach(f, b->files) {
        if (!used[i++]) continue;
        const char *name = json_opt_str(f, "name", "");
        uint64_t epoch, checkpoint;
        if (strlen(name) > CKPT_FILE_NAME_MAX || !ckpt_file_parse(name, &epoch, &checkpoint)) {
            free(files);
            return err_set(err, ERR_PROTOCOL, "'%s' is no name of a file of state", name);
        }
        strcpy(files[n++].name, name);
    }
    *ret = files;
    *ret_n = n;
    return 0;
}

int ckpt_body_add(struct ckpt_body *b, const cJSON *msg, struct ckpt_file **ret_files,
                  size_t *ret_n, struct err *err) {
    const char *file = json_opt_str(msg, "file", NULL);
    int64_t bytes = json_opt_i64(msg, "bytes", 0);
    int from = cJSON_GetArraySize(b->chains);
    const cJSON *t;
    cJSON_ArrayForEach(t, json_opt(msg, "tasks")) {
        int rc = add_task(b, t, file, bytes, err);
        if (rc) return rc;
    }
    return list_files(b, from, ret_files, ret_n, err);
}

static const char *task_of(const struct ckpt_body *b, int vertex, int subtask) {
    AUTO_STR key = STR_INIT;
    task_key(b->plan->vertices[vertex].uid, subtask, &key);
    return map_get(&b->tasks, str_text(&key));
}

bool ckpt_body_has_task(const struct ckpt_body *b, int vertex, int subtask) {
    return task_of(b, vertex, subtask) != NULL;
}

bool ckpt_body_task_runs(const struct ckpt_body *b, int vertex, int subtask) {
    return task_of(b, vertex, subtask) == TASK_RUNS;
}

/* Each once: a worker may send again what was in an acknowledgement that came to nothing. */
static void add_committable(struct ckpt_body *b, const char *op, const cJSON *value) {
    cJSON *of = (cJSON *)find(b->committables, "op", op);
    if (!of) {
        of = cJSON_CreateObject();
        json_set_str(of, "op", op);
        cJSON_AddArrayToObject(of, "values");
        cJSON_AddItemToArray(b->committables, of);
    }
    cJSON *values = cJSON_GetObjectItemCaseSensitive(of, "values");
    const cJSON *v;
    if (b->carried) cJSON_ArrayForEach(v, values) if (cJSON_Compare(v, value, true)) return;
    cJSON_AddItemToArray(values, cJSON_Duplicate(value, true));
}

void ckpt_body_add_committables(struct ckpt_body *b, int vertex, const cJSON *list) {
    const struct plan_vertex *v = &b->plan->vertices[vertex];
    const cJSON *c;
    cJSON_ArrayForEach(c, list) {
        int64_t op = json_opt_i64(c, "op", -1);
        const cJSON *value = json_opt(c, "value");
        if (op >= 0 && op < v->n_ops && value) add_committable(b, v->ops[op].uid, value);
    }
}

cJSON *ckpt_body_take_committables(struct ckpt_body *b) {
    cJSON *list = b->committables;
    b->committables = cJSON_CreateArray();
    return list;
}

void ckpt_body_carry_committables(struct ckpt_body *b, const cJSON *list) {
    const cJSON *of, *value;
    b->carried |= list && list->child;
    cJSON_ArrayForEach(of, list) cJSON_ArrayForEach(value, json_opt(of, "values"))
        add_committable(b, json_opt_str(of, "op", ""), value);
}

void ckpt_body_set_seen(struct ckpt_body *b, int vertex, const cJSON *ids) {
    cJSON *source = source_of(b, b->plan->vertices[vertex].ops[0].uid);
    if (source) json_set(source, "seen", cJSON_Duplicate(ids, true));
}

static cJSON *op_list(const struct plan *plan) {
    cJSON *ops = cJSON_CreateArray();
    for (int v = 0; v < plan->n_vertices; v++) {
        const struct plan_vertex *pv = &plan->vertices[v];
        for (int o = 0; o < pv->n_ops; o++) {
            cJSON *j = cJSON_CreateObject();
            json_set_str(j, "uid", pv->ops[o].uid);
            json_set_str(j, "kind", pv->ops[o].kind);
            json_set_str(j, "name", pv->ops[o].name);
            json_set_str(j, "vertex", pv->uid);
            json_set_bool(j, "stateful", pv->ops[o].stateful);
            json_set_i64(j, "parallelism", pv->parallelism);
            json_set_i64(j, "maxParallelism", pv->max_parallelism);
            cJSON_AddItemToArray(ops, j);
        }
    }
    return ops;
}

cJSON *ckpt_body_make(const struct ckpt_body *b) {
    cJSON *j = cJSON_CreateObject();
    json_set(j, "ops", op_list(b->plan));
    json_set(j, "files", cJSON_Duplicate(b->files, true));
    json_set(j, "chains", cJSON_Duplicate(b->chains, true));
    json_set(j, "sources", cJSON_Duplicate(b->sources, true));
    json_set(j, "committables", cJSON_Duplicate(b->committables, true));
    return j;
}

/* ---- reading one ---- */

static const cJSON *chain_of(const cJSON *body, const char *vertex, int subtask) {
    const cJSON *c;
    cJSON_ArrayForEach(c, json_opt(body, "chains")) {
        if (json_opt_i64(c, "s", -1) == subtask && !strcmp(json_opt_str(c, "v", ""), vertex))
            return c;
    }
    return NULL;
}

/* The chain is of these ops with state, no more and no less, and of as many subtasks and key
 * groups. */
static bool same_cut(const cJSON *body, const cJSON *chain, const struct plan_vertex *v) {
    int n = 0;
    for (int o = 0; o < v->n_ops; o++) {
        if (!v->ops[o].stateful) continue;
        const cJSON *then = find(json_opt(body, "ops"), "uid", v->ops[o].uid), *u;
        if (json_opt_i64(then, "parallelism", -1) != v->parallelism ||
            json_opt_i64(then, "maxParallelism", -1) != v->max_parallelism ||
            !json_opt_bool(then, "stateful", false))
            return false;
        bool there = false;
        cJSON_ArrayForEach(u, json_opt(chain, "ops")) there |=
            cJSON_IsString(u) && !strcmp(u->valuestring, v->ops[o].uid);
        if (!there) return false;
        n++;
    }
    const cJSON *u;
    cJSON_ArrayForEach(u, json_opt(chain, "ops")) {
        const cJSON *then = find(json_opt(body, "ops"), "uid", cJSON_GetStringValue(u));
        n -= json_opt_bool(then, "stateful", false);
    }
    return n == 0;
}

/* A long one, or one to which more has been added than it began with. */
static bool is_worn(const cJSON *chain) {
    int n_files = 0;
    int64_t file = -1, begun = 0, added = 0;
    const cJSON *p;
    cJSON_ArrayForEach(p, json_opt(chain, "pieces")) {
        if (number_at(p, 0) != file) n_files++;
        file = number_at(p, 0);
        *(n_files == 1 ? &begun : &added) += number_at(p, 2);
    }
    return n_files > BODY_CHAIN_FILES_MAX || (n_files >= BODY_CHAIN_FILES_MIN && added > begun);
}

bool ckpt_body_wants_full(const cJSON *base, const struct plan *plan, int vertex, int subtask) {
    const struct plan_vertex *v = &plan->vertices[vertex];
    if (!has_state(v)) return false;
    const cJSON *chain = base ? chain_of(base, v->uid, subtask) : NULL;
    return !chain || !same_cut(base, chain, v) || is_worn(chain);
}

cJSON *ckpt_body_restore(const cJSON *body, const char *dir, uint64_t checkpoint) {
    cJSON *j = cJSON_CreateObject();
    json_set_str(j, "dir", dir);
    json_set_u64(j, "checkpoint", checkpoint);
    cJSON *files = cJSON_AddArrayToObject(j, "files");
    const cJSON *f;
    cJSON_ArrayForEach(f, json_opt(body, "files"))
        cJSON_AddItemToArray(files, cJSON_CreateString(json_opt_str(f, "name", "")));
    const cJSON *chains = json_opt(body, "chains");
    json_set(j, "chains", chains ? cJSON_Duplicate(chains, true) : cJSON_CreateArray());
    return j;
}

const cJSON *ckpt_body_source(const cJSON *body, const char *op_uid) {
    return find(json_opt(body, "sources"), "op", op_uid);
}

cJSON *ckpt_body_splits(const cJSON *source, int subtask, int parallelism) {
    const cJSON *all = json_opt(source, "splits"), *one, *split;
    cJSON *mine = cJSON_CreateArray();
    if (cJSON_GetArraySize(all) == parallelism) {
        append_copy(mine, cJSON_GetArrayItem(all, subtask));
        return mine;
    }
    int i = 0;
    cJSON_ArrayForEach(one, all) cJSON_ArrayForEach(split, one) if (i++ % parallelism == subtask)
        cJSON_AddItemToArray(mine, cJSON_Duplicate(split, true));
    return mine;
}

const cJSON *ckpt_body_prepared(const cJSON *body, const char *op_uid) {
    return json_opt(find(json_opt(body, "committables"), "op", op_uid), "values");
}

int64_t ckpt_body_state_bytes(const cJSON *body) {
    int64_t n = 0;
    const cJSON *c, *p;
    cJSON_ArrayForEach(c, json_opt(body, "chains")) cJSON_ArrayForEach(p, json_opt(c, "pieces"))
        n += number_at(p, 2);
    return n;
}

/* ---- from an earlier job to this one ---- */

static const struct plan_op *plan_op_of(const struct plan *plan, const char *uid,
                                        const struct plan_vertex **ret_vertex) {
    for (int v = 0; v < plan->n_vertices; v++)
        for (int o = 0; o < plan->vertices[v].n_ops; o++)
            if (!strcmp(plan->vertices[v].ops[o].uid, uid)) {
                *ret_vertex = &plan->vertices[v];
                return &plan->vertices[v].ops[o];
            }
    return NULL;
}

/* Keys, the position in an input, or (a sink) output that waits for its commit. */
static bool op_keeps(const cJSON *body, const char *uid, const char *kind, bool stateful) {
    if (!strcmp(kind, "sink")) return ckpt_body_prepared(body, uid);
    return stateful || ckpt_body_source(body, uid);
}

static void add_mapping(cJSON *list, const char *uid, const char *kind, const char *name,
                        const char *state) {
    cJSON *j = cJSON_CreateObject();
    json_set_str(j, "op", uid);
    json_set_str(j, "kind", kind);
    json_set_str(j, "name", name);
    json_set_str(j, "state", state);
    cJSON_AddItemToArray(list, j);
}

cJSON *ckpt_body_map(const cJSON *body, const struct plan *plan) {
    cJSON *list = cJSON_CreateArray();
    const cJSON *ops = json_opt(body, "ops"), *op;
    for (int v = 0; v < plan->n_vertices; v++)
        for (int o = 0; o < plan->vertices[v].n_ops; o++) {
            const struct plan_op *now = &plan->vertices[v].ops[o];
            bool state = now->stateful || (o == 0 && is_source(&plan->vertices[v]));
            if (!op_keeps(body, now->uid, now->kind, state)) continue;
            add_mapping(list, now->uid, now->kind, now->name,
                        find(ops, "uid", now->uid) ? "kept" : "new");
        }
    cJSON_ArrayForEach(op, ops) {
        const struct plan_vertex *v;
        const char *uid = json_opt_str(op, "uid", "");
        const char *kind = json_opt_str(op, "kind", "");
        if (op_keeps(body, uid, kind, json_opt_bool(op, "stateful", false)) &&
            !plan_op_of(plan, uid, &v))
            add_mapping(list, uid, kind, json_opt_str(op, "name", ""), "dropped");
    }
    return list;
}

static int check_groups(const cJSON *body, const struct plan *plan, struct err *err) {
    const cJSON *op;
    cJSON_ArrayForEach(op, json_opt(body, "ops")) {
        const struct plan_vertex *v;
        if (!json_opt_bool(op, "stateful", false)) continue;
        const struct plan_op *now = plan_op_of(plan, json_opt_str(op, "uid", ""), &v);
        int64_t then = json_opt_i64(op, "maxParallelism", -1);
        if (now && then != v->max_parallelism)
            return err_set(err, ERR_VALIDATION,
                           "the checkpoint's state has %lld key groups, the job %d: they are fixed "
                           "for the life of its state (maxParallelism, 'pipeline.max-parallelism')",
                           (long long)then, v->max_parallelism);
    }
    return 0;
}

int ckpt_body_check(const cJSON *body, const struct plan *plan, bool allow_dropped,
                    struct err *err) {
    int rc = check_groups(body, plan, err);
    if (rc || allow_dropped) return rc;
    AUTO_JSON *list = ckpt_body_map(body, plan);
    AUTO_STR text = STR_INIT;
    const cJSON *m;
    cJSON_ArrayForEach(m, list) {
        if (strcmp(json_opt_str(m, "state", ""), "dropped") != 0) continue;
        str_addf(&text, "%s%s %s (%s)", text.len ? ", " : "", json_opt_str(m, "kind", ""),
                 json_opt_str(m, "op", ""), json_opt_str(m, "name", ""));
    }
    if (!text.len) return 0;
    return err_set(err, ERR_VALIDATION,
                   "the checkpoint holds state of ops that the job doesn't have: %s. Run the job "
                   "that wrote it, or let it be dropped (--allow-non-restored-state, "
                   "'execution.state-recovery.ignore-unclaimed-state' = 'true')",
                   str_text(&text));
}
