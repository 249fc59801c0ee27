/* over_calls.c - frames of rows and what is computed over them. */
#include "worker/over_calls.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *const fn_names[] = {NULL,           "ROW_NUMBER", "RANK", "DENSE_RANK", "NTILE",
                                       "PERCENT_RANK", "CUME_DIST",  "LAG",  "LEAD"};

static int read_call(struct op *op, struct over_calls *c, const cJSON *j, struct over_call_spec *s,
                     struct err *err) {
    const struct schema *in = op->ctx->inputs[0];
    const char *name, *type;
    int rc = json_get_str(j, "fn", &name, err);
    if (rc) return rc;
    for (int f = OVER_ROW_NUMBER; f <= OVER_LEAD; f++)
        if (!strcmp(name, fn_names[f])) s->fn = (enum over_fn)f;
    const cJSON *col;
    cJSON_ArrayForEach(col, json_opt(j, "cols")) {
        if (s->n_cols == AGG_ARGS_MAX || col->valueint < 0 || col->valueint >= in->n)
            return err_set(err, ERR_PROTOCOL, "bad column of %s", name);
        c->needed[col->valueint] = true;
        s->cols[s->n_cols++] = col->valueint;
    }
    if (s->fn != OVER_AGG) {
        s->offset = json_opt_i64(j, "offset", 1);
        if ((rc = json_get_str(j, "type", &type, err))) return rc;
        if (s->fn >= OVER_LAG && !s->n_cols)
            return err_set(err, ERR_PROTOCOL, "%s of nothing", name);
        if (s->fn == OVER_LAG) c->max_lag = MAX(c->max_lag, s->offset);
        if (s->fn == OVER_NTILE && s->offset < 1)
            return err_set(err, ERR_RUNTIME, "NTILE takes a number from 1 on");
        return type_parse(op->ctx->arena, type, &s->type, err);
    }
    if ((rc = agg_call_from_json(op->ctx->arena, j, &s->agg, err))) return rc;
    s->type = s->agg.ret_type;
    s->acc_at = c->acc_bytes;
    c->acc_bytes += (s->agg.acc_size_bytes + 15) / 16 * 16;
    c->distinct |= s->agg.distinct;
    return 0;
}

static void read_bound(const cJSON *cfg, const char *name, bool *ret_open, int64_t *ret) {
    const cJSON *j = json_opt(cfg, name);
    *ret_open = !j;
    *ret = j ? json_opt_i64(cfg, name, 0) : 0;
}

int over_calls_read(struct op *op, struct over_calls *c, struct err *err) {
    const cJSON *cfg = op->ctx->plan->config, *calls, *j;
    struct arena *a = op->ctx->arena;
    *c = (struct over_calls){.env = op->ctx->env};
    const struct schema *in = op->ctx->inputs[0];
    c->needed = ARENA_NEW_N(a, bool, in->n + 1);
    int rc = order_read(a, json_opt(cfg, "order"), in, &c->order, err);
    if (!rc) rc = json_get_array(cfg, "calls", &calls, err);
    if (rc) return rc;
    c->rows = !strcmp(json_opt_str(cfg, "frame", "range"), "rows");
    read_bound(cfg, "preceding", &c->open_lo, &c->preceding);
    read_bound(cfg, "following", &c->open_hi, &c->following);
    for (int i = 0; i < c->order.n; i++)
        c->needed[c->order.keys[i].column] = true;
    c->calls = ARENA_NEW_N(a, struct over_call_spec, cJSON_GetArraySize(calls) + 1);
    cJSON_ArrayForEach(j, calls) {
        if ((rc = read_call(op, c, j, &c->calls[c->n], err))) return rc;
        c->n++;
    }
    bool measured = !c->rows && ((!c->open_lo && c->preceding) || (!c->open_hi && c->following));
    if (measured && c->order.n != 1)
        return err_set(err, ERR_UNSUPPORTED, "RANGE with an offset takes one ORDER BY column");
    if (!measured) return 0;
    enum phys phys = type_phys(in->fields[c->order.keys[0].column].type);
    if (phys == PHYS_NULL || phys == PHYS_BOOL || phys >= PHYS_STR)
        return err_set(err, ERR_UNSUPPORTED, "RANGE with an offset over the column '%s'",
                       in->fields[c->order.keys[0].column].name);
    return 0;
}

void over_calls_init_accs(const struct over_calls *c, char *accs) {
    memset(accs, 0, c->acc_bytes);
    for (int i = 0; i < c->n; i++) {
        const struct over_call_spec *s = &c->calls[i];
        if (s->fn == OVER_AGG && s->agg.agg->init) s->agg.agg->init(&s->agg, accs + s->acc_at);
    }
}

void over_calls_free_accs(const struct over_calls *c, char *accs, struct blob_alloc *blobs) {
    for (int i = 0; i < c->n; i++) {
        const struct over_call_spec *s = &c->calls[i];
        if (s->fn == OVER_AGG && s->agg.agg->free_acc)
            s->agg.agg->free_acc(&s->agg, accs + s->acc_at, blobs);
    }
}

/* Per call: uint32 length, accumulator. */
void over_calls_save_accs(const struct over_calls *c, const char *accs, struct str *out) {
    for (int i = 0; i < c->n; i++) {
        const struct over_call_spec *s = &c->calls[i];
        if (s->fn != OVER_AGG) continue;
        size_t at = out->len;
        str_add_n(out, "\0\0\0\0", 4);
        if (s->agg.agg->flags & AGG_BLOB)
            s->agg.agg->save(&s->agg, accs + s->acc_at, out);
        else
            str_add_n(out, accs + s->acc_at, s->agg.acc_size_bytes);
        uint32_t len = (uint32_t)(out->len - at - 4);
        memcpy(out->ptr + at, &len, 4);
    }
}

int over_calls_load_accs(const struct over_calls *c, char *accs, struct sv bytes,
                         struct blob_alloc *blobs, struct err *err) {
    for (int i = 0; i < c->n; i++) {
        const struct over_call_spec *s = &c->calls[i];
        uint32_t len;
        struct sv acc;
        if (s->fn != OVER_AGG) continue;
        if (!sv_take(&bytes, &len, 4) || !sv_cut(&bytes, len, &acc))
            return err_set(err, ERR_CORRUPT, "the accumulators of OVER are cut off");
        if (s->agg.agg->flags & AGG_BLOB) {
            int rc = s->agg.agg->load(&s->agg, accs + s->acc_at, acc, blobs, err);
            if (rc) return rc;
        } else if (len != s->agg.acc_size_bytes) {
            return err_set(err, ERR_CORRUPT, "an accumulator of %s of another size",
                           s->agg.agg->name);
        } else {
            memcpy(accs + s->acc_at, acc.ptr, len);
        }
    }
    return 0;
}

/* ---- frames ---- */

struct frames {
    const struct over_calls *c;
    const struct over_part *p;
    uint32_t *peer_lo, *peer_hi; /* by row, for rows of all the part */
    uint32_t *lo, *hi;           /* frame of each row from `from` on */
    uint32_t *group;             /* number of the row's group of peers, from 0 at `from` */
};

static bool peers(const struct frames *f, uint32_t a, uint32_t b) {
    if (f->c->in_turn) return false;
    for (int i = 0; i < f->c->order.n; i++) {
        const struct column *c = &f->p->cols[f->c->order.keys[i].column];
        if (!col_eq(c, a, c, b)) return false;
    }
    return true;
}

/* The order value of a row as a number that rises from row to row. */
struct measure {
    bool null, real;
    i128 i;
    double d;
};

static struct measure measure_of(const struct frames *f, uint32_t row) {
    const struct order_key *k = &f->c->order.keys[0];
    const struct column *c = &f->p->cols[k->column];
    struct measure m = {.null = !col_is_valid(c, row)};
    if (m.null) return m;
    switch (c->phys) {
    case PHYS_I8:
        m.i = COL_DATA(c, int8_t)[row];
        break;
    case PHYS_I16:
        m.i = COL_DATA(c, int16_t)[row];
        break;
    case PHYS_I32:
        m.i = COL_DATA(c, int32_t)[row];
        break;
    case PHYS_I64:
        m.i = COL_DATA(c, int64_t)[row];
        break;
    case PHYS_I128:
        m.i = COL_DATA(c, i128)[row];
        break;
    case PHYS_F32:
        m.real = true;
        m.d = COL_DATA(c, float)[row];
        break;
    default:
        m.real = true;
        m.d = COL_DATA(c, double)[row];
    }
    if (k->desc) {
        m.i = -m.i;
        m.d = -m.d;
    }
    return m;
}

/* An offset of the frame in units of the stored order values. */
static i128 offset_units(const struct frames *f, int64_t n) {
    const struct type *t = f->p->cols[f->c->order.keys[0].column].type;
    i128 v = n;
    if (t->kind == TYPE_DATE) return v / 86400000;
    if (t->kind == TYPE_TIMESTAMP || t->kind == TYPE_TIMESTAMP_LTZ)
        return type_phys(t) == PHYS_I128 ? v * 1000000 : v;
    if (t->kind == TYPE_DECIMAL)
        for (int i = 0; i < t->scale; i++)
            v *= 10;
    return v;
}

/* m < base + offset (or <=, with `or_equal`). */
static bool lies_before(const struct measure *m, const struct measure *base, i128 offset,
                        bool or_equal) {
    if (m->real) {
        double limit = base->d + (double)offset;
        return or_equal ? m->d <= limit : m->d < limit;
    }
    return or_equal ? m->i <= base->i + offset : m->i < base->i + offset;
}

/* One bound of RANGE frames with an offset: the first row (high: the first behind) that lies at
 * base + offset. Rows with NULL order only have their peers. */
static void measured_bounds(struct frames *f, int64_t offset, bool high, uint32_t *ret) {
    const struct over_part *p = f->p;
    i128 units = offset_units(f, offset);
    uint32_t first = 0, end = p->n, at;
    while (first < end && measure_of(f, first).null)
        first++;
    while (end > first && measure_of(f, end - 1).null)
        end--;
    at = first;
    for (uint32_t i = p->from; i < p->to; i++) {
        struct measure base = measure_of(f, i);
        if (base.null) {
            ret[i - p->from] = high ? f->peer_hi[i] : f->peer_lo[i];
            continue;
        }
        for (; at < end; at++) {
            struct measure m = measure_of(f, at);
            if (!lies_before(&m, &base, units, high)) break;
        }
        ret[i - p->from] = at;
    }
}

static uint32_t clamp_row(const struct over_part *p, int64_t row) {
    return row < 0 ? 0 : row > p->n ? p->n : (uint32_t)row;
}

static void find_frames(struct frames *f) {
    const struct over_calls *c = f->c;
    const struct over_part *p = f->p;
    for (uint32_t i = 0; i < p->n; i++)
        f->peer_lo[i] = i && peers(f, i - 1, i) ? f->peer_lo[i - 1] : i;
    for (uint32_t i = p->n; i-- > 0;)
        f->peer_hi[i] = i + 1 < p->n && f->peer_lo[i + 1] != i + 1 ? f->peer_hi[i + 1] : i + 1;
    for (uint32_t i = p->from; i < p->to; i++)
        f->group[i - p->from] = i == p->from ? 0 : f->group[i - 1 - p->from] + (f->peer_lo[i] == i);
    bool measured_lo = !c->rows && !c->open_lo && c->preceding;
    bool measured_hi = !c->rows && !c->open_hi && c->following;
    if (measured_lo) measured_bounds(f, -c->preceding, false, f->lo);
    if (measured_hi) measured_bounds(f, c->following, true, f->hi);
    for (uint32_t i = p->from; i < p->to; i++) {
        uint32_t *lo = &f->lo[i - p->from], *hi = &f->hi[i - p->from];
        if (c->open_lo)
            *lo = p->carried ? p->from : 0;
        else if (c->rows)
            *lo = clamp_row(p, (int64_t)i - c->preceding);
        else if (!measured_lo)
            *lo = f->peer_lo[i];
        if (c->open_hi)
            *hi = p->n;
        else if (c->rows)
            *hi = clamp_row(p, (int64_t)i + c->following + 1);
        else if (!measured_hi)
            *hi = f->peer_hi[i];
        *hi = MAX(*hi, *lo);
    }
}

/* ---- aggregates ---- */

struct slider {
    const struct frames *f;
    const struct over_call_spec *s;
    char *acc;
    uint32_t lo, hi; /* what is in acc */
    uint32_t *rows;  /* scratch */
    char **accs;
    uint8_t *minus; /* kinds by row, all -D */
};

static int fold(struct slider *x, uint32_t n, bool add, struct err *err) {
    const struct over_part *p = x->f->p;
    if (!n) return 0;
    const struct column *args[AGG_ARGS_MAX];
    for (int i = 0; i < x->s->agg.n_args; i++)
        args[i] = &p->cols[x->s->cols[i]];
    for (uint32_t i = 0; i < n; i++)
        x->accs[i] = x->acc;
    struct agg_rows r = {.n = n,
                         .rows = x->rows,
                         .args = args,
                         .kinds = add ? NULL : x->minus,
                         .accs = x->accs,
                         .blobs = p->blobs,
                         .env = x->f->c->env};
    return x->s->agg.agg->update(&x->s->agg, &r, err);
}

static int fold_range(struct slider *x, uint32_t from, uint32_t to, bool add, struct err *err) {
    for (uint32_t i = from; i < to; i++)
        x->rows[i - from] = i;
    return fold(x, to - from, add, err);
}

static void clear_acc(struct slider *x) {
    const struct over_call_spec *s = x->s;
    if (s->agg.agg->free_acc) s->agg.agg->free_acc(&s->agg, x->acc, x->f->p->blobs);
    memset(x->acc, 0, s->agg.acc_size_bytes);
    if (s->agg.agg->init) s->agg.agg->init(&s->agg, x->acc);
}

static _Thread_local const struct slider *sorting; /* qsort has no argument for it */

static int cmp_values(const void *pa, const void *pb) {
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    for (int i = 0; i < sorting->s->agg.n_args; i++) {
        const struct column *c = &sorting->f->p->cols[sorting->s->cols[i]];
        int o = col_cmp(c, a, c, b);
        if (o) return o;
    }
    return 0;
}

static int cmp_rows(const void *pa, const void *pb) {
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    int c = cmp_values(pa, pb);
    return c ? c : a < b ? -1 : a > b;
}

static int cmp_numbers(const void *pa, const void *pb) {
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    return a < b ? -1 : a > b;
}

/* Folds the frame's first row of each value. */
static int fold_distinct(struct slider *x, uint32_t lo, uint32_t hi, struct err *err) {
    clear_acc(x);
    uint32_t n = hi - lo, k = 0;
    for (uint32_t i = 0; i < n; i++)
        x->rows[i] = lo + i;
    sorting = x;
    qsort(x->rows, n, sizeof *x->rows, cmp_rows);
    for (uint32_t i = 0; i < n; i++)
        if (!k || cmp_values(&x->rows[k - 1], &x->rows[i])) x->rows[k++] = x->rows[i];
    qsort(x->rows, k, sizeof *x->rows, cmp_numbers);
    return fold(x, k, true, err);
}

/* Moves the accumulator to the frame [lo, hi). */
static int slide(struct slider *x, uint32_t lo, uint32_t hi, struct err *err) {
    int rc = 0;
    if (x->s->agg.distinct) {
        if (lo != x->lo || hi != x->hi || lo == hi) rc = fold_distinct(x, lo, hi, err);
    } else {
        bool retract = x->s->agg.agg->flags & AGG_RETRACT;
        bool anew = lo < x->lo || hi < x->hi || lo >= x->hi || (lo > x->lo && !retract);
        if (anew && x->hi > x->lo) {
            clear_acc(x);
            x->lo = x->hi = lo;
        } else if (x->lo == x->hi) {
            x->lo = x->hi = lo;
        }
        if (x->lo < lo) rc = fold_range(x, x->lo, lo, false, err);
        if (!rc && x->hi < hi) rc = fold_range(x, x->hi, hi, true, err);
    }
    x->lo = lo;
    x->hi = hi;
    return rc;
}

static int eval_agg(const struct frames *f, const struct over_call_spec *s, struct col_builder *out,
                    struct err *err) {
    const struct over_part *p = f->p;
    AUTO_FREE uint32_t *rows = mem_alloc(sizeof *rows * ((size_t)p->n + 1));
    AUTO_FREE char **accs = mem_alloc(sizeof *accs * ((size_t)p->n + 1));
    AUTO_FREE uint8_t *minus = mem_alloc((size_t)p->n + 1);
    memset(minus, ROW_DELETE, p->n);
    uint32_t base = p->carried ? p->from : 0;
    struct slider x = {.f = f,
                       .s = s,
                       .acc = p->accs + s->acc_at,
                       .lo = base,
                       .hi = base,
                       .rows = rows,
                       .accs = accs,
                       .minus = minus};
    struct column one = {0};
    int rc = 0;
    bool first = true;
    for (uint32_t i = p->from; i < p->to && !rc; i++) {
        uint32_t lo = f->lo[i - p->from], hi = f->hi[i - p->from];
        if (first || lo != x.lo || hi != x.hi) {
            rc = slide(&x, lo, hi, err);
            col_release(&one);
            col_init(&one, s->type, 1);
            if (!rc) rc = s->agg.agg->finish(&s->agg, &x.acc, 0, 1, &one, err);
        }
        first = false;
        if (!rc) col_add_from(out, &one, 0);
    }
    col_release(&one);
    return rc;
}

/* ---- ranking ---- */

static int64_t tile_of(int64_t n, int64_t tiles, int64_t row) {
    int64_t small = n / tiles, large = n % tiles, in_large = large * (small + 1);
    return row < in_large ? row / (small + 1) + 1 : large + (row - in_large) / small + 1;
}

static void add_shifted(const struct frames *f, const struct over_call_spec *s, uint32_t row,
                        struct col_builder *out) {
    int64_t at = (int64_t)row + (s->fn == OVER_LAG ? -s->offset : s->offset);
    if (at >= 0 && at < f->p->n)
        col_add_from(out, &f->p->cols[s->cols[0]], (uint32_t)at);
    else if (s->n_cols > 1)
        col_add_from(out, &f->p->cols[s->cols[1]], row);
    else
        col_add_null(out);
}

static void eval_rank(const struct frames *f, const struct over_call_spec *s,
                      struct col_builder *out) {
    const struct over_part *p = f->p;
    int64_t n = (int64_t)p->n - p->from;
    for (uint32_t i = p->from; i < p->to; i++) {
        int64_t at = (int64_t)i - p->from;
        int64_t rank = p->rows_before + (int64_t)MAX(f->peer_lo[i], p->from) - p->from + 1;
        switch (s->fn) {
        case OVER_ROW_NUMBER:
            col_add_int(out, p->rows_before + at + 1);
            break;
        case OVER_RANK:
            col_add_int(out, rank);
            break;
        case OVER_DENSE_RANK:
            col_add_int(out, p->groups_before + f->group[at] + 1);
            break;
        case OVER_NTILE:
            col_add_int(out, tile_of(n, s->offset, at));
            break;
        case OVER_PERCENT_RANK:
            col_add_f64(out, n > 1 ? (double)(rank - 1) / (double)(n - 1) : 0);
            break;
        case OVER_CUME_DIST:
            /* As in Flink: peers are not equal here, each counts the rows up to itself. */
            col_add_f64(out, (double)(at + 1) / (double)n);
            break;
        default:
            add_shifted(f, s, i, out);
        }
    }
}

int over_calls_eval(const struct over_calls *c, const struct over_part *p, struct col_builder *out,
                    uint32_t *ret_groups, struct err *err) {
    AUTO_FREE uint32_t *all = mem_alloc(sizeof *all * 5 * ((size_t)p->n + 1));
    uint32_t step = p->n + 1;
    struct frames f = {.c = c,
                       .p = p,
                       .peer_lo = all,
                       .peer_hi = all + step,
                       .lo = all + (size_t)2 * step,
                       .hi = all + (size_t)3 * step,
                       .group = all + (size_t)4 * step};
    find_frames(&f);
    *ret_groups = p->to > p->from ? f.group[p->to - 1 - p->from] + 1 : 0;
    for (int i = 0; i < c->n; i++) {
        if (c->calls[i].fn != OVER_AGG) {
            eval_rank(&f, &c->calls[i], &out[i]);
            continue;
        }
        int rc = eval_agg(&f, &c->calls[i], &out[i], err);
        if (rc) return rc;
    }
    return 0;
}
