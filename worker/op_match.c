/* op_match.c - MATCH_RECOGNIZE. Rows wait, per partition, until the watermark passes them; then
 * each goes, in order, through the partition's runs (match_pattern.h). Partitions go on side by
 * side, a row each at a time, so that the conditions of all their runs are evaluated together. */
#include "worker/match_output.h"
#include "worker/metrics.h"
#include "worker/order.h"
#include "worker/state/state_set.h"
#include "worker/state/state_table.h"
#include "worker/state/time_queue.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    ACTIVE_MAX = 1024,   /* partitions that go on side by side */
    TRASH_MAX = 1 << 16, /* rows kept for matches that aren't given yet */
    PROBES_MAX = BATCH_ROWS_MAX
};

/* A partition that has rows to process. */
struct active {
    char *key;
    uint32_t n; /* waiting rows that are due, still */
    bool over;
};

/* A run, or the beginning of one, before a row. */
struct probe {
    struct match_key *key;
    struct match_run *run; /* NULL: a new one */
    char *row;
    uint64_t needs, holds;
};

struct match_op {
    struct op op;
    struct match_pattern pattern;
    size_t run_bytes;
    struct row_pack *pack;
    int n_partition, *partition, time;
    bool proctime;
    struct order order;
    struct match_eval *defines[MATCH_VARS_MAX]; /* NULL: every row */
    uint64_t always, local; /* variables without DEFINE; whose DEFINE is evaluated beforehand */
    struct state_table *keys;
    struct time_queue queue;
    int64_t next_arrival;
    int64_t target;  /* time that is being worked on; WATERMARK_MIN = none */
    bool event_time; /* ... which is a watermark, to be handed on */
    struct active active[ACTIVE_MAX];
    uint32_t n_active;
    struct probe *probes;
    uint32_t n_probes, cap_probes;
    struct probe **asking; /* those that need a condition, up to PROBES_MAX, and their views */
    struct match_view *views;
    struct match_runs next_runs; /* of the partition in hand; in the table's var memory */
    struct match_output output;
    char **trash; /* rows that are freed once the matches are given */
    size_t n_trash, cap_trash;
    struct str packed;
    uint64_t *hashes, *holds;
    char **key_rows;
    char **late;
    uint32_t n_late;
};

static struct match_op *impl(struct op *op) {
    return CONTAINER_OF(op, struct match_op, op);
}

static struct var_memory *memory(struct match_op *m) {
    return state_table_var(m->keys);
}

/* ---- open ---- */

static void free_key(void *self, char *payload, struct var_memory *var) {
    match_key_free((struct match_key *)payload, var, ((struct match_op *)self)->run_bytes);
}

static void save_key(void *self, const char *payload, struct str *out) {
    match_key_save((const struct match_key *)payload, ((struct match_op *)self)->run_bytes, out);
}

static int check_rows(const struct match_op *m, const struct match_rows *r, struct err *err) {
    int rc = 0;
    for (uint32_t i = r->from; i < r->n && !rc; i++)
        rc = row_pack_check(m->pack, r->rows[i], row_pack_size(r->rows[i]), err);
    return rc;
}

static int load_key(void *self, char *payload, struct sv bytes, struct var_memory *var,
                    struct err *err) {
    struct match_op *m = self;
    struct match_key *k = (struct match_key *)payload;
    int rc = match_key_load(k, m->run_bytes, bytes, var, err);
    if (!rc) rc = check_rows(m, &k->waiting, err);
    return rc ? rc : check_rows(m, &k->taken, err);
}

static int open_keys(struct match_op *m, const cJSON *cfg, struct err *err) {
    const struct schema *in = m->op.ctx->inputs[0];
    struct arena *a = m->op.ctx->arena;
    const cJSON *j, *list = json_opt(cfg, "partition");
    int n = cJSON_GetArraySize(list);
    if (n > STATE_KEYS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "more than %d columns in PARTITION BY",
                       STATE_KEYS_MAX);
    m->partition = ARENA_NEW_N(a, int, n + 1);
    const struct type **types = ARENA_NEW_N(a, const struct type *, n + 1);
    cJSON_ArrayForEach(j, list) {
        if (!cJSON_IsNumber(j) || j->valueint < 0 || j->valueint >= in->n)
            return err_set(err, ERR_PROTOCOL, "bad partition column");
        const struct field *f = &in->fields[j->valueint];
        if (type_is_nested(f->type))
            return err_set(err, ERR_UNSUPPORTED, "PARTITION BY '%s', which is of a nested type",
                           f->name);
        types[m->n_partition] = f->type;
        m->partition[m->n_partition++] = j->valueint;
    }
    struct state_desc d = {.n_keys = n,
                           .key_types = types,
                           .payload_size_bytes = sizeof(struct match_key),
                           .free_payload = free_key,
                           .save_payload = save_key,
                           .load_payload = load_key,
                           .self = m};
    m->keys = state_table_new(&d);
    state_set_add(m->op.ctx->states, "partitions", 0, &state_table_part, m->keys);
    return 0;
}

static int open_defines(struct match_op *m, const cJSON *cfg, struct err *err) {
    const struct op_ctx *ctx = m->op.ctx;
    const cJSON *v;
    int i = 0;
    cJSON_ArrayForEach(v, json_opt(cfg, "vars")) {
        const cJSON *define = json_opt(v, "define");
        uint64_t bit = (uint64_t)1 << i;
        if (!define) {
            m->always |= bit;
        } else {
            int rc = match_eval_new(ctx, m->pack, m->pattern.n, &define, 1, &m->defines[i], err);
            if (rc) return err_wrap(err, "DEFINE %s", m->pattern.names[i]);
            if (match_eval_is_local(m->defines[i], i)) m->local |= bit;
        }
        i++;
    }
    return 0;
}

static int open_measures(struct match_op *m, const cJSON *cfg, struct err *err) {
    const cJSON *j, *list = json_opt(cfg, "measures");
    int n = cJSON_GetArraySize(list), i = 0;
    AUTO_FREE const cJSON **exprs = mem_calloc((size_t)n + 1, sizeof *exprs);
    cJSON_ArrayForEach(j, list) exprs[i++] = j;
    if (n + m->n_partition != m->op.ctx->output->n)
        return err_set(err, ERR_PROTOCOL, "measures and output columns differ in number");
    m->output = (struct match_output){.op = &m->op,
                                      .pack = m->pack,
                                      .n_vars = m->pattern.n,
                                      .n_partition = m->n_partition,
                                      .partition = m->partition};
    int rc = match_eval_new(m->op.ctx, m->pack, m->pattern.n, exprs, n, &m->output.measures, err);
    return rc ? err_wrap(err, "MEASURES") : 0;
}

static int match_open(struct op *op, struct err *err) {
    struct match_op *m = impl(op);
    const cJSON *cfg = op->ctx->plan->config;
    m->target = WATERMARK_MIN;
    m->proctime = json_opt_bool(cfg, "proctime", false);
    m->time = (int)json_opt_i64(cfg, "time", -1);
    time_queue_init(&m->queue);
    if (m->time < 0 || m->time >= op->ctx->inputs[0]->n)
        return err_set(err, ERR_PROTOCOL, "time column out of range");
    m->pack = row_pack_of_schema(op->ctx->arena, op->ctx->inputs[0]);
    int rc = match_pattern_read(cfg, &m->pattern, err);
    m->run_bytes = match_run_bytes(&m->pattern);
    if (!rc)
        rc = order_read(op->ctx->arena, json_opt(cfg, "order"), op->ctx->inputs[0], &m->order, err);
    if (!rc) rc = open_keys(m, cfg, err);
    if (!rc) rc = open_defines(m, cfg, err);
    if (!rc) rc = open_measures(m, cfg, err);
    m->asking = mem_calloc(PROBES_MAX, sizeof *m->asking);
    m->views = mem_calloc(PROBES_MAX, sizeof *m->views);
    m->hashes = mem_calloc(BATCH_ROWS_MAX, sizeof *m->hashes);
    m->holds = mem_calloc(BATCH_ROWS_MAX, sizeof *m->holds);
    m->key_rows = mem_calloc(BATCH_ROWS_MAX, sizeof *m->key_rows);
    m->late = mem_calloc(BATCH_ROWS_MAX, sizeof *m->late);
    return rc;
}

/* ---- rows in ---- */

static void find_keys(struct match_op *m, const struct batch *b) {
    const struct column *keys[STATE_KEYS_MAX];
    memset(m->hashes, 0, sizeof *m->hashes * b->n);
    for (int i = 0; i < m->n_partition; i++) {
        keys[i] = &b->cols[m->partition[i]];
        if (!b->hashes) col_hash(keys[i], m->hashes, b->n);
    }
    AUTO_FREE uint8_t *fresh = mem_alloc((size_t)b->n + 1);
    state_table_upsert(m->keys, keys, b->hashes ? b->hashes : m->hashes, NULL, b->n, m->key_rows,
                       fresh);
    for (uint32_t i = 0; i < b->n; i++)
        if (fresh[i]) ((struct match_key *)m->key_rows[i])->queued = INT64_MAX;
}

/* Conditions that ask for the row alone. */
static int find_holds(struct match_op *m, const struct batch *b, struct err *err) {
    for (uint32_t i = 0; i < b->n; i++)
        m->holds[i] = m->always;
    for (int v = 0; v < m->pattern.n; v++) {
        if (!(m->local >> v & 1)) continue;
        struct column c;
        int rc = match_eval_batch(m->defines[v], b, &c, err);
        if (rc) return err_wrap(err, "DEFINE %s", m->pattern.names[v]);
        for (uint32_t i = 0; i < b->n; i++)
            if (col_is_valid(&c, i) && COL_DATA(&c, uint8_t)[i]) m->holds[i] |= (uint64_t)1 << v;
        col_release(&c);
    }
    return 0;
}

static int cmp_rows(const void *pa, const void *pb, void *self) {
    const struct match_op *m = self;
    const char *a = *(char *const *)pa, *b = *(char *const *)pb;
    const struct match_row *ra = match_row_of(a), *rb = match_row_of(b);
    if (ra->time != rb->time) return ra->time < rb->time ? -1 : 1;
    for (int i = 0; i < m->order.n; i++) {
        const struct order_key *k = &m->order.keys[i];
        bool na = row_pack_is_null(a, k->column), nb = row_pack_is_null(b, k->column);
        if (na != nb) return na == k->nulls_first ? -1 : 1;
        int c = na ? 0 : row_pack_cmp(m->pack, a, b, k->column);
        if (c) return k->desc ? -c : c;
    }
    return ra->arrival < rb->arrival ? -1 : 1;
}

static void look_again(struct match_op *m, struct match_key *k, int64_t at) {
    if (at >= k->queued) return;
    k->queued = at;
    time_queue_push(&m->queue, at, k);
}

static void hold_row(struct match_op *m, struct match_key *k, const struct batch *b, uint32_t row,
                     int64_t time) {
    str_clear(&m->packed);
    row_pack_add(m->pack, b->cols, row, &m->packed);
    uint32_t size = (uint32_t)(sizeof(struct match_row) + m->packed.len);
    struct match_row *r = var_alloc(memory(m), size);
    *r = (struct match_row){
        .time = time, .arrival = m->next_arrival++, .holds = m->holds[row], .size_bytes = size};
    char *packed = memcpy(r + 1, m->packed.ptr, m->packed.len);
    struct match_rows *w = &k->waiting;
    if (w->n > w->from && cmp_rows(&w->rows[w->n - 1], &packed, m) > 0) w->unsorted = 1;
    match_rows_add(w, memory(m), packed);
    look_again(m, k, time);
}

/* Partitions that late rows made leave again. Entries may repeat. */
static void forget_late(struct match_op *m) {
    for (uint32_t i = 0; i < m->n_late; i++) {
        struct match_key *k = (struct match_key *)m->late[i];
        if (k->next < 0 || !match_key_is_empty(k)) continue;
        k->next = -1; /* gone */
        state_table_remove(m->keys, m->late[i]);
    }
    m->n_late = 0;
}

static int give_out(struct match_op *m, struct err *err);

static int take_batch(struct match_op *m, const struct batch *b, struct err *err) {
    int64_t now = m->proctime ? op_now_ms(&m->op) : 0;
    find_keys(m, b);
    int rc = find_holds(m, b, err);
    if (rc) return rc;
    struct wm_cursor c = wm_cursor_of(m->op.watermark, b);
    const struct column *times = &b->cols[m->time];
    for (uint32_t i = 0; i < b->n; i++) {
        int64_t wm = wm_cursor_at(&c, i);
        int64_t time = m->proctime ? now : COL_DATA(times, int64_t)[i];
        bool timeless = !m->proctime && !col_is_valid(times, i);
        if (timeless || (!m->proctime && time <= wm)) {
            m->late[m->n_late++] = m->key_rows[i];
            if (!timeless) metric_add(&m->op.ctx->metrics->late_records, 1);
            continue;
        }
        hold_row(m, (struct match_key *)m->key_rows[i], b, i, time);
    }
    forget_late(m);
    if (m->proctime) m->target = MAX(m->target, now);
    return 0;
}

static int match_push(struct op *op, int port, struct batch *b, struct err *err) {
    struct match_op *m = impl(op);
    int rc = take_batch(m, b, err);
    batch_unref(b);
    if (rc) return rc;
    return m->proctime ? give_out(m, err) : OP_DONE;
}

/* ---- runs ---- */

static char **taken_from(const struct match_key *k, int64_t number) {
    return k->taken.rows + k->taken.n - (size_t)(k->next - number);
}

static bool begins_at(const struct match_run *run, int64_t number) {
    return run->start >= number;
}

static bool in_time(const struct match_run *run, int64_t begun_after) {
    return run->start_time > begun_after;
}

/* Gives the matches that no earlier run can take rows from any more. */
static int settle(struct match_op *m, struct match_key *k, struct err *err) {
    while (k->done.n) {
        const struct match_run *match = match_run_at(&k->done, m->run_bytes, 0);
        int64_t to;
        if (k->runs.n && match_run_at(&k->runs, m->run_bytes, 0)->start < match->start) return 0;
        int rc = match_skip_to(&m->pattern, match, &to, err);
        if (rc) return rc;
        match_output_add(&m->output, match, taken_from(k, match->start));
        memmove(k->done.data, k->done.data + m->run_bytes, --k->done.n * m->run_bytes);
        match_runs_filter(&k->done, m->run_bytes, begins_at, to);
        match_runs_filter(&k->runs, m->run_bytes, begins_at, to);
    }
    return 0;
}

/* WITHIN: runs that began too long before `time` end. */
static int pass_time(struct match_op *m, struct match_key *k, int64_t time, struct err *err) {
    int64_t within = m->pattern.within_ms;
    if (!within || !k->runs.n) return 0;
    int64_t limit = time == INT64_MAX           ? INT64_MAX
                    : time < INT64_MIN + within ? INT64_MIN
                                                : time - within;
    match_runs_filter(&k->runs, m->run_bytes, in_time, limit);
    return settle(m, k, err);
}

/* Rows that nothing refers to any more. */
static void trim(struct match_op *m, struct match_key *k) {
    int64_t first = match_first_start(k);
    uint32_t live = k->taken.n - k->taken.from;
    uint32_t needed = first >= k->next ? 0 : (uint32_t)(k->next - first);
    for (uint32_t i = 0; i < live - needed; i++) {
        MEM_GROW(m->trash, m->n_trash, m->cap_trash);
        m->trash[m->n_trash++] = k->taken.rows[k->taken.from + i];
    }
    match_rows_drop(&k->taken, memory(m), live - needed);
}

/* Room for a match that begins at `start`. */
static struct match_run *add_done(struct match_op *m, struct match_key *k, int64_t start) {
    uint32_t i = k->done.n;
    while (i && match_run_at(&k->done, m->run_bytes, i - 1)->start > start)
        i--;
    return match_runs_insert(&k->done, memory(m), m->run_bytes, i);
}

/* The ways on of a run become runs and matches. */
static void move_run(struct match_op *m, struct match_key *k, const struct probe *p) {
    struct match_move moves[MATCH_MOVES_MAX];
    int var = p->run ? (int)p->run->var : 0;
    int n = match_moves(&m->pattern, var, p->run ? p->run->counts[var] : 0, p->holds, moves);
    int64_t time = match_row_of(p->row)->time;
    for (int i = 0; i < n; i++) {
        struct match_run *run = moves[i].complete ? add_done(m, k, p->run ? p->run->start : k->next)
                                                  : match_runs_insert(&m->next_runs, memory(m),
                                                                      m->run_bytes, m->next_runs.n);
        if (p->run) {
            memcpy(run, p->run, m->run_bytes);
        } else {
            memset(run, 0, m->run_bytes);
            run->start = k->next;
            run->start_time = time;
        }
        run->rows++;
        run->counts[moves[i].took]++;
        run->end_time = time;
        run->var = (uint32_t)moves[i].var;
    }
}

/* ---- one row of each active partition ---- */

static void add_probe(struct match_op *m, struct match_key *k, struct match_run *run, char *row) {
    int var = run ? (int)run->var : 0;
    MEM_GROW(m->probes, m->n_probes, m->cap_probes);
    m->probes[m->n_probes++] = (struct probe){
        .key = k,
        .run = run,
        .row = row,
        .needs = match_needs(&m->pattern, var, run ? run->counts[var] : 0) & ~m->always & ~m->local,
        .holds = match_row_of(row)->holds};
}

static int add_probes(struct match_op *m, struct err *err) {
    m->n_probes = 0;
    for (uint32_t i = 0; i < m->n_active; i++) {
        struct match_key *k = (struct match_key *)m->active[i].key;
        if (!m->active[i].n) continue;
        char *row = k->waiting.rows[k->waiting.from];
        int rc = pass_time(m, k, match_row_of(row)->time, err);
        if (rc) return rc;
        for (uint32_t r = 0; r < k->runs.n; r++)
            add_probe(m, k, match_run_at(&k->runs, m->run_bytes, r), row);
        add_probe(m, k, NULL, row);
    }
    return 0;
}

static int ask_some(struct match_op *m, int var, struct probe **probes,
                    const struct match_view *views, uint32_t n, struct err *err) {
    struct column c;
    int rc = n ? match_eval_views(m->defines[var], views, n, &c, err) : 0;
    if (rc) return err_wrap(err, "DEFINE %s", m->pattern.names[var]);
    for (uint32_t i = 0; i < n; i++)
        if (col_is_valid(&c, i) && COL_DATA(&c, uint8_t)[i]) probes[i]->holds |= (uint64_t)1 << var;
    if (n) col_release(&c);
    return 0;
}

/* Evaluates a variable's condition for the probes that need it. */
static int ask(struct match_op *m, int var, struct err *err) {
    static const uint32_t no_counts[MATCH_VARS_MAX];
    struct probe **asking = m->asking;
    struct match_view *views = m->views;
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_probes; i++) {
        struct probe *p = &m->probes[i];
        if (!(p->needs >> var & 1)) continue;
        asking[n] = p;
        views[n++] = (struct match_view){
            .rows = p->run ? (const char *const *)taken_from(p->key, p->run->start) : NULL,
            .counts = p->run ? p->run->counts : no_counts,
            .n_rows = p->run ? p->run->rows : 0,
            .current = p->row,
            .own = var};
        if (n < PROBES_MAX) continue;
        int rc = ask_some(m, var, asking, views, n, err);
        if (rc) return rc;
        n = 0;
    }
    return ask_some(m, var, asking, views, n, err);
}

/* The probes of one partition, from number i on, are done; its row has been processed. */
static int move_key(struct match_op *m, uint32_t *i, struct err *err) {
    struct match_key *k = m->probes[*i].key;
    char *row = m->probes[*i].row;
    m->next_runs.n = 0;
    for (; *i < m->n_probes && m->probes[*i].key == k; ++*i)
        move_run(m, k, &m->probes[*i]);
    struct match_runs old = k->runs;
    k->runs = m->next_runs;
    m->next_runs = old;
    if (!k->runs.n) match_runs_free(&k->runs, memory(m), m->run_bytes);
    match_rows_drop(&k->waiting, memory(m), 1);
    match_rows_add(&k->taken, memory(m), row);
    k->next++;
    int rc = settle(m, k, err);
    trim(m, k);
    return rc;
}

static int process_rows(struct match_op *m, struct err *err) {
    int rc = add_probes(m, err);
    uint64_t asked = 0;
    for (uint32_t i = 0; i < m->n_probes; i++)
        asked |= m->probes[i].needs;
    for (int v = 0; v < m->pattern.n && !rc; v++)
        if (asked >> v & 1) rc = ask(m, v, err);
    for (uint32_t i = 0; i < m->n_probes && !rc;)
        rc = move_key(m, &i, err);
    return rc;
}

/* ---- partitions ---- */

static void activate(struct match_op *m, struct match_key *k) {
    struct match_rows *w = &k->waiting;
    struct active *a = &m->active[m->n_active++];
    *a = (struct active){.key = (char *)k};
    state_table_mark(m->keys, &a->key, 1); /* it will change */
    if (w->unsorted && w->n > w->from)     /* arrival tells rows apart */
        qsort_r(w->rows + w->from, w->n - w->from, sizeof *w->rows, cmp_rows, m);
    w->unsorted = 0;
    for (uint32_t i = w->from; i < w->n && match_row_of(w->rows[i])->time <= m->target; i++)
        a->n++;
}

static void activate_due(struct match_op *m) {
    struct time_entry due[64];
    uint32_t n;
    while (m->n_active + ARRAY_LEN(due) <= ACTIVE_MAX &&
           (n = time_queue_take(&m->queue, m->target, due, ARRAY_LEN(due))))
        for (uint32_t i = 0; i < n; i++) {
            struct match_key *k = due[i].item;
            if (k->queued != due[i].time) continue; /* an earlier time has taken its place */
            k->queued = INT64_MAX;
            activate(m, k);
        }
}

/* Those without due rows leave: they are forgotten, or looked at again later. */
static int deactivate(struct match_op *m, struct err *err) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_active; i++) {
        struct active a = m->active[i];
        struct match_key *k = (struct match_key *)a.key;
        if (a.n) {
            m->active[n++] = a;
            continue;
        }
        int rc = pass_time(m, k, m->target, err);
        if (rc) return rc;
        trim(m, k);
        if (match_key_is_empty(k)) {
            state_table_remove(m->keys, a.key);
            continue;
        }
        look_again(m, k, match_next_look(k, m->pattern.within_ms));
    }
    m->n_active = n;
    return 0;
}

static int give_matches(struct match_op *m, struct err *err) {
    int rc = match_output_give(&m->output, err);
    for (size_t i = 0; i < m->n_trash; i++) {
        struct match_row *r = match_row_of(m->trash[i]);
        var_free(memory(m), r, r->size_bytes);
    }
    m->n_trash = 0;
    return rc;
}

static void set_timer(struct match_op *m) {
    op_set_timer(&m->op, time_queue_next(&m->queue));
}

/* Goes on up to the target; when all is given, hands the watermark on. */
static int give_out(struct match_op *m, struct err *err) {
    if (m->target == WATERMARK_MIN) return OP_DONE;
    size_t max = (size_t)m->op.ctx->config->batch_rows;
    for (;;) {
        bool many = m->output.n_results >= max || m->n_trash >= TRASH_MAX;
        if (many && op_output_full(&m->op)) return OP_MORE;
        int rc = many || !m->output.n_results ? give_matches(m, err) : 0;
        if (!m->n_active) activate_due(m);
        if (!m->n_active) break;
        if (!rc) rc = process_rows(m, err);
        for (uint32_t i = 0; i < m->n_active; i++)
            m->active[i].n -= m->active[i].n > 0;
        if (!rc) rc = deactivate(m, err);
        if (rc) return rc;
    }
    int rc = give_matches(m, err);
    if (rc) return rc;
    int64_t wm = m->target;
    m->target = WATERMARK_MIN;
    metric_set(&m->op.ctx->metrics->state_entries, (int64_t)state_table_count(m->keys));
    metric_set(&m->op.ctx->metrics->state_bytes, (int64_t)state_table_bytes(m->keys));
    if (m->proctime) set_timer(m);
    if (!m->event_time) return OP_DONE;
    m->event_time = false;
    rc = op_emit_watermark(&m->op, wm, err);
    return rc ? rc : OP_DONE;
}

static int match_watermark(struct op *op, int64_t wm, struct err *err) {
    struct match_op *m = impl(op);
    if (m->proctime) { /* the clock is its time */
        int rc = op_emit_watermark(op, wm, err);
        return rc ? rc : OP_DONE;
    }
    m->event_time = true;
    m->target = MAX(m->target, wm);
    return give_out(m, err);
}

static int match_resume(struct op *op, struct err *err) {
    return give_out(impl(op), err);
}

static int match_timer(struct op *op, int64_t now_ms, struct err *err) {
    struct match_op *m = impl(op);
    m->target = MAX(m->target, now_ms);
    return give_out(m, err);
}

static int match_restored(struct op *op, struct err *err) {
    struct match_op *m = impl(op);
    char *keys[256];
    uint64_t pos = 0;
    uint32_t n;
    while ((n = state_table_scan(m->keys, &pos, keys, ARRAY_LEN(keys))))
        for (uint32_t i = 0; i < n; i++) {
            struct match_key *k = (struct match_key *)keys[i];
            look_again(m, k, match_next_look(k, m->pattern.within_ms));
            for (uint32_t r = k->waiting.from; r < k->waiting.n; r++) { /* in no order */
                const struct match_row *row = match_row_of(k->waiting.rows[r]);
                m->next_arrival = MAX(m->next_arrival, row->arrival + 1);
                look_again(m, k, row->time);
            }
        }
    if (m->proctime) set_timer(m);
    return 0;
}

static void match_close(struct op *op) {
    struct match_op *m = impl(op);
    if (m->keys) {
        for (size_t i = 0; i < m->n_trash; i++)
            var_free(memory(m), match_row_of(m->trash[i]), match_row_of(m->trash[i])->size_bytes);
        match_runs_free(&m->next_runs, memory(m), m->run_bytes);
    }
    state_table_free(m->keys);
    time_queue_release(&m->queue);
    for (int i = 0; i < m->pattern.n; i++)
        match_eval_free(m->defines[i]);
    match_output_release(&m->output);
    free(m->probes);
    free(m->asking);
    free(m->views);
    free(m->trash);
    str_release(&m->packed);
    free(m->hashes);
    free(m->holds);
    free(m->key_rows);
    free(m->late);
}

static const struct op_ops match_ops = {.size_bytes = sizeof(struct match_op),
                                        .flags = OP_STEPS_LATE | OP_CHECKPOINTED,
                                        .open = match_open,
                                        .push = match_push,
                                        .resume = match_resume,
                                        .watermark = match_watermark,
                                        .timer = match_timer,
                                        .close = match_close,
                                        .restored = match_restored};

const struct op_desc op_match = {.kind = "match",
                                 .doc = "Finds patterns in the rows of a partition.",
                                 .n_inputs = 1,
                                 .ops = &match_ops};
