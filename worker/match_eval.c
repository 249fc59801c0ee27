/* match_eval.c - gathering slots. */
#include "worker/match_eval.h"

#include "worker/state/var_memory.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum { ALL_ROWS = -1 };

struct slot {
    int var; /* or ALL_ROWS */
    bool first;
    int64_t offset;
    int column; /* of the input; -1: aggregate */
    struct agg_call call;
    int n_args;
    struct program *args; /* over the input's columns; NULL: no arguments */
    bool *used;           /* input columns that they read */
};

struct match_eval {
    const struct op_ctx *ctx;
    const struct row_pack *pack;
    int n_exprs, n_slots, cap_slots;
    struct slot *slots;
    struct program *program;
    bool can_fail;
    struct column *cols; /* scratch: one per slot */
    const char **rows;   /* scratch */
    uint32_t cap_rows;
};

/* ---- reading ---- */

static void mark_used(void *self, int column) {
    ((bool *)self)[column] = true;
}

static int read_agg(struct match_eval *e, const cJSON *j, struct slot *s, struct err *err) {
    struct arena *a = e->ctx->arena;
    int n_in = e->ctx->inputs[0]->n;
    int rc = agg_call_from_json(a, json_opt(j, "agg"), &s->call, err);
    if (rc) return rc;
    const cJSON *list = json_opt(j, "args"), *arg;
    const struct expr *args[AGG_ARGS_MAX];
    s->used = ARENA_NEW_N(a, bool, n_in + 1);
    cJSON_ArrayForEach(arg, list) {
        if (s->n_args == AGG_ARGS_MAX) return err_set(err, ERR_PROTOCOL, "too many arguments");
        rc = expr_from_json(a, arg, &args[s->n_args], err);
        if (rc) return rc;
        if (expr_max_column(args[s->n_args]) > n_in)
            return err_set(err, ERR_PROTOCOL, "column of an aggregate out of range");
        expr_visit_columns(args[s->n_args++], mark_used, s->used);
    }
    return s->n_args ? program_new(args, s->n_args, e->ctx->env, &s->args, err) : 0;
}

static int read_slot(struct match_eval *e, const cJSON *j, int n_vars, struct err *err) {
    MEM_GROW(e->slots, e->n_slots, e->cap_slots);
    struct slot *s = &e->slots[e->n_slots++];
    *s = (struct slot){.var = (int)json_opt_i64(j, "var", ALL_ROWS),
                       .first = json_opt_bool(j, "first", false),
                       .offset = json_opt_i64(j, "offset", 0),
                       .column = (int)json_opt_i64(j, "col", -1)};
    if (s->var < ALL_ROWS || s->var >= n_vars || s->column >= e->ctx->inputs[0]->n)
        return err_set(err, ERR_PROTOCOL, "slot out of range");
    return s->column < 0 ? read_agg(e, j, s, err) : 0;
}

static int read_expr(struct match_eval *e, const cJSON *j, int n_vars, const struct expr **ret,
                     struct err *err) {
    struct arena *a = e->ctx->arena;
    int first = e->n_slots;
    const cJSON *slot;
    cJSON_ArrayForEach(slot, json_opt(j, "slots")) {
        int rc = read_slot(e, slot, n_vars, err);
        if (rc) return rc;
    }
    int n = e->n_slots - first, *map = ARENA_NEW_N(a, int, n + 1);
    for (int i = 0; i < n; i++)
        map[i] = first + i;
    const struct expr *x;
    int rc = expr_from_json(a, json_opt(j, "expr"), &x, err);
    if (rc) return rc;
    if (expr_max_column(x) > n) return err_set(err, ERR_PROTOCOL, "slot out of range");
    e->can_fail |= expr_can_fail(x);
    *ret = expr_remap(a, x, map, n);
    return 0;
}

int match_eval_new(const struct op_ctx *ctx, const struct row_pack *pack, int n_vars,
                   const cJSON *const *exprs, int n, struct match_eval **ret, struct err *err) {
    struct match_eval *e = mem_zalloc(sizeof *e);
    e->ctx = ctx;
    e->pack = pack;
    e->n_exprs = n;
    const struct expr **all = ARENA_NEW_N(ctx->arena, const struct expr *, n + 1);
    int rc = 0;
    for (int i = 0; i < n && !rc; i++)
        rc = read_expr(e, exprs[i], n_vars, &all[i], err);
    if (!rc && n) rc = program_new(all, n, ctx->env, &e->program, err);
    e->cols = mem_calloc((size_t)e->n_slots + 1, sizeof *e->cols);
    if (rc) {
        match_eval_free(e);
        return rc;
    }
    *ret = e;
    return 0;
}

void match_eval_free(struct match_eval *e) {
    if (!e) return;
    for (int i = 0; i < e->n_slots; i++)
        program_free(e->slots[i].args);
    free(e->slots);
    free(e->cols);
    free(e->rows);
    program_free(e->program);
    free(e);
}

static bool is_current(const struct slot *s, int own) {
    return s->column >= 0 && !s->first && !s->offset && (s->var == own || s->var == ALL_ROWS);
}

bool match_eval_is_local(const struct match_eval *e, int own) {
    for (int i = 0; i < e->n_slots; i++)
        if (!is_current(&e->slots[i], own)) return false;
    return !e->can_fail;
}

int match_eval_batch(struct match_eval *e, const struct batch *b, struct column *ret_cols,
                     struct err *err) {
    for (int i = 0; i < e->n_slots; i++)
        e->cols[i] = b->cols[e->slots[i].column]; /* borrowed */
    return program_eval(e->program, e->cols, e->n_slots, b->n, ret_cols, NULL, err);
}

/* ---- rows of a variable ---- */

/* They stand together: first of them in v->rows, number, and whether the current row is the last
 * one. */
struct span {
    uint32_t from, n;
    bool current;
};

static struct span span_of(const struct match_view *v, int var) {
    struct span s = {.current = v->current && (var == ALL_ROWS || var == v->own)};
    if (var == ALL_ROWS) {
        s.n = v->n_rows;
    } else {
        for (int i = 0; i < var; i++)
            s.from += v->counts[i];
        s.n = v->counts[var];
    }
    return s;
}

static const char *span_row(const struct match_view *v, const struct span *s, uint64_t i) {
    return i < s->n ? v->rows[s->from + i] : i == s->n && s->current ? v->current : NULL;
}

static const char *slot_row(const struct slot *s, const struct match_view *v) {
    struct span rows = span_of(v, s->var);
    uint64_t n = (uint64_t)rows.n + rows.current, offset = (uint64_t)s->offset;
    if (offset >= n) return NULL;
    return span_row(v, &rows, s->first ? offset : n - 1 - offset);
}

/* ---- aggregates ---- */

/* Rows to fold, up to a batch, each with its accumulator. */
struct folding {
    uint32_t n;
    const char *rows[BATCH_ROWS_MAX];
    char *accs[BATCH_ROWS_MAX];
};

static int fold_rows(struct match_eval *e, const struct slot *s, struct folding *f,
                     struct blob_alloc *blobs, struct err *err) {
    int n_in = e->ctx->inputs[0]->n;
    struct column args[AGG_ARGS_MAX];
    const struct column *ptrs[AGG_ARGS_MAX];
    AUTO_FREE struct column *in = mem_calloc((size_t)n_in + 1, sizeof *in);
    for (int c = 0; c < n_in && s->n_args; c++)
        if (s->used[c]) row_pack_read_column(e->pack, c, f->rows, f->n, &in[c]);
    int rc = s->n_args ? program_eval(s->args, in, n_in, f->n, args, NULL, err) : 0;
    if (!rc) {
        for (int i = 0; i < s->n_args; i++)
            ptrs[i] = &args[i];
        struct agg_rows r = {
            .n = f->n, .args = ptrs, .accs = f->accs, .blobs = blobs, .env = e->ctx->env};
        rc = s->call.agg->update(&s->call, &r, err);
        for (int i = 0; i < s->n_args; i++)
            col_release(&args[i]);
    }
    for (int c = 0; c < n_in; c++)
        if (s->n_args && s->used[c]) col_release(&in[c]);
    f->n = 0;
    return rc;
}

static int fold_views(struct match_eval *e, const struct slot *s, const struct match_view *views,
                      uint32_t n, char *const *accs, struct blob_alloc *blobs, struct err *err) {
    AUTO_FREE struct folding *f = mem_alloc(sizeof *f);
    f->n = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct span rows = span_of(&views[i], s->var);
        uint64_t n_rows = (uint64_t)rows.n + rows.current;
        for (uint64_t r = 0; r < n_rows; r++) {
            if (f->n == BATCH_ROWS_MAX) {
                int rc = fold_rows(e, s, f, blobs, err);
                if (rc) return rc;
            }
            f->rows[f->n] = span_row(&views[i], &rows, r);
            f->accs[f->n++] = accs[i];
        }
    }
    return f->n ? fold_rows(e, s, f, blobs, err) : 0;
}

static int aggregate(struct match_eval *e, const struct slot *s, const struct match_view *views,
                     uint32_t n, struct column *ret, struct err *err) {
    const struct agg *agg = s->call.agg;
    size_t stride = ((size_t)s->call.acc_size_bytes + 15) / 16 * 16;
    AUTO_FREE char *memory = mem_aligned(64, stride * n + 64);
    AUTO_FREE char **accs = mem_calloc(n, sizeof *accs);
    struct var_memory var;
    var_init(&var);
    memset(memory, 0, stride * n);
    for (uint32_t i = 0; i < n; i++) {
        accs[i] = memory + stride * i;
        if (agg->init) agg->init(&s->call, accs[i]);
    }
    int rc = fold_views(e, s, views, n, accs, &var.blobs, err);
    if (!rc) {
        col_init(ret, s->call.ret_type, n);
        rc = agg->finish(&s->call, accs, 0, n, ret, err);
        if (rc) col_release(ret);
    }
    for (uint32_t i = 0; i < n && agg->free_acc; i++)
        agg->free_acc(&s->call, accs[i], &var.blobs);
    var_release(&var);
    return rc;
}

/* ---- views ---- */

int match_eval_views(struct match_eval *e, const struct match_view *views, uint32_t n,
                     struct column *ret_cols, struct err *err) {
    struct column *cols = e->cols;
    if (n > e->cap_rows) {
        e->cap_rows = MAX(n, 2 * e->cap_rows);
        e->rows = mem_reallocarray(e->rows, e->cap_rows, sizeof *e->rows);
    }
    int rc = 0, made = 0;
    for (; made < e->n_slots && !rc; made++) {
        const struct slot *s = &e->slots[made];
        if (s->column < 0) {
            rc = aggregate(e, s, views, n, &cols[made], err);
            continue;
        }
        for (uint32_t i = 0; i < n; i++)
            e->rows[i] = slot_row(s, &views[i]);
        row_pack_read_column(e->pack, s->column, e->rows, n, &cols[made]);
    }
    if (rc) made--;
    if (!rc) rc = program_eval(e->program, cols, e->n_slots, n, ret_cols, NULL, err);
    for (int i = 0; i < made; i++)
        col_release(&cols[i]);
    return rc;
}
