/* program.c - expressions to programs: folding, common sub-expressions, what is evaluated lazily.
 */
#include "vector/program.h"

#include "base/core/mem.h"
#include "vector/program_int.h"

#include <stdlib.h>
#include <string.h>

/* A conditional argument of at most this cost that can't fail is evaluated for all rows: cheaper
 * than gathering the rows that need it. Units: about a vectorised pass over fixed-width values. */
enum { LAZY_COST = 8, COST_HIGH = 1000 };

struct memo {
    const struct expr *e;
    uint64_t hash;
    uint32_t value;
};

struct scope {
    struct scope *parent;
    uint32_t block;
    uint32_t n, cap;
    struct memo *memos;
    uint32_t n_slots; /* a power of two, at least twice n; 0: not yet any */
    uint32_t *slots;  /* by hash: number of a memo + 1, 0 = free */
};

struct compiler {
    struct program *p;
    struct err *err;
};

static int compile(struct compiler *c, struct scope *s, const struct expr *e, uint32_t *ret);

/* ---- values --------------------------------------------------------------------------------- */

static uint32_t value_add(struct program *p, struct pvalue v) {
    MEM_GROW(p->values, p->n_values, p->cap_values);
    p->values[p->n_values] = v;
    return p->n_values++;
}

static uint32_t temp_add(struct program *p, uint32_t block, struct pvalue v) {
    v.block = block;
    uint32_t id = value_add(p, v);
    struct block *b = &p->blocks[block];
    MEM_GROW(b->temps, b->n_temps, b->cap_temps);
    b->temps[b->n_temps++] = id;
    return id;
}

static uint32_t block_add(struct program *p) {
    MEM_GROW(p->blocks, p->n_blocks, p->cap_blocks);
    memset(&p->blocks[p->n_blocks], 0, sizeof(*p->blocks));
    return p->n_blocks++;
}

static void slot_put(struct scope *s, uint32_t i) {
    uint32_t at = (uint32_t)s->memos[i].hash & (s->n_slots - 1);
    while (s->slots[at])
        at = (at + 1) & (s->n_slots - 1);
    s->slots[at] = i + 1;
}

static void memo_add(struct scope *s, const struct expr *e, uint64_t hash, uint32_t value) {
    enum { SLOTS_MIN = 16 };
    MEM_GROW(s->memos, s->n, s->cap);
    s->memos[s->n++] = (struct memo){e, hash, value};
    if (s->n * 2 <= s->n_slots) {
        slot_put(s, s->n - 1);
        return;
    }
    s->n_slots = MAX(s->n_slots * 2, (uint32_t)SLOTS_MIN);
    free(s->slots);
    s->slots = mem_calloc(s->n_slots, sizeof(*s->slots));
    for (uint32_t i = 0; i < s->n; i++)
        slot_put(s, i);
}

static void scope_release(struct scope *s) {
    free(s->memos);
    free(s->slots);
}

static const struct memo *memo_at(const struct scope *s, const struct expr *e, uint64_t hash) {
    if (!s->n) return NULL;
    for (uint32_t at = (uint32_t)hash;; at++) {
        uint32_t i = s->slots[at & (s->n_slots - 1)];
        if (!i) return NULL;
        const struct memo *m = &s->memos[i - 1];
        if (m->hash == hash && expr_eq(m->e, e)) return m;
    }
}

/* The value of an expression already computed here or in an enclosing block (then imported). */
static bool memo_find(struct program *p, struct scope *s, const struct expr *e, uint64_t hash,
                      bool import, uint32_t *ret) {
    const struct memo *m = memo_at(s, e, hash);
    if (m) {
        *ret = m->value;
        return true;
    }
    if (!s->parent || !memo_find(p, s->parent, e, hash, import, ret)) return false;
    if (!import || p->values[*ret].kind == PVALUE_CONST) return true;
    struct pvalue v = {.kind = PVALUE_IMPORT, .type = p->values[*ret].type, .src = *ret};
    uint32_t id = temp_add(p, s->block, v);
    struct block *b = &p->blocks[s->block];
    MEM_GROW(b->imports, b->n_imports, b->cap_imports);
    b->imports[b->n_imports++] = id;
    memo_add(s, e, hash, id);
    *ret = id;
    return true;
}

/* ---- cost ----------------------------------------------------------------------------------- */

static bool is_wide(const struct type *t) {
    enum phys ph = type_phys(t);
    return ph == PHYS_STR || ph >= PHYS_LIST;
}

/* Cost of computing e for all rows, given what scope s has already (NULL: nothing). */
static int cost_of(struct compiler *c, struct scope *s, const struct expr *e) {
    uint32_t v;
    if (e->kind != EXPR_CALL) return 0;
    if (s && expr_is_deterministic(e) && memo_find(c->p, s, e, expr_hash(e), false, &v)) return 0;
    if (func_call_can_fail(e)) return COST_HIGH;
    if (e->func == &func_row_field) return cost_of(c, s, e->args[0]);
    if (is_wide(e->type) && !(e->func->flags & FUNC_LAZY)) return COST_HIGH;
    int cost = 1;
    for (int i = 0; i < e->n_args && cost < COST_HIGH; i++) {
        cost += cost_of(c, s, e->args[i]);
        if (is_wide(e->args[i]->type)) cost += e->type->kind == TYPE_BOOLEAN ? 2 : LAZY_COST;
        if (type_phys(e->args[i]->type) == PHYS_I128) cost += 1;
    }
    return cost;
}

int program_cost(const struct expr *e) {
    return cost_of(NULL, NULL, e);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static struct instr *instr_add(struct program *p, uint32_t block, const struct expr *e,
                               int n_args) {
    struct block *b = &p->blocks[block];
    MEM_GROW(b->instrs, b->n_instrs, b->cap_instrs);
    struct instr *in = &b->instrs[b->n_instrs++];
    memset(in, 0, sizeof(*in));
    in->call = e;
    in->n_args = n_args;
    in->args = mem_calloc((size_t)n_args + 1, sizeof(*in->args));
    return in;
}

static int emit_call(struct compiler *c, struct scope *s, const struct expr *e,
                     const uint32_t *args, int n_args, uint32_t *ret) {
    struct program *p = c->p;
    const struct func *f = e->func;
    kernel_fn kernel = f->pick_kernel ? f->pick_kernel(e) : f->kernel;
    if (!kernel) {
        AUTO_STR types = STR_INIT;
        for (int i = 0; i < e->n_args; i++) {
            if (i) str_add(&types, ", ");
            type_print(e->args[i]->type, &types);
        }
        return err_set_at(c->err, ERR_UNSUPPORTED, e->line, e->col,
                          "%s can't be evaluated for (%s)", f->name, str_text(&types));
    }
    void *state = NULL;
    if (f->prepare) {
        int rc = f->prepare(e, p->env, &state, c->err);
        if (rc) return err_wrap(c->err, "%s", f->name);
    }
    struct instr *in = instr_add(p, s->block, e, n_args);
    in->kernel = kernel;
    in->state = state;
    in->argv = mem_calloc((size_t)n_args + 1, sizeof(*in->argv));
    in->views = mem_calloc((size_t)n_args + 1, sizeof(*in->views));
    memcpy(in->args, args, sizeof(*args) * (size_t)n_args);
    struct pvalue v = {.kind = PVALUE_TEMP, .type = e->type};
    *ret = temp_add(p, s->block, v);
    p->blocks[s->block].instrs[p->blocks[s->block].n_instrs - 1].dst = *ret;
    return 0;
}

static int compile_block(struct compiler *c, struct scope *parent, const struct expr *e,
                         int32_t *ret_block) {
    struct scope s = {.parent = parent, .block = block_add(c->p)};
    uint32_t result;
    int rc = compile(c, &s, e, &result);
    scope_release(&s);
    if (rc) return rc;
    c->p->blocks[s.block].result = result;
    *ret_block = (int32_t)s.block;
    return 0;
}

/* The first argument of each conditional is needed for every row; the others are lazy if they can
 * fail or cost much. */
static int emit_lazy(struct compiler *c, struct scope *s, const struct expr *e, const bool *lazy,
                     uint32_t *ret) {
    AUTO_FREE uint32_t *args = mem_calloc((size_t)e->n_args, sizeof(*args));
    int32_t *blocks = mem_calloc((size_t)e->n_args, sizeof(*blocks));
    int rc = 0;
    for (int i = 0; i < e->n_args && rc == 0; i++) {
        blocks[i] = -1;
        rc = lazy[i] ? compile_block(c, s, e->args[i], &blocks[i])
                     : compile(c, s, e->args[i], &args[i]);
    }
    if (rc) {
        free(blocks);
        return rc;
    }
    struct instr *in = instr_add(c->p, s->block, e, e->n_args);
    memcpy(in->args, args, sizeof(*args) * (size_t)e->n_args);
    in->arg_blocks = blocks;
    uint32_t i_instr = c->p->blocks[s->block].n_instrs - 1;
    struct pvalue v = {.kind = PVALUE_TEMP, .type = e->type};
    *ret = temp_add(c->p, s->block, v);
    c->p->blocks[s->block].instrs[i_instr].dst = *ret;
    return 0;
}

static int compile_call(struct compiler *c, struct scope *s, const struct expr *e, uint32_t *ret) {
    if (e->func->flags & FUNC_LAZY) {
        AUTO_FREE bool *lazy = mem_calloc((size_t)e->n_args, sizeof(*lazy));
        bool any = false;
        for (int i = 1; i < e->n_args; i++)
            any |= lazy[i] = cost_of(c, s, e->args[i]) > LAZY_COST;
        if (any) return emit_lazy(c, s, e, lazy, ret);
    }
    AUTO_FREE uint32_t *args = mem_calloc((size_t)e->n_args + 1, sizeof(*args));
    int n = 0;
    for (int i = 0; i < e->n_args; i++) {
        if (i && e->func == &func_in && e->args[i]->kind == EXPR_LITERAL) continue;
        int rc = compile(c, s, e->args[i], &args[n++]);
        if (rc) return rc;
    }
    return emit_call(c, s, e, args, n, ret);
}

static int compile(struct compiler *c, struct scope *s, const struct expr *e, uint32_t *ret) {
    bool share = expr_is_deterministic(e);
    uint64_t hash = expr_hash(e);
    if (share && memo_find(c->p, s, e, hash, true, ret)) return 0;
    struct scope *root = s;
    while (root->parent)
        root = root->parent;
    switch (e->kind) {
    case EXPR_COLUMN: {
        struct pvalue v = {.kind = PVALUE_INPUT, .type = e->type, .input = e->column};
        memo_add(root, e, hash, value_add(c->p, v));
        if (e->column >= c->p->n_inputs) c->p->n_inputs = e->column + 1;
        CHECK(memo_find(c->p, s, e, hash, true, ret));
        return 0;
    }
    case EXPR_LITERAL: {
        struct pvalue v = {.kind = PVALUE_CONST, .type = e->type, .lit = e->literal};
        *ret = value_add(c->p, v);
        memo_add(root, e, hash, *ret);
        return 0;
    }
    case EXPR_OUTER:
        return err_set_at(c->err, ERR_INTERNAL, e->line, e->col,
                          "a column of the enclosing query was left in an expression");
    case EXPR_CALL: {
        int rc = compile_call(c, s, e, ret);
        if (rc == 0 && share) memo_add(s, e, hash, *ret);
        return rc;
    }
    }
    return err_set(c->err, ERR_INTERNAL, "expression of kind %d", e->kind);
}

/* ---- liveness ------------------------------------------------------------------------------- */

static void note_use(struct program *p, uint32_t block, uint32_t value, int32_t *last, int32_t at) {
    if (p->values[value].kind >= PVALUE_TEMP && p->values[value].block == block) last[value] = at;
}

/* Each temporary is dropped behind the last instruction of its block that reads it; imports of a
 * conditional's blocks count as read by the conditional. */
static void find_releases(struct program *p, uint32_t block, int32_t *last) {
    struct block *b = &p->blocks[block];
    for (uint32_t i = 0; i < b->n_instrs; i++) {
        struct instr *in = &b->instrs[i];
        note_use(p, block, in->dst, last, (int32_t)i);
        for (int k = 0; k < in->n_args; k++) {
            if (!in->arg_blocks || in->arg_blocks[k] < 0) {
                note_use(p, block, in->args[k], last, (int32_t)i);
                continue;
            }
            const struct block *sub = &p->blocks[in->arg_blocks[k]];
            for (uint32_t m = 0; m < sub->n_imports; m++)
                note_use(p, block, p->values[sub->imports[m]].src, last, (int32_t)i);
        }
    }
    if (block == 0)
        for (int k = 0; k < p->n_outputs; k++)
            last[p->outputs[k]] = -1;
    else
        last[b->result] = -1;
    for (uint32_t t = 0; t < b->n_temps; t++) {
        int32_t at = last[b->temps[t]];
        if (at < 0) continue;
        struct instr *in = &b->instrs[at];
        MEM_GROW(in->release, in->n_release, in->cap_release);
        in->release[in->n_release++] = b->temps[t];
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static int program_make(const struct expr *const *exprs, int n_exprs, const struct eval_env *env,
                        bool fold, struct program **ret, struct err *err) {
    struct program *p = mem_zalloc(sizeof(*p));
    arena_init(&p->arena);
    p->env = env;
    p->n_outputs = n_exprs;
    p->outputs = mem_calloc((size_t)n_exprs + 1, sizeof(*p->outputs));
    p->out_types = mem_calloc((size_t)n_exprs + 1, sizeof(*p->out_types));
    struct scope s = {.block = block_add(p)};
    struct compiler c = {.p = p, .err = err};
    int rc = 0;
    for (int i = 0; i < n_exprs && rc == 0; i++) {
        const struct expr *e = fold ? expr_fold(&p->arena, exprs[i], env) : exprs[i];
        p->out_types[i] = exprs[i]->type;
        rc = compile(&c, &s, e, &p->outputs[i]);
    }
    scope_release(&s);
    if (rc) {
        program_free(p);
        return rc;
    }
    AUTO_FREE int32_t *last = mem_alloc(sizeof(*last) * ((size_t)p->n_values + 1));
    memset(last, 0xff, sizeof(*last) * ((size_t)p->n_values + 1));
    for (uint32_t b = 0; b < p->n_blocks; b++)
        find_releases(p, b, last);
    p->cur = mem_calloc((size_t)p->n_values + 1, sizeof(*p->cur));
    p->own = mem_calloc((size_t)p->n_values + 1, sizeof(*p->own));
    *ret = p;
    return 0;
}

int program_new(const struct expr *const *exprs, int n_exprs, const struct eval_env *env,
                struct program **ret, struct err *err) {
    return program_make(exprs, n_exprs, env, true, ret, err);
}

static void instr_free(struct instr *in) {
    if (in->state && in->call->func->unprepare) in->call->func->unprepare(in->state);
    free(in->args);
    free(in->arg_blocks);
    free(in->argv);
    free(in->views);
    free(in->release);
}

void program_free(struct program *p) {
    if (!p) return;
    for (uint32_t b = 0; b < p->n_blocks; b++) {
        for (uint32_t i = 0; i < p->blocks[b].n_instrs; i++)
            instr_free(&p->blocks[b].instrs[i]);
        free(p->blocks[b].instrs);
        free(p->blocks[b].imports);
        free(p->blocks[b].temps);
    }
    for (uint32_t v = 0; v < p->n_values; v++) {
        col_release(&p->values[v].wide);
        if (p->own) col_release(&p->own[v]);
    }
    free(p->values);
    free(p->blocks);
    free(p->outputs);
    free(p->out_types);
    free(p->cur);
    free(p->own);
    arena_release(&p->arena);
    free(p);
}

int expr_eval_const(struct arena *a, const struct expr *e, const struct eval_env *env,
                    const struct column **ret, struct err *err) {
    if (expr_max_column(e) > 0)
        return err_set_at(err, ERR_VALIDATION, e->line, e->col, "a constant is expected here");
    struct program *p;
    struct column col;
    int rc = program_make(&e, 1, env, false, &p, err);
    if (rc) return rc;
    rc = program_eval(p, NULL, 0, 1, &col, NULL, err);
    if (rc == 0) {
        *ret = value_copy(a, &col, 0);
        col_release(&col);
    }
    program_free(p);
    return rc;
}

/* ---- text ----------------------------------------------------------------------------------- */

static void print_value(const struct program *p, uint32_t v, struct str *out) {
    const struct pvalue *val = &p->values[v];
    if (val->kind == PVALUE_INPUT)
        str_addf(out, "$%d", val->input);
    else if (val->kind == PVALUE_CONST)
        value_print(val->lit, 0, NULL, out);
    else
        str_addf(out, "%%%u", v);
}

static void print_block(const struct program *p, uint32_t block, int depth, struct str *out) {
    const struct block *b = &p->blocks[block];
    for (uint32_t i = 0; i < b->n_imports; i++) {
        str_addf(out, "%*s%%%u = rows of ", depth * 2, "", b->imports[i]);
        print_value(p, p->values[b->imports[i]].src, out);
        str_add_char(out, '\n');
    }
    for (uint32_t i = 0; i < b->n_instrs; i++) {
        const struct instr *in = &b->instrs[i];
        str_addf(out, "%*s%%%u = %s%s(", depth * 2, "", in->dst, in->kernel ? "" : "lazy ",
                 in->call->func->name);
        for (int k = 0; k < in->n_args; k++) {
            if (k) str_add(out, ", ");
            if (in->arg_blocks && in->arg_blocks[k] >= 0)
                str_addf(out, "{%d}", in->arg_blocks[k]);
            else
                print_value(p, in->args[k], out);
        }
        str_add(out, ") ");
        type_print(in->call->type, out);
        str_add_char(out, '\n');
        for (int k = 0; k < in->n_args && in->arg_blocks; k++) {
            if (in->arg_blocks[k] < 0) continue;
            str_addf(out, "%*s{%d}:\n", depth * 2 + 2, "", in->arg_blocks[k]);
            print_block(p, (uint32_t)in->arg_blocks[k], depth + 2, out);
        }
    }
    if (block) {
        str_addf(out, "%*s-> ", depth * 2, "");
        print_value(p, b->result, out);
        str_add_char(out, '\n');
    }
}

void program_print(const struct program *p, struct str *out) {
    print_block(p, 0, 0, out);
    for (int i = 0; i < p->n_outputs; i++) {
        str_addf(out, "out %d = ", i);
        print_value(p, p->outputs[i], out);
        str_add_char(out, '\n');
    }
}
