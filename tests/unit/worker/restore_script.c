/* restore_script.c - generated inputs: small domains of keys, NULLs, strings of all sizes, late
 * rows; changelogs that fit the rows that are there. */
#include "tests/unit/worker/restore_rig.h"

#include <stdio.h>
#include <string.h>

enum { COLS_MAX = 12, LIVE_MAX = 400, LATENESS_MS = 4000 };

struct cell {
    bool null;
    int64_t v; /* strings: which */
};

struct gen_row {
    struct cell cells[COLS_MAX];
};

struct gen_source {
    int vertex;
    const struct schema *schema;
    enum changelog_mode mode;
    struct gen_row live[LIVE_MAX];
    int n_live;
};

struct gen {
    struct rnd *r;
    struct gen_source sources[RESTORE_SOURCES_MAX];
    int n_sources;
    int64_t time_ms, wm_ms, wall_ms;
};

static bool is_time(const struct type *t) {
    return t->kind == TYPE_TIMESTAMP || t->kind == TYPE_TIMESTAMP_LTZ;
}

/* Keys have few values; rows' times go on, most of them. */
static struct cell make_cell(struct gen *g, const struct field *f) {
    struct rnd *r = g->r;
    if (is_time(f->type)) {
        int64_t back = (int64_t)rnd_below(r, rnd_below(r, 8) ? LATENESS_MS : 4 * LATENESS_MS);
        return (struct cell){.v = MAX(g->time_ms - back, 0)};
    }
    if (f->type->nullable && !rnd_below(r, 8)) return (struct cell){.null = true};
    return (struct cell){.v = (int64_t)rnd_below(r, f->name[0] == 'k'   ? 7
                                                    : f->name[0] == 's' ? 9
                                                                        : 30)};
}

static void add_cell(struct col_builder *cb, const struct type *t, struct cell c) {
    char text[96];
    if (c.null) {
        col_add_null(cb);
        return;
    }
    switch (cb->col.phys) {
    case PHYS_BOOL:
        col_add_bool(cb, c.v & 1);
        return;
    case PHYS_F32:
    case PHYS_F64:
        col_add_f64(cb, (double)c.v / 4);
        return;
    case PHYS_I128:
        col_add_i128(cb, c.v);
        return;
    case PHYS_STR: { /* empty, short, long ones with a common beginning */
        int len = c.v < 6 ? (int)c.v : 40 + (int)c.v;
        memset(text, 'x', sizeof text);
        if (len) text[len - 1] = (char)('a' + c.v % 26);
        col_add_str(cb, text, (size_t)len);
        return;
    }
    case PHYS_LIST:
    case PHYS_MAP:
    case PHYS_ROW: { /* a row's fields, or up to 3 elements; different keys */
        int64_t n = cb->col.phys == PHYS_ROW ? 1 : c.v % 4;
        for (int64_t i = 0; i < n; i++)
            for (int k = 0; k < cb->col.n_children; k++)
                add_cell(&cb->children[k], t->children[k], (struct cell){.v = c.v + i});
        col_close_row(cb);
        return;
    }
    default:
        col_add_int(cb, c.v);
    }
}

static void make_row(struct gen *g, struct gen_source *s, struct gen_row *row) {
    for (int c = 0; c < s->schema->n; c++)
        row->cells[c] = make_cell(g, &s->schema->fields[c]);
}

/* Columns of a primary key are those that can't be NULL and are no times. */
static bool is_key(const struct field *f) {
    return !f->type->nullable && !is_time(f->type);
}

static int find_live(const struct gen_source *s, const struct gen_row *row) {
    bool keyed = false;
    for (int c = 0; c < s->schema->n; c++)
        keyed |= is_key(&s->schema->fields[c]);
    for (int i = 0; keyed && i < s->n_live; i++) {
        bool same = true;
        for (int c = 0; c < s->schema->n; c++)
            same &= !is_key(&s->schema->fields[c]) || s->live[i].cells[c].v == row->cells[c].v;
        if (same) return i;
    }
    return -1;
}

struct rows {
    struct gen_row rows[RESTORE_BATCH_ROWS];
    uint8_t kinds[RESTORE_BATCH_ROWS];
    uint32_t n;
};

static void rows_add(struct rows *b, const struct gen_row *row, enum row_kind kind) {
    b->rows[b->n] = *row;
    b->kinds[b->n++] = (uint8_t)kind;
}

/* The next change of a changelog: at most two rows. */
static void change(struct gen *g, struct gen_source *s, struct rows *b) {
    struct gen_row row;
    make_row(g, s, &row);
    int at = find_live(s, &row);
    if (at < 0 && (s->n_live == LIVE_MAX || (s->n_live && !rnd_below(g->r, 2)))) {
        at = (int)rnd_below(g->r, (uint64_t)s->n_live);
        for (int c = 0; c < s->schema->n; c++) /* its key stays */
            if (is_key(&s->schema->fields[c])) row.cells[c] = s->live[at].cells[c];
    }
    if (at < 0) {
        rows_add(b, &row, ROW_INSERT);
        s->live[s->n_live++] = row;
    } else if (rnd_below(g->r, 3)) {
        if (s->mode & CHANGELOG_UPDATE_BEFORE) rows_add(b, &s->live[at], ROW_UPDATE_BEFORE);
        rows_add(b, &row, ROW_UPDATE_AFTER);
        s->live[at] = row;
    } else {
        rows_add(b, &s->live[at], ROW_DELETE);
        s->live[at] = s->live[--s->n_live];
    }
}

static struct batch *make_batch(struct gen *g, struct gen_source *s) {
    struct rows rows = {.n = 0};
    uint64_t n = 1 + rnd_below(g->r, RESTORE_BATCH_ROWS - 1);
    while (rows.n + 2 <= RESTORE_BATCH_ROWS && rows.n < n) {
        g->time_ms += (int64_t)rnd_below(g->r, rnd_below(g->r, 20) ? 400 : 8000);
        if (s->mode != CHANGELOG_INSERT) {
            change(g, s, &rows);
            continue;
        }
        make_row(g, s, &rows.rows[rows.n]);
        rows.kinds[rows.n++] = ROW_INSERT;
    }
    struct batch *b = batch_new(s->schema->n);
    b->n = rows.n;
    for (int c = 0; c < s->schema->n; c++) {
        struct col_builder cb;
        col_builder_init(&cb, s->schema->fields[c].type, rows.n);
        for (uint32_t i = 0; i < rows.n; i++)
            add_cell(&cb, s->schema->fields[c].type, rows.rows[i].cells[c]);
        col_builder_finish(&cb, &b->cols[c]);
        col_builder_release(&cb);
    }
    memcpy(batch_make_kinds(b), rows.kinds, rows.n);
    return b;
}

void restore_script_make(struct restore_script *s, const struct plan *plan, struct rnd *r) {
    struct gen *g = mem_zalloc(sizeof *g);
    g->r = r;
    g->time_ms = 20000;
    g->wm_ms = 0;
    g->wall_ms = 1000000;
    for (int v = 0; v < plan->n_vertices; v++) {
        const struct plan_op *op = &plan->vertices[v].ops[0];
        if (strcmp(op->kind, "source")) continue;
        CHECK(g->n_sources < RESTORE_SOURCES_MAX && op->output->n <= COLS_MAX);
        g->sources[g->n_sources++] =
            (struct gen_source){.vertex = v, .schema = op->output, .mode = op->changelog};
    }
    s->n = (int)(8 + rnd_below(r, RESTORE_STEPS_MAX - 8));
    for (int i = 0; i < s->n; i++) {
        struct restore_step *step = &s->steps[i];
        struct gen_source *src = &g->sources[rnd_below(r, (uint64_t)g->n_sources)];
        *step = (struct restore_step){.kind = STEP_ROWS, .vertex = src->vertex};
        uint64_t pick = rnd_below(r, 20);
        if (pick < 4 && g->time_ms - LATENESS_MS > g->wm_ms) {
            step->kind = STEP_WATERMARK;
            if (rnd_below(r, 2)) g->wm_ms = g->time_ms - LATENESS_MS;
            step->ms = g->wm_ms;
        } else if (pick < 6) {
            step->kind = STEP_CLOCK;
            step->ms = g->wall_ms += (int64_t)rnd_below(r, 3000);
        } else if (pick < 9) {
            step->kind = STEP_BARRIER;
        } else {
            step->batch = make_batch(g, src);
        }
    }
    free(g);
}

void restore_script_release(struct restore_script *s) {
    for (int i = 0; i < s->n; i++)
        batch_unref(s->steps[i].batch);
}
