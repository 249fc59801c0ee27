/* restore_rig.c - cases compiled, and rounds of them. */
#include "tests/unit/worker/restore_rig.h"

#include "sql/parse.h"
#include "sql/planner.h"
#include "worker/op.h"

#include <stdio.h>
#include <string.h>

enum { CHECKPOINTS_MAX = 256, KILLS_MAX = 5 };

/* ---- compiling ------------------------------------------------------------------------------ */

static void plan_query(struct restore_query *q, const struct statement_result *r) {
    struct err err = ERR_INIT;
    struct planner_input in = {.name = q->c->name,
                               .n_sinks = r->n_sinks,
                               .sinks = r->sinks,
                               .session = q->session,
                               .parallelism = 4};
    if (planner_plan(&q->arena, &in, &q->plan, &err)) fail_msg("%s: %s", q->c->name, err.msg);
}

void restore_compile(struct restore_query *q, const struct restore_case *c) {
    *q = (struct restore_query){.c = c};
    arena_init(&q->arena);
    q->session = session_new();
    struct sql_reader reader;
    sql_reader_init(&reader, c->sql, strlen(c->sql));
    for (;;) {
        struct sql_statement stmt = {0};
        struct statement_result r = {0};
        struct err err = ERR_INIT;
        int rc = sql_next_statement(&reader, &q->arena, &stmt, &err);
        if (!rc) break;
        if (rc > 0) rc = session_execute(q->session, &q->arena, stmt.ast, c->sql, &r, &err);
        if (rc < 0) fail_msg("%s: %s", c->name, err.msg);
        if (r.kind == STATEMENT_QUERY || r.kind == STATEMENT_INSERT) plan_query(q, &r);
    }
    assert_non_null(q->plan);
    for (int v = 0; v < q->plan->n_vertices; v++)
        for (int i = 0; i < q->plan->vertices[v].n_ops; i++) {
            const struct plan_op *op = &q->plan->vertices[v].ops[i];
            bool replaced = !strcmp(op->kind, "source") || !strcmp(op->kind, "watermark") ||
                            !strcmp(op->kind, "sink");
            if (op->stateful && !replaced && !(op_find(op->kind)->ops->flags & OP_CHECKPOINTED))
                fail_msg("%s: %s can't take checkpoints", c->name, op->kind);
        }
}

void restore_query_release(struct restore_query *q) {
    session_free(q->session);
    arena_release(&q->arena);
}

/* ---- what came out -------------------------------------------------------------------------- */

static int text_cmp(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_lines(struct str *s) {
    size_t n = 0, cap = 0;
    AUTO_FREE char **lines = NULL;
    AUTO_STR copy = STR_INIT;
    str_add_n(&copy, s->ptr, s->len);
    for (char *line = strtok(copy.ptr, "\n"); line; line = strtok(NULL, "\n")) {
        MEM_GROW(lines, n, cap);
        lines[n++] = line;
    }
    if (n) qsort(lines, n, sizeof *lines, text_cmp);
    str_clear(s);
    for (size_t i = 0; i < n; i++)
        str_addf(s, "%s\n", lines[i]);
}

/* All changes folded: lines of rows with how often they are there. */
static void fold(const struct str *outs, int n, struct str *ret) {
    AUTO_STR all = STR_INIT;
    for (int i = 0; i < n; i++)
        for (size_t at = 0; at < outs[i].len;) {
            const char *line = outs[i].ptr + at, *end = memchr(line, '\n', outs[i].len - at);
            bool adds = !memcmp(line, "+I", 2) || !memcmp(line, "+U", 2);
            str_add_n(&all, line + 2, (size_t)(end - line - 2));
            str_add(&all, adds ? "\x01+\n" : "\x01-\n");
            at += (size_t)(end - line) + 1;
        }
    sort_lines(&all);
    AUTO_STR row = STR_INIT;
    int count = 0;
    for (size_t at = 0; at <= all.len;) {
        const char *line = str_text(&all) + at, *end = memchr(line, '\n', all.len - at);
        size_t len = end ? (size_t)(end - line - 2) : 0;
        if (!end || row.len != len || memcmp(str_text(&row), line, len)) {
            if (count) str_addf(ret, "%d x%s\n", count, str_text(&row));
            count = 0;
            str_clear(&row);
            str_add_n(&row, line, len);
        }
        if (!end) break;
        count += end[-1] == '+' ? 1 : -1;
        at += len + 3;
    }
}

/* Lines of one that the other hasn't; both sorted. */
static void add_difference(const struct str *one, const struct str *other, const char *what,
                           struct str *ret) {
    const char *a = str_text(one), *b = str_text(other);
    int shown = 0;
    while (*a && shown < 8) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        int c = *b ? memcmp(a, b, MIN(n, m)) : -1;
        if (!c) c = (n > m) - (n < m);
        if (c < 0) {
            str_addf(ret, "%s %.*s\n", what, (int)MIN(n, (size_t)90), a);
            shown++;
        }
        if (c <= 0) a += n + 1;
        if (c >= 0) b += m + 1;
    }
}

static void compare(const struct restore_query *q, uint64_t seed, int n, struct str *want,
                    struct str *got, const char *story) {
    AUTO_STR all_want = STR_INIT, all_got = STR_INIT;
    if (q->c->fold) {
        fold(want, n, &all_want);
        fold(got, n, &all_got);
        want = &all_want;
        got = &all_got;
        n = 1;
    }
    for (int i = 0; i < n; i++) {
        if (!q->c->fold && !q->c->ordered) {
            sort_lines(&want[i]);
            sort_lines(&got[i]);
        }
        if (!strcmp(str_text(&want[i]), str_text(&got[i]))) continue;
        AUTO_STR text = STR_INIT;
        add_difference(&want[i], &got[i], "missing", &text);
        add_difference(&got[i], &want[i], "too many", &text);
        print_error("%s, seed %llu, step %d:%s\n%s", q->c->name, (unsigned long long)seed, i, story,
                    text.len ? str_text(&text) : "the order differs");
        fail();
    }
}

/* ---- a round -------------------------------------------------------------------------------- */

struct life {
    const struct restore_query *q;
    const struct restore_script *script;
    struct rnd r;
    struct restore_graph *g;
    struct restore_checkpoint *all[CHECKPOINTS_MAX];
    int n_all;
    struct restore_checkpoint *newest, *taking; /* complete; under way */
    struct restore_checkpoint *late; /* all copied, and complete only after the next has begun */
    struct str *outs, story;
};

/* The newest checkpoint and what it builds on, oldest first. */
static int chain_of(const struct life *l, const struct restore_checkpoint **chain) {
    int n = 0;
    for (const struct restore_checkpoint *c = l->newest; c; n++) {
        memmove(chain + 1, chain, (size_t)n * sizeof *chain);
        chain[0] = c;
        c = c->full ? NULL : l->all[c->newest - 1];
    }
    return n;
}

/* Returns the step to go on with. */
static int restart(struct life *l) {
    static const int choices[] = {1, 1, 2, 3, 5};
    const struct restore_checkpoint *chain[CHECKPOINTS_MAX];
    int n = chain_of(l, chain), p = choices[rnd_below(&l->r, ARRAY_LEN(choices))];
    restore_graph_free(l->g);
    l->g = restore_graph_new(l->q, p, &l->r);
    restore_graph_start(l->g, chain, n);
    l->taking = l->late = NULL;
    int at = n ? l->newest->at + 1 : 0;
    for (int i = at; i <= l->script->n; i++)
        str_clear(&l->outs[i]);
    str_addf(&l->story, " [x%d: %d]", p, at);
    return at;
}

static void step(struct life *l, int i) {
    const struct restore_step *s = &l->script->steps[i];
    struct restore_checkpoint *take = NULL;
    if (s->kind == STEP_BARRIER && rnd_below(&l->r, 8) && l->n_all < CHECKPOINTS_MAX) {
        if (l->taking && rnd_below(&l->r, 2)) {
            while (!restore_graph_copy(l->g))
                ;
            l->newest = l->taking;
        }
        take = l->all[l->n_all++] = mem_zalloc(sizeof *take);
        take->id = (uint64_t)l->n_all;
        take->at = i;
        take->newest = l->newest ? l->newest->id : 0;
        take->full = !l->newest || !rnd_below(&l->r, 6);
        l->taking = take;
        str_addf(&l->story, " %s%llu@%d", take->full ? "full" : "inc", (unsigned long long)take->id,
                 i);
    }
    /* A real clock doesn't go back to the barrier: what is too old by the time it is copied, and
     * left out, would be so when it is restored. */
    while (s->kind == STEP_CLOCK && l->taking && strstr(l->q->c->sql, "state.ttl") &&
           !restore_graph_copy(l->g))
        ;
    restore_graph_step(l->g, s, take, &l->outs[i]);
    if (l->late && !rnd_below(&l->r, 4)) {
        if (!l->newest || l->late->id > l->newest->id) l->newest = l->late;
        str_addf(&l->story, " late %llu@%d", (unsigned long long)l->late->id, i);
        l->late = NULL;
    }
    if (!l->taking) return;
    if (rnd_below(&l->r, 12) == 0) {
        restore_graph_cancel(l->g);
        l->taking = NULL;
        str_add(&l->story, " cancel");
    } else if (restore_graph_copy(l->g)) {
        uint64_t fate = rnd_below(&l->r, 6);
        if (!fate) l->late = l->taking;
        if (fate > 1) l->newest = l->taking;
        str_addf(&l->story, " %s@%d", fate > 1 ? "done" : fate ? "lost" : "copied", i);
        l->taking = NULL;
    }
}

static void run_plain(const struct restore_query *q, const struct restore_script *s,
                      struct str *outs) {
    struct rnd r = {7};
    struct restore_graph *g = restore_graph_new(q, 1, &r);
    restore_graph_start(g, NULL, 0);
    for (int i = 0; i < s->n; i++)
        restore_graph_step(g, &s->steps[i], NULL, &outs[i]);
    restore_graph_finish(g, &outs[s->n]);
    restore_graph_free(g);
}

static void run_disturbed(struct life *l) {
    l->g = restore_graph_new(l->q, 1 + (int)rnd_below(&l->r, 3), &l->r);
    restore_graph_start(l->g, NULL, 0);
    int kills = 1 + (int)rnd_below(&l->r, KILLS_MAX);
    for (int i = 0; i < l->script->n;) {
        step(l, i++);
        if (kills && (rnd_below(&l->r, 12) == 0 || i == l->script->n)) {
            kills--;
            i = restart(l);
        }
    }
    restore_graph_finish(l->g, &l->outs[l->script->n]);
    restore_graph_free(l->g);
}

void restore_round(const struct restore_query *q, uint64_t seed) {
    struct restore_script *s = mem_zalloc(sizeof *s);
    struct str *want = mem_calloc(RESTORE_STEPS_MAX + 1, sizeof *want),
               *got = mem_calloc(RESTORE_STEPS_MAX + 1, sizeof *got);
    struct rnd r = {seed};
    restore_script_make(s, q->plan, &r);
    run_plain(q, s, want);
    struct life *l = mem_zalloc(sizeof *l);
    *l = (struct life){.q = q, .script = s, .r = {rnd_next(&r)}, .outs = got};
    run_disturbed(l);
    compare(q, seed, s->n + 1, want, got, str_text(&l->story));
    for (int i = 0; i < l->n_all; i++) {
        free(l->all[i]->watermarks);
        str_release(&l->all[i]->blocks);
        free(l->all[i]);
    }
    str_release(&l->story);
    free(l);
    for (int i = 0; i <= RESTORE_STEPS_MAX; i++) {
        str_release(&want[i]);
        str_release(&got[i]);
    }
    free(want);
    free(got);
    restore_script_release(s);
    free(s);
}
