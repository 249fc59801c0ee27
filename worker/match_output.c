/* match_output.c - batches of matches. */
#include "worker/match_output.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

void match_output_add(struct match_output *o, const struct match_run *run, char *const *rows) {
    MEM_GROW(o->results, o->n_results, o->cap_results);
    o->results[o->n_results++] = (struct match_result){
        .end_time = run->end_time, .rows = o->n_rows, .counts = o->n_counts, .n_rows = run->rows};
    for (uint32_t i = 0; i < run->rows; i++) {
        MEM_GROW(o->rows, o->n_rows, o->cap_rows);
        o->rows[o->n_rows++] = rows[i];
    }
    for (int i = 0; i < o->n_vars; i++) {
        MEM_GROW(o->counts, o->n_counts, o->cap_counts);
        o->counts[o->n_counts++] = run->counts[i];
    }
}

/* Of equal times in order of being found. */
static int by_time(const void *pa, const void *pb) {
    const struct match_result *a = pa, *b = pb;
    if (a->end_time != b->end_time) return a->end_time < b->end_time ? -1 : 1;
    return a->rows < b->rows ? -1 : a->rows > b->rows;
}

static int give_some(struct match_output *o, const struct match_result *results, uint32_t n,
                     struct err *err) {
    const struct schema *out = o->op->ctx->output;
    AUTO_FREE struct match_view *views = mem_calloc(n, sizeof *views);
    AUTO_FREE const char **firsts = mem_calloc(n, sizeof *firsts);
    for (uint32_t i = 0; i < n; i++) {
        const struct match_result *r = &results[i];
        firsts[i] = o->rows[r->rows];
        views[i] = (struct match_view){.rows = o->rows + r->rows,
                                       .counts = o->counts + r->counts,
                                       .n_rows = r->n_rows,
                                       .own = o->n_vars};
    }
    struct batch *b = batch_new(out->n);
    int rc = out->n > o->n_partition
                 ? match_eval_views(o->measures, views, n, b->cols + o->n_partition, err)
                 : 0;
    if (rc) {
        batch_unref(b);
        return rc;
    }
    b->n = n;
    for (int i = 0; i < o->n_partition; i++)
        row_pack_read_column(o->pack, o->partition[i], firsts, n, &b->cols[i]);
    for (int i = 0; i < out->n; i++)
        b->cols[i].type = out->fields[i].type;
    return op_emit(o->op, b, err);
}

int match_output_give(struct match_output *o, struct err *err) {
    size_t max = (size_t)o->op->ctx->config->batch_rows, at = 0;
    if (o->n_results > 1) qsort(o->results, o->n_results, sizeof *o->results, by_time);
    int rc = 0;
    for (; at < o->n_results && !rc; at += max)
        rc = give_some(o, o->results + at, (uint32_t)MIN(max, o->n_results - at), err);
    o->n_results = o->n_rows = o->n_counts = 0;
    return rc;
}

void match_output_release(struct match_output *o) {
    free(o->results);
    free(o->rows);
    free(o->counts);
    match_eval_free(o->measures);
}
