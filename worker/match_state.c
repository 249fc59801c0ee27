/* match_state.c - arrays in var memory. */
#include "worker/match_state.h"

#include "base/core/attr.h"

#include <string.h>

/* ---- rows ---- */

static void free_array(struct match_rows *r, struct var_memory *var) {
    if (r->rows) var_free(var, r->rows, r->cap * sizeof *r->rows);
    *r = (struct match_rows){0};
}

static void make_room(struct match_rows *r, struct var_memory *var) {
    uint32_t live = r->n - r->from;
    if (r->from > r->n / 2) {
        memmove(r->rows, r->rows + r->from, live * sizeof *r->rows);
    } else {
        uint32_t cap = r->cap ? 2 * r->cap : 4;
        char **rows = var_alloc(var, cap * sizeof *rows);
        if (live) memcpy(rows, r->rows + r->from, live * sizeof *rows);
        if (r->rows) var_free(var, r->rows, r->cap * sizeof *r->rows);
        r->rows = rows;
        r->cap = cap;
    }
    r->from = 0;
    r->n = live;
}

void match_rows_add(struct match_rows *r, struct var_memory *var, char *packed) {
    if (r->n == r->cap) make_room(r, var);
    r->rows[r->n++] = packed;
}

void match_rows_drop(struct match_rows *r, struct var_memory *var, uint32_t k) {
    r->from += k;
    if (r->from == r->n && r->rows) free_array(r, var);
}

/* ---- runs ---- */

void match_runs_free(struct match_runs *r, struct var_memory *var, size_t run_bytes) {
    if (r->data) var_free(var, r->data, r->cap * run_bytes);
    *r = (struct match_runs){0};
}

struct match_run *match_runs_insert(struct match_runs *r, struct var_memory *var, size_t run_bytes,
                                    uint32_t i) {
    if (r->n == r->cap) {
        uint32_t cap = r->cap ? 2 * r->cap : 2;
        char *data = var_alloc(var, cap * run_bytes);
        if (r->n) memcpy(data, r->data, r->n * run_bytes);
        if (r->data) var_free(var, r->data, r->cap * run_bytes);
        r->data = data;
        r->cap = cap;
    }
    char *at = r->data + i * run_bytes;
    memmove(at + run_bytes, at, (r->n - i) * run_bytes);
    r->n++;
    return (struct match_run *)at;
}

void match_runs_filter(struct match_runs *r, size_t run_bytes,
                       bool (*keep)(const struct match_run *run, int64_t arg), int64_t arg) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct match_run *run = match_run_at(r, run_bytes, i);
        if (!keep(run, arg)) continue;
        if (n != i) memcpy(r->data + n * run_bytes, run, run_bytes);
        n++;
    }
    r->n = n;
}

/* ---- partitions ---- */

int64_t match_first_start(const struct match_key *k) {
    int64_t first = INT64_MAX;
    if (k->runs.n) first = ((const struct match_run *)k->runs.data)->start;
    if (k->done.n) first = MIN(first, ((const struct match_run *)k->done.data)->start);
    return first;
}

bool match_key_is_empty(const struct match_key *k) {
    return k->waiting.n == k->waiting.from && !k->runs.n && !k->done.n;
}

static void free_rows(struct match_rows *r, struct var_memory *var) {
    for (uint32_t i = r->from; i < r->n; i++) {
        struct match_row *row = match_row_of(r->rows[i]);
        var_free(var, row, row->size_bytes);
    }
    free_array(r, var);
}

void match_key_free(struct match_key *k, struct var_memory *var, size_t run_bytes) {
    free_rows(&k->waiting, var);
    free_rows(&k->taken, var);
    match_runs_free(&k->runs, var, run_bytes);
    match_runs_free(&k->done, var, run_bytes);
}
