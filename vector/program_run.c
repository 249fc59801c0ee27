/* program_run.c - running a compiled program over batches. */
#include "vector/program_int.h"

#include <string.h>

/* ---- arguments ------------------------------------------------------------------------------ */

/* The literal of a value repeated to at least n rows; kept for later batches. */
static const struct column *const_rows(struct program *p, uint32_t value, uint32_t n,
                                       struct column *view) {
    struct pvalue *v = &p->values[value];
    if (v->wide.n < n) {
        col_release(&v->wide);
        col_repeat(&v->wide, v->lit, v->type, MAX(n, n > 64 ? BATCH_ROWS_MAX : 64));
    }
    if (v->wide.n == n) return &v->wide;
    if (v->wide.phys >= PHYS_LIST) {
        col_slice(view, &v->wide, 0, n);
        return view;
    }
    *view = v->wide; /* borrowed */
    view->n = n;
    return view;
}

/* Fills in->argv. Bit i of the result: argument i is one row for all. */
static uint32_t bind_args(struct program *p, struct instr *in, uint32_t n) {
    bool consts = in->call->func->flags & FUNC_CONST_ARGS;
    uint32_t mask = 0;
    for (int i = 0; i < in->n_args; i++) {
        uint32_t v = in->args[i];
        if (p->values[v].kind != PVALUE_CONST) {
            in->argv[i] = p->cur[v];
        } else if (consts) {
            in->argv[i] = p->values[v].lit;
            if (i < 32) mask |= 1u << i;
        } else {
            in->argv[i] = const_rows(p, v, n, &in->views[i]);
        }
    }
    return mask;
}

static void drop_views(struct instr *in) {
    for (int i = 0; i < in->n_args; i++) {
        if (in->argv[i] == &in->views[i] && in->views[i].phys >= PHYS_LIST)
            col_release(&in->views[i]);
        memset(&in->views[i], 0, sizeof(in->views[i]));
    }
}

/* ---- validity ------------------------------------------------------------------------------- */

/* ret's bitmap = the AND of the arguments'. */
static void strict_valid(const struct instr *in, uint32_t mask, struct column *ret, uint32_t n) {
    for (int i = 0; i < in->n_args; i++) {
        const struct column *a = in->argv[i];
        bool one = i < 32 ? mask >> i & 1 : a->n == 1 && n != 1;
        if (!a->valid) continue;
        if (one) {
            if (!col_is_valid(a, 0))
                memset(col_make_valid(ret), 0, valid_words(n) * sizeof(uint64_t));
        } else if (!ret->valid) {
            memcpy(col_make_valid(ret), a->valid, valid_words(n) * sizeof(uint64_t));
        } else {
            for (uint32_t w = 0; w < valid_words(n); w++)
                ret->valid[w] &= a->valid[w];
        }
    }
}

/* Slots of NULL strings that a kernel left unwritten become empty views. */
static void clear_null_strings(struct column *c) {
    if (c->phys != PHYS_STR || !c->valid || !c->data_buf ||
        atomic_load_explicit(&c->data_buf->refs, memory_order_relaxed) != 1)
        return;
    struct strv *s = c->data;
    for (uint32_t w = 0; w < valid_words(c->n); w++) {
        uint64_t nulls = ~c->valid[w];
        if ((w + 1) * 64 > c->n) nulls &= ~(~0ull << (c->n % 64));
        for (; nulls; nulls &= nulls - 1)
            memset(&s[w * 64 + (uint32_t)__builtin_ctzll(nulls)], 0, sizeof(*s));
    }
}

/* ---- blocks --------------------------------------------------------------------------------- */

/* Nothing but literals, and the same for every row: one row is enough. */
static bool is_constant(const struct instr *in, uint32_t mask) {
    const struct func *f = in->call->func;
    bool all = in->n_args > 0 && in->n_args < 32 && mask == (1u << in->n_args) - 1;
    return all && !(f->flags & (FUNC_NONDETERMINISTIC | FUNC_DYNAMIC));
}

static int instr_run(struct program *p, struct instr *in, uint32_t rows, struct err *err) {
    struct column *ret = &p->own[in->dst];
    uint32_t mask = bind_args(p, in, rows);
    uint32_t n = is_constant(in, mask) ? 1 : rows;
    struct kernel_call k = {.n = n,
                            .n_args = in->n_args,
                            .args = in->argv,
                            .const_mask = mask,
                            .ret = ret,
                            .call = in->call,
                            .env = p->env,
                            .state = in->state,
                            .err_row = UINT32_MAX};
    col_init(ret, in->call->type, n);
    if (in->call->func->flags & FUNC_STRICT) strict_valid(in, mask, ret, n);
    int rc = in->kernel(&k, err);
    drop_views(in);
    if (rc) {
        p->err_row = k.err_row;
        return rc;
    }
    clear_null_strings(ret);
    if (n != rows) {
        struct column one = *ret;
        col_repeat(ret, &one, in->call->type, rows);
        col_release(&one);
    }
    p->cur[in->dst] = ret;
    return 0;
}

int block_run(struct program *p, const struct block *b, uint32_t n, struct err *err) {
    for (uint32_t i = 0; i < b->n_instrs; i++) {
        struct instr *in = &b->instrs[i];
        int rc = in->kernel ? instr_run(p, in, n, err) : instr_run_lazy(p, in, n, err);
        if (rc) return rc;
        for (uint32_t r = 0; r < in->n_release; r++)
            col_release(&p->own[in->release[r]]);
    }
    return 0;
}

void block_drop(struct program *p, const struct block *b) {
    for (uint32_t t = 0; t < b->n_temps; t++)
        col_release(&p->own[b->temps[t]]);
}

int block_run_rows(struct program *p, const struct block *b, const uint32_t *rows, uint32_t m,
                   struct err *err) {
    for (uint32_t i = 0; i < b->n_imports; i++) {
        uint32_t v = b->imports[i];
        const struct column *src = p->cur[p->values[v].src];
        if (rows)
            col_gather(&p->own[v], src, rows, m);
        else
            col_ref(&p->own[v], src);
        p->cur[v] = &p->own[v];
    }
    int rc = block_run(p, b, m, err);
    if (rc && rows && p->err_row != UINT32_MAX) p->err_row = rows[p->err_row];
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void drop_all(struct program *p) {
    for (uint32_t b = 0; b < p->n_blocks; b++)
        block_drop(p, &p->blocks[b]);
}

static int run_main(struct program *p, const struct column *cols, int n_cols, uint32_t n,
                    uint32_t *ret_err_row, struct err *err) {
    CHECKF(p->n_inputs <= n_cols, "program reads column %d of %d", p->n_inputs - 1, n_cols);
    for (uint32_t v = 0; v < p->n_values; v++) {
        if (p->values[v].kind == PVALUE_INPUT) {
            p->cur[v] = &cols[p->values[v].input];
            CHECKF(p->cur[v]->phys == type_phys(p->values[v].type),
                   "input column %d is held as %s, not %s", p->values[v].input,
                   phys_name(p->cur[v]->phys), phys_name(type_phys(p->values[v].type)));
        } else if (p->values[v].kind == PVALUE_CONST) {
            p->cur[v] = p->values[v].lit;
        }
    }
    p->err_row = UINT32_MAX;
    int rc = block_run(p, &p->blocks[0], n, err);
    if (rc) {
        if (ret_err_row) *ret_err_row = p->err_row;
        drop_all(p);
    }
    return rc;
}

int program_eval(struct program *p, const struct column *cols, int n_cols, uint32_t n,
                 struct column *ret_cols, uint32_t *ret_err_row, struct err *err) {
    if (n == 0) {
        for (int i = 0; i < p->n_outputs; i++)
            col_repeat(&ret_cols[i], NULL, p->out_types[i], 0);
        return 0;
    }
    int rc = run_main(p, cols, n_cols, n, ret_err_row, err);
    if (rc) return rc;
    for (int i = 0; i < p->n_outputs; i++) {
        uint32_t v = p->outputs[i];
        if (p->values[v].kind == PVALUE_CONST)
            col_repeat(&ret_cols[i], p->values[v].lit, p->out_types[i], n);
        else
            col_ref(&ret_cols[i], p->cur[v]);
        ret_cols[i].type = p->out_types[i];
    }
    drop_all(p);
    return 0;
}

uint32_t bool_select(const struct column *c, uint32_t n, uint32_t *sel) {
    uint32_t k = 0;
    for (uint32_t w = 0; w < valid_words(n); w++) {
        uint64_t bits = bool_true_word(c, w, n);
        uint32_t base = w * 64;
        if (bits == ~0ull) {
            for (uint32_t i = 0; i < 64; i++)
                sel[k + i] = base + i;
            k += 64;
            continue;
        }
        for (; bits; bits &= bits - 1)
            sel[k++] = base + (uint32_t)__builtin_ctzll(bits);
    }
    return k;
}

int program_select(struct program *p, const struct column *cols, int n_cols, uint32_t n,
                   uint32_t *sel, uint32_t *ret_n, uint32_t *ret_err_row, struct err *err) {
    CHECK(p->n_outputs == 1 && p->out_types[0]->kind == TYPE_BOOLEAN);
    if (n == 0) {
        *ret_n = 0;
        return 0;
    }
    int rc = run_main(p, cols, n_cols, n, ret_err_row, err);
    if (rc) return rc;
    uint32_t v = p->outputs[0];
    const struct column *c = p->cur[v];
    if (p->values[v].kind == PVALUE_CONST) {
        bool all = col_is_valid(c, 0) && *(const uint8_t *)c->data;
        for (uint32_t i = 0; all && i < n; i++)
            sel[i] = i;
        *ret_n = all ? n : 0;
    } else {
        *ret_n = bool_select(c, n, sel);
    }
    drop_all(p);
    return 0;
}
