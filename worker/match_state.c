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

int64_t match_next_look(const struct match_key *k, int64_t within_ms) {
    int64_t at = INT64_MAX;
    if (k->waiting.n > k->waiting.from) at = match_row_of(k->waiting.rows[k->waiting.from])->time;
    if (within_ms && k->runs.n)
        at = MIN(at, ((const struct match_run *)k->runs.data)->start_time + within_ms);
    return at;
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

/* ---- checkpoints: next, then waiting and taken rows, runs and matches, each behind their number;
 * a row is time, arrival, holds (8 bytes each) and the packed row. Little-endian. ---- */

static void save_rows(const struct match_rows *r, struct str *out) {
    uint32_t n = r->n - r->from;
    str_add_n(out, &n, 4);
    for (uint32_t i = r->from; i < r->n; i++) {
        const struct match_row *row = match_row_of(r->rows[i]);
        int64_t head[3] = {row->time, row->arrival, (int64_t)row->holds};
        str_add_n(out, head, sizeof head);
        str_add_n(out, r->rows[i], row_pack_size(r->rows[i]));
    }
}

static void save_runs(const struct match_runs *r, size_t run_bytes, struct str *out) {
    str_add_n(out, &r->n, 4);
    if (r->n) str_add_n(out, r->data, r->n * run_bytes);
}

void match_key_save(const struct match_key *k, size_t run_bytes, struct str *out) {
    str_add_n(out, &k->next, 8);
    str_add_n(out, &k->waiting.unsorted, 4);
    save_rows(&k->waiting, out);
    save_rows(&k->taken, out);
    save_runs(&k->runs, run_bytes, out);
    save_runs(&k->done, run_bytes, out);
}

static bool load_rows(struct match_rows *r, struct sv *in, struct var_memory *var) {
    uint32_t n;
    if (!sv_take(in, &n, 4)) return false;
    while (n--) {
        int64_t head[3];
        if (!sv_take(in, head, sizeof head) || in->len < 4 || row_pack_size(in->ptr) > in->len)
            return false;
        uint32_t bytes = row_pack_size(in->ptr);
        uint32_t size = (uint32_t)sizeof(struct match_row) + bytes;
        struct match_row *row = var_alloc(var, size);
        *row = (struct match_row){
            .time = head[0], .arrival = head[1], .holds = (uint64_t)head[2], .size_bytes = size};
        sv_take(in, row + 1, bytes);
        match_rows_add(r, var, (char *)(row + 1));
    }
    return true;
}

static bool load_runs(struct match_runs *r, size_t run_bytes, struct sv *in,
                      struct var_memory *var) {
    uint32_t n;
    if (!sv_take(in, &n, 4) || in->len < n * run_bytes) return false;
    while (n--)
        sv_take(in, match_runs_insert(r, var, run_bytes, r->n), run_bytes);
    return true;
}

int match_key_load(struct match_key *k, size_t run_bytes, struct sv in, struct var_memory *var,
                   struct err *err) {
    uint32_t unsorted = 0;
    k->queued = INT64_MAX;
    bool ok = sv_take(&in, &k->next, 8) && sv_take(&in, &unsorted, 4) &&
              load_rows(&k->waiting, &in, var) && load_rows(&k->taken, &in, var) &&
              load_runs(&k->runs, run_bytes, &in, var) && load_runs(&k->done, run_bytes, &in, var);
    k->waiting.unsorted = unsorted;
    if (ok && !in.len) return 0;
    return err_set(err, ERR_CORRUPT, "the state of a MATCH_RECOGNIZE partition has another length");
}
