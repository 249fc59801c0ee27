/* program_lazy.c - CASE, COALESCE, AND, OR whose arguments may fail or cost much: an argument is
 * evaluated for the rows that need it, the results are put together. */
#include "vector/program_int.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

/* Some rows' share of a result. */
struct piece {
    const struct column *col;
    bool one;             /* col has one row for all */
    bool packed;          /* col's row j belongs to rows[j]; else to row rows[j] itself */
    const uint32_t *rows; /* NULL = 0 .. n-1 */
    uint32_t n;
};

/* Buffers with row numbers, dropped together. */
struct scratch {
    struct buffer **bufs;
    uint32_t n, cap;
};

static uint32_t *scratch_rows(struct scratch *s, uint32_t n) {
    MEM_GROW(s->bufs, s->n, s->cap);
    s->bufs[s->n] = buffer_new((n ? n : 1) * sizeof(uint32_t));
    return (uint32_t *)s->bufs[s->n++]->data;
}

static void scratch_release(struct scratch *s) {
    for (uint32_t i = 0; i < s->n; i++)
        buffer_unref(s->bufs[i]);
    free(s->bufs);
}

/* The argument over rows[0..m) of the block's n: evaluated now if it is lazy. */
static int get_arg(struct program *p, struct instr *in, int i, const uint32_t *rows, uint32_t m,
                   uint32_t n, struct piece *ret, struct err *err) {
    *ret = (struct piece){.rows = rows, .n = m};
    uint32_t v = in->args[i];
    if (in->arg_blocks[i] >= 0) {
        const struct block *b = &p->blocks[in->arg_blocks[i]];
        if (m == n) ret->rows = rows = NULL;
        int rc = block_run_rows(p, b, rows, m, err);
        if (rc) return rc;
        ret->packed = true;
        v = b->result;
    }
    ret->col = p->cur[v];
    ret->one = p->values[v].kind == PVALUE_CONST;
    return 0;
}

static void drop_args(struct program *p, struct instr *in) {
    for (int i = 0; i < in->n_args; i++)
        if (in->arg_blocks[i] >= 0) block_drop(p, &p->blocks[in->arg_blocks[i]]);
}

static inline uint32_t piece_src(const struct piece *q, uint32_t j) {
    return q->one ? 0 : q->packed ? j : q->rows ? q->rows[j] : j;
}

static inline uint32_t piece_dst(const struct piece *q, uint32_t j) {
    return q->rows ? q->rows[j] : j;
}

/* ---- merging -------------------------------------------------------------------------------- */

struct wide {
    uint64_t lo, hi;
};

#define DEF_SCATTER(name, ctype)                                                                   \
    static void scatter_##name(void *dst, const struct piece *q) {                                 \
        ctype *d = dst;                                                                            \
        const ctype *s = q->col->data;                                                             \
        for (uint32_t j = 0; j < q->n; j++)                                                        \
            d[piece_dst(q, j)] = s[piece_src(q, j)];                                               \
    }
DEF_SCATTER(1, uint8_t)
DEF_SCATTER(2, uint16_t)
DEF_SCATTER(4, uint32_t)
DEF_SCATTER(8, uint64_t)
DEF_SCATTER(16, struct wide)

static void scatter(struct column *ret, const struct piece *q) {
    struct column own = {0};
    struct piece r = *q;
    if (q->one && q->col->phys == PHYS_STR && !q->col->heap) {
        col_repeat(&own, q->col, q->col->type, 1); /* long literals get bytes of their own */
        r.col = &own;
    }
    switch (phys_size_bytes(ret->phys)) {
    case 1:
        scatter_1(ret->data, &r);
        break;
    case 2:
        scatter_2(ret->data, &r);
        break;
    case 4:
        scatter_4(ret->data, &r);
        break;
    case 8:
        scatter_8(ret->data, &r);
        break;
    case 16:
        scatter_16(ret->data, &r);
        break;
    default:
        break;
    }
    if (r.col->heap) heap_borrow(col_heap(ret), r.col->heap);
    col_release(&own);
}

static void scatter_valid(struct column *ret, const struct piece *q) {
    if (!q->col->valid) return;
    if (q->one && col_is_valid(q->col, 0)) return;
    for (uint32_t j = 0; j < q->n; j++)
        if (!col_is_valid(q->col, piece_src(q, j))) col_set_null(ret, piece_dst(q, j));
}

/* LIST, MAP, ROW: everything behind one another, then picked. */
static void merge_nested(struct column *ret, const struct type *type, const struct piece *pieces,
                         uint32_t n_pieces, uint32_t n) {
    AUTO_FREE const struct column **cols = mem_calloc(n_pieces, sizeof(*cols));
    AUTO_FREE uint32_t *idx = mem_calloc(n, sizeof(*idx));
    uint32_t base = 0;
    for (uint32_t i = 0; i < n_pieces; i++) {
        const struct piece *q = &pieces[i];
        cols[i] = q->col;
        for (uint32_t j = 0; j < q->n; j++)
            idx[piece_dst(q, j)] = base + piece_src(q, j);
        base += q->col->n;
    }
    struct column all;
    col_concat(&all, cols, n_pieces);
    col_gather(ret, &all, idx, n);
    col_release(&all);
    ret->type = type;
}

static void merge(struct column *ret, const struct type *type, const struct piece *pieces,
                  uint32_t n_pieces, uint32_t n) {
    if (n_pieces == 1 && !pieces[0].one) { /* all rows in one branch, in order */
        col_ref(ret, pieces[0].col);
        ret->type = type;
        return;
    }
    if (type_stored_children(type)) {
        merge_nested(ret, type, pieces, n_pieces, n);
        return;
    }
    col_init(ret, type, n);
    for (uint32_t i = 0; i < n_pieces; i++) {
        if (pieces[i].col->phys != PHYS_NULL) scatter(ret, &pieces[i]);
        scatter_valid(ret, &pieces[i]);
    }
}

/* ---- CASE and COALESCE ---------------------------------------------------------------------- */

/* Splits rows[0..m) by the truth (or, for COALESCE, the validity) of q's values. */
static void split(const struct piece *q, bool by_valid, uint32_t m, const uint32_t *rows,
                  uint32_t *yes, uint32_t *ret_n_yes, uint32_t *no, uint32_t *ret_n_no) {
    uint32_t n_yes = 0, n_no = 0;
    const uint8_t *v = q->col->data;
    for (uint32_t j = 0; j < m; j++) {
        uint32_t src = piece_src(q, j), row = rows ? rows[j] : j;
        bool on = col_is_valid(q->col, src) && (by_valid || (v[src] & 1));
        yes[n_yes] = row;
        no[n_no] = row;
        n_yes += on;
        n_no += !on;
    }
    *ret_n_yes = n_yes;
    *ret_n_no = n_no;
}

static int run_case(struct program *p, struct instr *in, uint32_t n, struct scratch *tmp,
                    struct piece *pieces, uint32_t *ret_n_pieces, struct err *err) {
    const uint32_t *rows = NULL;
    uint32_t m = n, k = 0;
    int i = 0, rc;
    for (; i + 1 < in->n_args && m; i += 2) {
        struct piece cond;
        if ((rc = get_arg(p, in, i, rows, m, n, &cond, err)) != 0) return rc;
        uint32_t *yes = scratch_rows(tmp, m), *no = scratch_rows(tmp, m), n_yes, n_no;
        split(&cond, false, m, rows, yes, &n_yes, no, &n_no);
        if (n_yes) {
            const uint32_t *take = n_yes == n ? NULL : yes;
            if ((rc = get_arg(p, in, i + 1, take, n_yes, n, &pieces[k++], err)) != 0) return rc;
        }
        rows = no;
        m = n_no;
    }
    if (m) {
        if (m == n) rows = NULL;
        if ((rc = get_arg(p, in, in->n_args - 1, rows, m, n, &pieces[k++], err)) != 0) return rc;
    }
    *ret_n_pieces = k;
    return 0;
}

static int run_coalesce(struct program *p, struct instr *in, uint32_t n, struct scratch *tmp,
                        struct piece *pieces, uint32_t *ret_n_pieces, struct err *err) {
    const uint32_t *rows = NULL;
    uint32_t m = n, k = 0;
    for (int i = 0; i < in->n_args && m; i++) {
        struct piece q;
        int rc = get_arg(p, in, i, rows, m, n, &q, err);
        if (rc) return rc;
        if (i == in->n_args - 1) {
            pieces[k++] = q;
            break;
        }
        uint32_t *yes = scratch_rows(tmp, m), *no = scratch_rows(tmp, m), n_yes, n_no;
        split(&q, true, m, rows, yes, &n_yes, no, &n_no);
        if (n_yes == m) {
            pieces[k++] = q;
            break;
        }
        if (n_yes) {
            if (q.packed) { /* rows of the argument's own numbering: all of them, NULLs too, are
                               scattered; the later pieces overwrite the NULLs */
                pieces[k++] = q;
            } else {
                q.rows = yes;
                q.n = n_yes;
                pieces[k++] = q;
            }
        }
        rows = no;
        m = n_no;
    }
    *ret_n_pieces = k;
    return 0;
}

/* COALESCE's pieces may overlap: a later one makes rows valid again. */
static void merge_coalesce(struct column *ret, const struct type *type, const struct piece *pieces,
                           uint32_t n_pieces, uint32_t n) {
    if ((n_pieces == 1 && !pieces[0].one) || type_stored_children(type)) {
        merge(ret, type, pieces, n_pieces, n);
        return;
    }
    col_init(ret, type, n);
    for (uint32_t i = 0; i < n_pieces; i++) {
        const struct piece *q = &pieces[i];
        if (q->col->phys != PHYS_NULL) scatter(ret, q);
        for (uint32_t j = 0; j < q->n && (ret->valid || q->col->valid); j++)
            col_set_valid_bit(ret, piece_dst(q, j), col_is_valid(q->col, piece_src(q, j)));
    }
}

/* ---- AND and OR ----------------------------------------------------------------------------- */

/* Truth values by bitmaps: t = TRUE, f = FALSE; neither = NULL. */
static void tf_of(const struct column *c, bool one, uint64_t *t, uint64_t *f, uint32_t n) {
    if (one) {
        bool valid = col_is_valid(c, 0), on = valid && *(const uint8_t *)c->data;
        memset(t, on ? 0xff : 0, valid_words(n) * sizeof(*t));
        memset(f, valid && !on ? 0xff : 0, valid_words(n) * sizeof(*f));
        return;
    }
    for (uint32_t w = 0; w < valid_words(n); w++) {
        t[w] = bool_true_word(c, w, n);
        f[w] = bool_false_word(c, w, n);
    }
}

static uint32_t bits_to_rows(const uint64_t *bits, uint32_t n, uint32_t *rows) {
    uint32_t k = 0;
    for (uint32_t w = 0; w < valid_words(n); w++)
        for (uint64_t b = bits[w]; b; b &= b - 1) {
            uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(b);
            if (row < n) rows[k++] = row;
        }
    return k;
}

/* Folds operand i into (t, f): dense operands by words, lazy ones for the undecided rows. */
static int fold_operand(struct program *p, struct instr *in, int i, uint32_t n, bool is_and,
                        uint64_t *t, uint64_t *f, struct scratch *tmp, struct err *err) {
    uint32_t words = valid_words(n);
    if (in->arg_blocks[i] < 0) {
        uint64_t *t2 = (uint64_t *)scratch_rows(tmp, words * 2 + 2);
        uint64_t *f2 = (uint64_t *)scratch_rows(tmp, words * 2 + 2);
        uint32_t v = in->args[i];
        tf_of(p->cur[v], p->values[v].kind == PVALUE_CONST, t2, f2, n);
        for (uint32_t w = 0; w < words; w++) {
            t[w] = is_and ? t[w] & t2[w] : t[w] | t2[w];
            f[w] = is_and ? f[w] | f2[w] : f[w] & f2[w];
        }
        return 0;
    }
    uint64_t *open = (uint64_t *)scratch_rows(tmp, words * 2 + 2);
    for (uint32_t w = 0; w < words; w++)
        open[w] = is_and ? ~f[w] : ~t[w];
    uint32_t *rows = scratch_rows(tmp, n), m = bits_to_rows(open, n, rows);
    if (!m) return 0;
    struct piece q;
    int rc = get_arg(p, in, i, rows, m, n, &q, err);
    if (rc) return rc;
    for (uint32_t j = 0; j < m; j++) {
        uint32_t row = piece_dst(&q, j), src = piece_src(&q, j), w = row >> 6;
        uint64_t bit = 1ull << (row & 63);
        bool valid = col_is_valid(q.col, src), on = valid && ((const uint8_t *)q.col->data)[src];
        bool off = valid && !on;
        if (is_and ? !on : on) t[w] = is_and ? t[w] & ~bit : t[w] | bit;
        if (is_and ? off : !off) f[w] = is_and ? f[w] | bit : f[w] & ~bit;
    }
    return 0;
}

static int run_and_or(struct program *p, struct instr *in, uint32_t n, struct column *ret,
                      struct scratch *tmp, struct err *err) {
    bool is_and = in->call->func == &func_and;
    uint32_t words = valid_words(n);
    uint64_t *t = (uint64_t *)scratch_rows(tmp, words * 2 + 2);
    uint64_t *f = (uint64_t *)scratch_rows(tmp, words * 2 + 2);
    uint32_t v = in->args[0];
    tf_of(p->cur[v], p->values[v].kind == PVALUE_CONST, t, f, n);
    for (int i = 1; i < in->n_args; i++) {
        int rc = fold_operand(p, in, i, n, is_and, t, f, tmp, err);
        if (rc) return rc;
        if (in->arg_blocks[i] >= 0) block_drop(p, &p->blocks[in->arg_blocks[i]]);
    }
    col_init(ret, in->call->type, n);
    uint8_t *d = ret->data;
    bool nulls = false;
    for (uint32_t i = 0; i < n; i++)
        d[i] = t[i >> 6] >> (i & 63) & 1;
    for (uint32_t w = 0; w < words; w++) {
        uint64_t known = t[w] | f[w];
        if ((w + 1) * 64 > n) known |= ~0ull << (n % 64);
        nulls |= known != ~0ull;
    }
    if (nulls) {
        uint64_t *valid = col_make_valid(ret);
        for (uint32_t w = 0; w < words; w++)
            valid[w] = t[w] | f[w];
    }
    return 0;
}

int instr_run_lazy(struct program *p, struct instr *in, uint32_t n, struct err *err) {
    struct column *ret = &p->own[in->dst];
    struct scratch tmp = {0};
    const struct func *f = in->call->func;
    int rc;
    if (f == &func_and || f == &func_or) {
        rc = run_and_or(p, in, n, ret, &tmp, err);
    } else {
        AUTO_FREE struct piece *pieces = mem_calloc((size_t)in->n_args + 1, sizeof(*pieces));
        uint32_t n_pieces = 0;
        if (f == &func_case)
            rc = run_case(p, in, n, &tmp, pieces, &n_pieces, err);
        else
            rc = run_coalesce(p, in, n, &tmp, pieces, &n_pieces, err);
        if (rc == 0 && f == &func_case) merge(ret, in->call->type, pieces, n_pieces, n);
        if (rc == 0 && f != &func_case) merge_coalesce(ret, in->call->type, pieces, n_pieces, n);
    }
    scratch_release(&tmp);
    drop_args(p, in);
    if (rc == 0) p->cur[in->dst] = ret;
    return rc;
}
