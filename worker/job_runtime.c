/* job_runtime.c - tasks and channels of one attempt of a job in this process. */
#include "worker/job_runtime.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/core/thread.h"
#include "vector/func/func.h"
#include "vector/func/tz.h"
#include "worker/net/net.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { NS_PER_MS = 1000000 };

struct job_runtime {
    struct runtime_spec spec;
    struct worker *worker;
    struct eval_env env;
    struct task_callbacks task_callbacks;
    int n_tasks;
    struct task **tasks;
    struct task ***task_at;      /* per vertex, per subtask: NULL where it runs elsewhere */
    int **where;                 /* per vertex, per subtask: worker; -1 before it is placed */
    enum channel_start **starts; /* per vertex, per subtask: also of those behind sources */
    struct net_job *net;
    uint32_t n_channels, channel_elems;
    uint64_t channel_bytes;
    int next_executor;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int n_final, n_gone, n_finished; /* under lock */
    struct err first_error;          /* under lock; code 0 = none */
    uint64_t committing;             /* under lock: checkpoint whose commit tasks are told of */
    int n_to_hear;                   /* under lock: how often */
};

/* ---- callbacks of tasks --------------------------------------------------------------------- */

static void on_status(void *self, struct task *t, enum task_status status, const struct err *err) {
    struct job_runtime *rt = self;
    const struct job_callbacks *cb = &rt->spec.callbacks;
    if (cb->task_status) cb->task_status(cb->self, task_vertex(t), task_subtask(t), status, err);
    if (!task_status_is_final(status)) return;
    pthread_mutex_lock(&rt->lock);
    rt->n_final++;
    rt->n_finished += status == TASK_FINISHED;
    if (err && !rt->first_error.code) rt->first_error = *err;
    pthread_cond_broadcast(&rt->cond);
    pthread_mutex_unlock(&rt->lock);
}

static void on_gone(void *self, struct task *t) {
    struct job_runtime *rt = self;
    pthread_mutex_lock(&rt->lock);
    rt->n_gone++;
    pthread_cond_broadcast(&rt->cond);
    pthread_mutex_unlock(&rt->lock);
}

static int on_snapshot(void *self, struct task *t, struct op *op, const struct barrier *b,
                       struct err *err) {
    const struct job_callbacks *cb = &((struct job_runtime *)self)->spec.callbacks;
    if (!cb->snapshot) return 0;
    return cb->snapshot(cb->self, task_vertex(t), task_subtask(t), op, b, err);
}

static void on_barrier_passed(void *self, struct task *t, const struct barrier *b) {
    const struct job_callbacks *cb = &((struct job_runtime *)self)->spec.callbacks;
    if (cb->barrier_passed) cb->barrier_passed(cb->self, task_vertex(t), task_subtask(t), b);
}

static void on_committable(void *self, struct task *t, struct op *op, uint64_t checkpoint, bool end,
                           cJSON *committable) {
    const struct job_callbacks *cb = &((struct job_runtime *)self)->spec.callbacks;
    if (cb->committable)
        cb->committable(cb->self, task_vertex(t), task_subtask(t), op->ctx->plan, checkpoint, end,
                        committable);
    else
        cJSON_Delete(committable);
}

static void on_committed(void *self, struct task *t, uint64_t checkpoint) {
    struct job_runtime *rt = self;
    const struct job_callbacks *cb = &rt->spec.callbacks;
    pthread_mutex_lock(&rt->lock);
    bool all = checkpoint == rt->committing && --rt->n_to_hear == 0;
    pthread_mutex_unlock(&rt->lock);
    if (all && cb->committed) cb->committed(cb->self, checkpoint);
}

static void on_print_line(void *self, struct task *t, struct sv line, bool to_stderr) {
    const struct job_callbacks *cb = &((struct job_runtime *)self)->spec.callbacks;
    if (cb->print_line) cb->print_line(cb->self, line, to_stderr);
}

static void on_collect(void *self, struct task *t, struct batch *b) {
    const struct job_callbacks *cb = &((struct job_runtime *)self)->spec.callbacks;
    if (cb->collect) cb->collect(cb->self, task_vertex(t), task_subtask(t), b);
}

static bool on_reader_full(void *self, struct task *t) {
    const struct job_callbacks *cb = &((struct job_runtime *)self)->spec.callbacks;
    return cb->reader_full && cb->reader_full(cb->self);
}

/* Tasks with a channel to the peer can't go on. */
static void on_peer_lost(void *owner, int peer, const struct err *err) {
    struct job_runtime *rt = owner;
    const struct job_callbacks *cb = &rt->spec.callbacks;
    if (cb->peer_lost) cb->peer_lost(cb->self, rt->spec.workers[peer].id, err);
    const struct plan *p = rt->spec.plan;
    for (int i = 0; i < rt->n_tasks; i++) {
        struct task *t = rt->tasks[i];
        bool affected = false;
        for (int e = 0; e < p->n_edges; e++) {
            const struct plan_edge *edge = &p->edges[e];
            int from = p->vertices[edge->from].parallelism, to = p->vertices[edge->to].parallelism;
            for (int s = 0; edge->from == task_vertex(t) && s < to; s++)
                affected |= rt->where[edge->to][s] == peer &&
                            edge_connects(edge->routing, from, to, task_subtask(t), s);
            for (int s = 0; edge->to == task_vertex(t) && s < from; s++)
                affected |= rt->where[edge->from][s] == peer &&
                            edge_connects(edge->routing, from, to, s, task_subtask(t));
        }
        if (!affected) continue;
        struct task_msg *m = mem_zalloc(sizeof(*m));
        m->kind = TASK_FAIL;
        m->err = mem_dup(err, sizeof(*err));
        task_send(t, m);
    }
}

/* ---- placing -------------------------------------------------------------------------------- */

static bool runs_here(const struct job_runtime *rt, int vertex, int subtask) {
    return rt->where[vertex][subtask] == rt->spec.self;
}

static int read_places(struct job_runtime *rt, struct err *err) {
    const struct plan *p = rt->spec.plan;
    rt->where = mem_calloc((size_t)p->n_vertices + 1, sizeof(*rt->where));
    rt->task_at = mem_calloc((size_t)p->n_vertices + 1, sizeof(*rt->task_at));
    rt->starts = mem_calloc((size_t)p->n_vertices + 1, sizeof(*rt->starts));
    for (int v = 0; v < p->n_vertices; v++) {
        int n = p->vertices[v].parallelism;
        rt->task_at[v] = mem_calloc((size_t)n, sizeof(**rt->task_at));
        rt->where[v] = mem_calloc((size_t)n, sizeof(**rt->where));
        rt->starts[v] = mem_calloc((size_t)n, sizeof(**rt->starts));
        for (int s = 0; s < n; s++)
            rt->where[v][s] = -1;
    }
    for (int i = 0; i < rt->spec.n_places; i++) {
        const struct task_place *tp = &rt->spec.places[i];
        if (tp->vertex < 0 || tp->vertex >= p->n_vertices || tp->subtask < 0 ||
            tp->subtask >= p->vertices[tp->vertex].parallelism || tp->worker < 0 ||
            tp->worker >= rt->spec.n_workers)
            return err_set(err, ERR_INVALID, "place of vertex %d, subtask %d on worker %d: no such",
                           tp->vertex, tp->subtask, tp->worker);
        rt->where[tp->vertex][tp->subtask] = tp->worker;
        rt->starts[tp->vertex][tp->subtask] = tp->start;
        rt->n_tasks += tp->worker == rt->spec.self;
    }
    for (int v = 0; v < p->n_vertices; v++)
        for (int s = 0; s < p->vertices[v].parallelism; s++)
            if (rt->where[v][s] < 0)
                return err_set(err, ERR_INVALID, "%s: subtask %d has no place", p->vertices[v].name,
                               s);
    return 0;
}

/* How a subtask with inputs begins: empty or idle where all of them do. */
static enum channel_start start_of(const struct job_runtime *rt, int vertex, int subtask) {
    const struct plan *p = rt->spec.plan;
    enum channel_start start = CHANNEL_EMPTY;
    bool fed = false;
    for (int e = 0; e < p->n_edges; e++) {
        const struct plan_edge *edge = &p->edges[e];
        if (edge->to != vertex) continue;
        int n_from = p->vertices[edge->from].parallelism, n_to = p->vertices[vertex].parallelism;
        for (int from = 0; from < n_from; from++) {
            if (!edge_connects(edge->routing, n_from, n_to, from, subtask)) continue;
            enum channel_start s = rt->starts[edge->from][from];
            if (s == CHANNEL_ACTIVE) return s;
            if (s == CHANNEL_IDLE) start = s;
            fed = true;
        }
    }
    return fed ? start : rt->starts[vertex][subtask];
}

static void spread_starts(struct job_runtime *rt) {
    const struct plan *p = rt->spec.plan;
    for (bool changed = true; changed;) {
        changed = false;
        for (int v = 0; v < p->n_vertices; v++)
            for (int s = 0; s < p->vertices[v].parallelism; s++) {
                enum channel_start start = start_of(rt, v, s);
                changed |= start != rt->starts[v][s];
                rt->starts[v][s] = start;
            }
    }
}

static struct task *find_task(const struct job_runtime *rt, int vertex, int subtask) {
    const struct plan *p = rt->spec.plan;
    if (vertex < 0 || vertex >= p->n_vertices || subtask < 0 ||
        subtask >= p->vertices[vertex].parallelism)
        return NULL;
    return rt->task_at[vertex][subtask];
}

/* The executor of the forward input, so that batches stay in one core's cache; else in turn. */
static struct executor *pick_executor(struct job_runtime *rt, int vertex, int subtask) {
    const struct plan *p = rt->spec.plan;
    for (int e = 0; e < p->n_edges; e++) {
        const struct plan_edge *edge = &p->edges[e];
        if (edge->to != vertex || edge->routing != ROUTING_FORWARD) continue;
        struct task *front = find_task(rt, edge->from, subtask);
        if (front) return task_executor(front);
    }
    struct executor_pool *pool = worker_executors(rt->worker);
    return executor_pool_get(pool, rt->next_executor++ % executor_pool_size(pool));
}

typedef const struct op_desc *(*find_op_fn)(const char *kind);

static find_op_fn find_op_of(const struct job_runtime *rt) {
    return rt->spec.find_op ? rt->spec.find_op : op_find;
}

/* With checkpoints: every op that keeps state must let them have it. */
static int check_states(const struct job_runtime *rt, struct err *err) {
    const struct plan *p = rt->spec.plan;
    for (int v = 0; rt->spec.files && v < p->n_vertices; v++)
        for (int i = 0; i < p->vertices[v].n_ops; i++) {
            const struct plan_op *op = &p->vertices[v].ops[i];
            const struct op_desc *desc = find_op_of(rt)(op->kind);
            if (!op->stateful || !desc || (desc->ops->flags & OP_CHECKPOINTED)) continue;
            return err_set(err, ERR_UNSUPPORTED,
                           "%s (%s) keeps state that checkpoints can't hold yet: run the job "
                           "without checkpoints (execution.checkpointing.interval)",
                           op->name, op->kind);
        }
    return 0;
}

static int make_tasks(struct job_runtime *rt, struct err *err) {
    const struct plan *p = rt->spec.plan;
    int64_t timeout_ms = p->config.buffer_timeout_ms;
    rt->tasks = mem_calloc((size_t)rt->n_tasks + 1, sizeof(struct task *));
    int n = rt->n_tasks;
    rt->n_tasks = 0;
    for (int v = 0; v < p->n_vertices; v++)
        for (int s = 0; s < p->vertices[v].parallelism; s++) {
            if (!runs_here(rt, v, s)) continue;
            struct task_opts opts = {
                .plan = p,
                .vertex = v,
                .subtask = s,
                .start = rt->starts[v][s],
                .job_id = rt->spec.job_id,
                .attempt = rt->spec.attempt,
                .env = &rt->env,
                .executor = pick_executor(rt, v, s),
                .callbacks = &rt->task_callbacks,
                .output = {.target_rows = p->config.batch_rows,
                           .target_bytes = rt->channel_bytes / 2,
                           .buffer_timeout_ns = timeout_ms < 0 ? -1 : timeout_ms * NS_PER_MS,
                           .compress = rt->spec.compress},
                .files = rt->spec.files,
                .n_tasks = n,
                .find_op = find_op_of(rt)};
            int rc = task_new(&opts, &rt->tasks[rt->n_tasks], err);
            if (rc) return rc;
            rt->task_at[v][s] = rt->tasks[rt->n_tasks++];
        }
    CHECK(rt->n_tasks == n);
    return 0;
}

/* ---- channels ------------------------------------------------------------------------------- */

/* Calls f for each channel with an end in this process. */
static void each_channel(struct job_runtime *rt,
                         void (*f)(struct job_runtime *rt, int edge, int from, int to)) {
    const struct plan *p = rt->spec.plan;
    for (int e = 0; e < p->n_edges; e++) {
        const struct plan_edge *edge = &p->edges[e];
        int n_from = p->vertices[edge->from].parallelism, n_to = p->vertices[edge->to].parallelism;
        for (int from = 0; from < n_from; from++)
            for (int to = 0; to < n_to; to++)
                if (edge_connects(edge->routing, n_from, n_to, from, to) &&
                    (runs_here(rt, edge->from, from) || runs_here(rt, edge->to, to)))
                    f(rt, e, from, to);
    }
}

static void count_channel(struct job_runtime *rt, int edge, int from, int to) {
    rt->n_channels++;
}

static void make_channel(struct job_runtime *rt, int e, int from, int to) {
    const struct plan_edge *edge = &rt->spec.plan->edges[e];
    struct channel_id id = {(uint16_t)e, (uint16_t)from, (uint16_t)to, 0};
    struct channel *ch = channel_new(id, rt->channel_elems, rt->channel_bytes);
    bool out = runs_here(rt, edge->from, from), in = runs_here(rt, edge->to, to);
    if (out) task_add_output_channel(find_task(rt, edge->from, from), e, ch, !in);
    if (in)
        task_add_input(find_task(rt, edge->to, to), edge->to_port, ch,
                       rt->starts[edge->from][from]);
    if (out && !in) net_job_send(rt->net, ch, rt->where[edge->to][to]);
    if (in && !out) net_job_receive(rt->net, ch, rt->where[edge->from][from]);
    channel_unref(ch);
}

static int size_channels(struct job_runtime *rt, struct err *err) {
    uint64_t budget = rt->spec.network_bytes ? rt->spec.network_bytes : NETWORK_BYTES_DEFAULT;
    rt->channel_elems = rt->spec.channel_elems ? rt->spec.channel_elems : CHANNEL_ELEMS_DEFAULT;
    each_channel(rt, count_channel);
    uint64_t bytes = budget / MAX(rt->n_channels, 1);
    if (bytes < CHANNEL_BYTES_MIN)
        return err_set(
            err, ERR_BUDGET,
            "%u channels share %llu KiB of network memory on worker %s: they need %llu "
            "KiB (%d KiB each); give it more, lower the parallelism, or use more workers",
            rt->n_channels, (unsigned long long)(budget >> 10), rt->spec.workers[rt->spec.self].id,
            (unsigned long long)rt->n_channels * CHANNEL_BYTES_MIN >> 10, CHANNEL_BYTES_MIN >> 10);
    rt->channel_bytes = MIN(bytes, CHANNEL_BYTES_MAX);
    return 0;
}

static int open_network(struct job_runtime *rt, struct err *err) {
    struct net *net = worker_net(rt->worker);
    if (rt->spec.n_workers < 2) return 0;
    if (!net) return err_set(err, ERR_INVALID, "several workers, but this one has no network");
    struct net_peer_addr *peers = mem_calloc((size_t)rt->spec.n_workers, sizeof(*peers));
    for (int i = 0; i < rt->spec.n_workers; i++) {
        const struct worker_addr *a = &rt->spec.workers[i];
        peers[i] = (struct net_peer_addr){a->id, a->host, a->port};
    }
    struct net_job_opts opts = {.job_id = rt->spec.job_id,
                                .token = rt->spec.token,
                                .attempt = rt->spec.attempt,
                                .self = rt->spec.self,
                                .n_peers = rt->spec.n_workers,
                                .peers = peers,
                                .owner = rt,
                                .peer_lost = on_peer_lost};
    int rc = net_job_open(net, &opts, &rt->net, err);
    free(peers);
    return rc;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int build(struct job_runtime *rt, struct err *err) {
    const struct plan *p = rt->spec.plan;
    const struct tz *zone;
    int rc = plan_verify(p, err);
    if (!rc) rc = tz_get(p->config.zone ? p->config.zone : "UTC", &zone, err);
    if (rc) return rc;
    rt->env = (struct eval_env){.zone = zone,
                                .query_start_ms = p->config.query_start_ms,
                                .batch_mode = p->config.batch_mode,
                                .legacy_cast = p->config.legacy_cast};
    rc = check_states(rt, err);
    if (!rc) rc = read_places(rt, err);
    if (!rc) rc = size_channels(rt, err);
    if (!rc) rc = make_tasks(rt, err);
    if (!rc) rc = open_network(rt, err);
    if (rc) return rc;
    spread_starts(rt);
    each_channel(rt, make_channel);
    for (int i = 0; i < rt->n_tasks; i++)
        task_wire_done(rt->tasks[i]);
    return 0;
}

int job_runtime_new(struct worker *w, const struct runtime_spec *spec, struct job_runtime **ret,
                    struct err *err) {
    struct job_runtime *rt = mem_zalloc(sizeof(*rt));
    rt->spec = *spec;
    rt->worker = w;
    rt->task_callbacks = (struct task_callbacks){rt,
                                                 on_status,
                                                 on_snapshot,
                                                 on_barrier_passed,
                                                 on_committable,
                                                 on_print_line,
                                                 on_collect,
                                                 on_reader_full,
                                                 on_committed,
                                                 on_gone};
    pthread_mutex_init(&rt->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&rt->cond, &attr);
    pthread_condattr_destroy(&attr);
    int rc = build(rt, err);
    if (rc) {
        job_runtime_free(rt);
        return rc;
    }
    *ret = rt;
    return 0;
}

/* Threads that restore, each the next task that nobody has begun. */
struct restorers {
    struct job_runtime *rt;
    const struct restore *from;
    atomic_int next;
    pthread_mutex_t lock;
    struct err first_error; /* under lock; code 0 = none */
};

static void restore_tasks(void *arg) {
    struct restorers *r = arg;
    for (int i; (i = atomic_fetch_add(&r->next, 1)) < r->rt->n_tasks;) {
        struct err err = ERR_INIT;
        if (!task_restore(r->rt->tasks[i], r->from, &err)) continue;
        atomic_store(&r->next, r->rt->n_tasks); /* the others needn't begin */
        pthread_mutex_lock(&r->lock);
        if (!r->first_error.code) r->first_error = err;
        pthread_mutex_unlock(&r->lock);
    }
}

int job_runtime_restore(struct job_runtime *rt, const struct restore *from, struct err *err) {
    enum { THREADS_MAX = 16 };
    struct restorers r = {.rt = rt, .from = from};
    struct thread threads[THREADS_MAX] = {0};
    pthread_mutex_init(&r.lock, NULL);
    int n = MIN(executor_pool_size(worker_executors(rt->worker)), THREADS_MAX);
    n = MIN(n, rt->n_tasks);
    for (int i = 1; i < n; i++) {
        struct err ignored = ERR_INIT; /* this thread does it, then */
        if (thread_start(&threads[i], "restore", restore_tasks, &r, &ignored)) err_clear(&ignored);
    }
    restore_tasks(&r);
    for (int i = 1; i < n; i++)
        thread_join(&threads[i]);
    pthread_mutex_destroy(&r.lock);
    if (r.first_error.code) *err = r.first_error;
    return r.first_error.code;
}

void job_runtime_start(struct job_runtime *rt) {
    rt->started = true;
    if (rt->net) net_job_start(rt->net);
    for (int i = 0; i < rt->n_tasks; i++)
        task_start(rt->tasks[i]);
}

/* Waits until *count has come to all tasks; lock held. */
static bool wait_count(struct job_runtime *rt, const int *count, int64_t timeout_ms) {
    int64_t due_ns = timeout_ms < 0 ? INT64_MAX : clock_mono_ns() + timeout_ms * NS_PER_MS;
    while (*count < rt->n_tasks) {
        if (due_ns == INT64_MAX) {
            pthread_cond_wait(&rt->cond, &rt->lock);
            continue;
        }
        struct timespec ts = {due_ns / 1000000000, due_ns % 1000000000};
        if (pthread_cond_timedwait(&rt->cond, &rt->lock, &ts)) return *count >= rt->n_tasks;
    }
    return true;
}

bool job_runtime_wait(struct job_runtime *rt, int64_t timeout_ms, struct err *ret_err) {
    pthread_mutex_lock(&rt->lock);
    bool done = wait_count(rt, &rt->n_final, timeout_ms);
    if (ret_err) *ret_err = rt->first_error;
    pthread_mutex_unlock(&rt->lock);
    return done;
}

static void send_simple(struct task *t, enum task_msg_kind kind) {
    struct task_msg *m = mem_zalloc(sizeof(*m));
    m->kind = kind;
    task_send(t, m);
}

void job_runtime_cancel(struct job_runtime *rt) {
    for (int i = 0; i < rt->n_tasks; i++)
        send_simple(rt->tasks[i], TASK_CANCEL);
    if (rt->started) return;
    rt->started = true; /* each still says that it was cancelled */
    for (int i = 0; i < rt->n_tasks; i++)
        task_start(rt->tasks[i]);
}

void job_runtime_free(struct job_runtime *rt) {
    if (!rt) return;
    if (rt->started) {
        job_runtime_cancel(rt);
        pthread_mutex_lock(&rt->lock);
        wait_count(rt, &rt->n_gone, -1);
        pthread_mutex_unlock(&rt->lock);
    }
    /* What finished tasks left for other workers is still to be sent. */
    net_job_close(rt->net, rt->n_finished == rt->n_tasks);
    for (int i = 0; i < rt->n_tasks && rt->tasks; i++)
        task_free(rt->tasks[i]);
    free(rt->tasks);
    for (int v = 0; v < rt->spec.plan->n_vertices && rt->where; v++) {
        free(rt->where[v]);
        free(rt->task_at[v]);
        free(rt->starts[v]);
    }
    free(rt->where);
    free(rt->starts);
    free(rt->task_at);
    pthread_cond_destroy(&rt->cond);
    pthread_mutex_destroy(&rt->lock);
    free(rt);
}

/* ---- messages ------------------------------------------------------------------------------- */

void job_runtime_add_split(struct job_runtime *rt, int vertex, int subtask, cJSON *split) {
    struct task *t = find_task(rt, vertex, subtask);
    if (!t) {
        cJSON_Delete(split);
        return;
    }
    struct task_msg *m = mem_zalloc(sizeof(*m));
    m->kind = TASK_ADD_SPLIT;
    m->json = split;
    task_send(t, m);
}

void job_runtime_no_more_splits(struct job_runtime *rt, int vertex, int subtask) {
    struct task *t = find_task(rt, vertex, subtask);
    if (t) send_simple(t, TASK_NO_MORE_SPLITS);
}

void job_runtime_barrier(struct job_runtime *rt, const struct barrier *b) {
    for (int i = 0; i < rt->n_tasks; i++) {
        struct task_msg *m = mem_zalloc(sizeof(*m));
        m->kind = TASK_BARRIER;
        m->barrier = *b;
        task_send(rt->tasks[i], m);
    }
}

int job_runtime_task_count(const struct job_runtime *rt) {
    return rt->n_tasks;
}

void job_runtime_abort(struct job_runtime *rt, uint64_t checkpoint) {
    for (int i = 0; i < rt->n_tasks; i++) {
        struct task_msg *m = mem_zalloc(sizeof(*m));
        m->kind = TASK_ABORT;
        m->checkpoint = checkpoint;
        task_send(rt->tasks[i], m);
    }
}

void job_runtime_committed(struct job_runtime *rt, uint64_t checkpoint) {
    pthread_mutex_lock(&rt->lock);
    if (rt->committing != checkpoint) rt->n_to_hear = 0;
    rt->committing = checkpoint;
    rt->n_to_hear += rt->n_tasks; /* told once more: all hear it once more before it is done */
    pthread_mutex_unlock(&rt->lock);
    for (int i = 0; i < rt->n_tasks; i++) {
        struct task_msg *m = mem_zalloc(sizeof(*m));
        m->kind = TASK_COMMITTED;
        m->checkpoint = checkpoint;
        task_send(rt->tasks[i], m);
    }
}

void job_runtime_set_routing(struct job_runtime *rt, int edge, struct routing_table *table) {
    for (int i = 0; i < rt->n_tasks; i++) {
        if (task_vertex(rt->tasks[i]) != rt->spec.plan->edges[edge].from) continue;
        struct task_msg *m = mem_zalloc(sizeof(*m));
        m->kind = TASK_ROUTING;
        m->edge = edge;
        m->table = routing_table_ref(table);
        task_send(rt->tasks[i], m);
    }
}

void job_runtime_reader_ready(struct job_runtime *rt) {
    for (int i = 0; i < rt->n_tasks; i++)
        task_wake_ops(rt->tasks[i]);
}

/* ---- reports -------------------------------------------------------------------------------- */

uint64_t job_runtime_network_bytes(const struct job_runtime *rt) {
    return rt->n_channels * rt->channel_bytes;
}

cJSON *job_runtime_stats(const struct job_runtime *rt) {
    int64_t now_ns = clock_mono_ns();
    cJSON *j = cJSON_CreateObject(), *tasks = cJSON_CreateArray();
    for (int i = 0; i < rt->n_tasks; i++)
        cJSON_AddItemToArray(tasks, task_stats(rt->tasks[i], now_ns));
    json_set(j, "tasks", tasks);
    cJSON *network = cJSON_CreateObject();
    json_set_i64(network, "channels", rt->n_channels);
    json_set_i64(network, "boundBytes", (int64_t)job_runtime_network_bytes(rt));
    json_set_i64(network, "bufferBytes", (int64_t)buffer_total_bytes());
    json_set(j, "network", network);
    cJSON *executors = cJSON_CreateArray();
    struct executor_pool *pool = worker_executors(rt->worker);
    for (int i = 0; i < executor_pool_size(pool); i++) {
        struct executor_stats s = executor_stats(executor_pool_get(pool, i));
        cJSON *x = cJSON_CreateObject();
        json_set_i64(x, "busyMs", (int64_t)(s.busy_ns / NS_PER_MS));
        json_set_i64(x, "idleMs", (int64_t)(s.parked_ns / NS_PER_MS));
        json_set_i64(x, "turns", (int64_t)s.turns);
        cJSON_AddItemToArray(executors, x);
    }
    json_set(j, "executors", executors);
    return j;
}
