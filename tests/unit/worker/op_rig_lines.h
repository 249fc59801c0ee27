/* op_rig_lines.h - rows for an op_rig, and what is expected of it. */
#ifndef PENSTOCK_TESTS_UNIT_WORKER_OP_RIG_LINES_H
#define PENSTOCK_TESTS_UNIT_WORKER_OP_RIG_LINES_H

#include "tests/unit/worker/op_rig.h"

/* ---- rows ----------------------------------------------------------------------------------- */

#define OP_NULL INT64_MIN /* in the values of rows */

/* n rows of `width` BIGINTs, row by row; kinds may be NULL. */
ATTR_UNUSED static struct batch *op_rig_rows(const int64_t *values, int width, uint32_t n,
                                             const uint8_t *kinds) {
    struct batch *b = batch_new(width);
    b->n = n;
    for (int c = 0; c < width; c++) {
        struct col_builder cb;
        col_builder_init(&cb, type_of(TYPE_BIGINT), n ? n : 1);
        for (uint32_t i = 0; i < n; i++) {
            int64_t v = values[i * (uint32_t)width + (uint32_t)c];
            if (v == OP_NULL)
                col_add_null(&cb);
            else
                col_add_int(&cb, v);
        }
        col_builder_finish(&cb, &b->cols[c]);
        col_builder_release(&cb);
    }
    if (kinds) memcpy(batch_make_kinds(b), kinds, n);
    return b;
}

/* A line as the sink makes it. */
ATTR_UNUSED static char *op_rig_text(uint8_t kind, const int64_t *values, int width) {
    struct str line = STR_INIT;
    str_add(&line, row_kind_text[kind]);
    for (int c = 0; c < width; c++) {
        str_add_char(&line, c ? '|' : ' ');
        if (values[c] == OP_NULL)
            str_add(&line, "NULL");
        else
            str_addf(&line, "%lld", (long long)values[c]);
    }
    return str_take(&line);
}

/* ---- comparing ------------------------------------------------------------------------------ */

/* What a model expects. */
struct lines {
    char **lines;
    size_t n, cap;
};

ATTR_UNUSED static void lines_add(struct lines *l, char *text /* takes */) {
    MEM_GROW(l->lines, l->n, l->cap);
    l->lines[l->n++] = text;
}
ATTR_UNUSED static void lines_row(struct lines *l, uint8_t kind, const int64_t *values, int width) {
    lines_add(l, op_rig_text(kind, values, width));
}
ATTR_UNUSED static void lines_say(struct lines *l, const char *text) {
    lines_add(l, mem_strdup(text));
}
ATTR_UNUSED static void lines_release(struct lines *l) {
    for (size_t i = 0; i < l->n; i++)
        free(l->lines[i]);
    free(l->lines);
    *l = (struct lines){0};
}

static int lines_cmp(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The rig's lines are these, in order; but between two lines that are no rows (watermarks,
 * barriers, the end) the rows' order is free if any_order. */
ATTR_UNUSED static void op_rig_expect(struct op_rig *o, struct lines *want, bool any_order) {
    struct lines got = {o->lines, o->n, o->cap};
    struct lines *both[] = {&got, want};
    for (int i = 0; any_order && i < 2; i++) {
        struct lines *l = both[i];
        for (size_t from = 0, to; from < l->n; from = to + 1) {
            for (to = from; to < l->n && strchr("+-", l->lines[to][0]); to++)
                ;
            if (to > from) qsort(l->lines + from, to - from, sizeof *l->lines, lines_cmp);
        }
    }
    for (size_t i = 0; i < got.n || i < want->n; i++) {
        const char *g = i < got.n ? got.lines[i] : "(nothing)",
                   *w = i < want->n ? want->lines[i] : "(nothing)";
        if (strcmp(g, w))
            fail_msg("line %zu of %zu (%zu): '%s', expected '%s'", i, got.n, want->n, g, w);
    }
}

#endif
