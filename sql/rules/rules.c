/* rules.c - the table of rules, and running them stage by stage. */
#include "sql/rules/rules.h"

#define R(x) extern const struct rule rule_##x;
#include "sql/rules/rules.def"
#undef R

static const struct rule *const rules[] = {
#define R(x) &rule_##x,
#include "sql/rules/rules.def"
#undef R
};

static void count_uses(struct rule_ctx *ctx, const struct rel *r) {
    intptr_t n = (intptr_t)ptrmap_get(&ctx->uses, r);
    ptrmap_put(&ctx->uses, r, (void *)(n + 1));
    if (n) return;
    for (int i = 0; i < r->n_inputs; i++)
        count_uses(ctx, r->inputs[i]);
}

/* A rule that keeps applying to its own results would never end: a mistake in the rule. */
enum { APPLY_MAX = 1000 };

struct walk {
    struct rule_ctx *ctx;
    enum rule_stage stage;
    struct ptrmap done; /* rel -> its final form */
};

static const struct rel *apply_one(struct walk *w, const struct rel *r) {
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (!rules[i]->apply || !(rules[i]->stages & 1u << w->stage)) continue;
        const struct rel *n = rules[i]->apply(w->ctx, r);
        if (n && n != r) return n;
    }
    return NULL;
}

static const struct rel *rewrite(struct walk *w, const struct rel *r, int depth) {
    const struct rel *found = ptrmap_get(&w->done, r);
    if (found) return found;
    CHECKF(depth < APPLY_MAX, "rules don't come to an end at %s", rel_kind_name(r->kind));
    const struct rel *now = r;
    if (r->n_inputs) {
        const struct rel **ins = ARENA_NEW_N(w->ctx->arena, const struct rel *, r->n_inputs);
        bool same = true;
        for (int i = 0; i < r->n_inputs; i++) {
            ins[i] = rewrite(w, r->inputs[i], 0);
            same &= ins[i] == r->inputs[i];
        }
        if (!same) now = rule_with_inputs(w->ctx->arena, r, ins);
    }
    const struct rel *next = apply_one(w, now);
    if (next) now = rewrite(w, next, depth + 1);
    if (rule_is_shared(w->ctx, r) && !rule_is_shared(w->ctx, now))
        ptrmap_put(&w->ctx->uses, now, ptrmap_get(&w->ctx->uses, r));
    ptrmap_put(&w->done, r, (void *)now);
    ptrmap_put(&w->done, now, (void *)now);
    return now;
}

int rules_run(struct rule_ctx *ctx, const struct rel **sinks, int n_sinks, struct err *err) {
    for (int stage = 0; stage < RULE_STAGES; stage++) {
        for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
            if (!rules[i]->pass || !(rules[i]->stages & 1u << stage)) continue;
            int rc = rules[i]->pass(ctx, sinks, n_sinks, err);
            if (rc) return rc;
        }
        ptrmap_init(&ctx->uses, ctx->arena);
        for (int i = 0; i < n_sinks; i++)
            count_uses(ctx, sinks[i]);
        struct walk w = {.ctx = ctx, .stage = (enum rule_stage)stage};
        ptrmap_init(&w.done, ctx->arena);
        for (int i = 0; i < n_sinks; i++)
            sinks[i] = rewrite(&w, sinks[i], 0);
    }
    return 0;
}
