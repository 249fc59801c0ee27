/* row_log.c - entry: kind, hash of the key columns (8 bytes), the row's number (8), the packed row.
 */
#include "worker/state/row_log.h"

#include "base/core/mem.h"
#include "vector/batch.h"

#include <stdlib.h>
#include <string.h>

void row_log_init(struct row_log *l, const struct row_pack *pack, int n_cols, const int *keys,
                  int n_keys) {
    *l = (struct row_log){.pack = pack, .keys = keys, .n_keys = n_keys, .n_cols = n_cols};
}

void row_log_release(struct row_log *l) {
    for (uint32_t i = 0; i < l->n_parts; i++) {
        batch_unref(l->parts[i].batch);
        free(l->parts[i].rows);
    }
    free(l->parts);
    str_release(&l->scratch);
    str_release(&l->loaded);
    free(l->places);
    *l = (struct row_log){0};
}

static void add_part(struct row_log *l, struct row_log_part p) {
    MEM_GROW(l->parts, l->n_parts, l->cap_parts);
    l->parts[l->n_parts++] = p;
    l->n_rows += p.n;
}

void row_log_add(struct row_log *l, struct batch *b, const uint32_t *rows, uint32_t n) {
    add_part(l, (struct row_log_part){batch_ref(b), n, mem_dup(rows, sizeof *rows * n)});
}

/* ---- snapshots: rows [from, to_copy), which don't change ---- */

static void part_track(void *part) {
}

static void part_begin(void *part, uint64_t checkpoint, uint64_t base, bool full,
                       struct state_sink *sink) {
    struct row_log *l = part;
    char clear = STATE_CLEAR;
    if (l->last_checkpoint <= base) l->base_rows = l->last_rows;
    uint64_t from = full ? 0 : l->base_rows;
    if (full) sink->entry(sink, (struct sv){&clear, 1});
    l->last_checkpoint = checkpoint;
    l->last_rows = l->to_copy = l->n_rows;
    l->sink = sink;
    l->active = true;
    l->to_copy -= from;
    l->at = from;
    for (l->at_part = 0; from && from >= l->parts[l->at_part].n; l->at_part++)
        from -= l->parts[l->at_part].n;
    l->at_row = (uint32_t)from;
}

static void copy_row(struct row_log *l, const struct batch *b, uint32_t row) {
    uint64_t hash = 0, at = l->at++;
    uint64_t number = at < l->n_loaded ? at : at - l->n_loaded + l->first_number;
    for (int k = 0; k < l->n_keys; k++)
        col_hash_rows(&b->cols[l->keys[k]], &row, &hash, 1);
    str_clear(&l->scratch);
    row_pack_add(l->pack, b->cols, row, &l->scratch);
    AUTO_STR entry = STR_INIT;
    str_add_char(&entry, STATE_PUT);
    str_add_n(&entry, &hash, 8);
    str_add_n(&entry, &number, 8);
    str_add_n(&entry, l->scratch.ptr, l->scratch.len);
    l->sink->entry(l->sink, str_view(&entry));
}

static bool part_step(void *part, uint32_t n) {
    struct row_log *l = part;
    for (; l->active && n > 0 && l->to_copy; n--, l->to_copy--) {
        const struct row_log_part *p = &l->parts[l->at_part];
        copy_row(l, p->batch, p->rows[l->at_row]);
        if (++l->at_row < p->n) continue;
        l->at_part++;
        l->at_row = 0;
    }
    if (l->to_copy) return false;
    l->active = false;
    return true;
}

static void part_cancel(void *part) {
    struct row_log *l = part;
    l->active = false;
    l->to_copy = 0;
}

/* ---- back ---- */

/* Rows of these key groups go. */
static void clear_range(struct row_log *l, const struct state_range *of) {
    size_t k = 0;
    for (size_t i = 0; i < l->n_places; i++) {
        uint32_t group = key_group_of(l->places[i].hash, of->max_parallelism);
        if (group < of->first || group > of->last) l->places[k++] = l->places[i];
    }
    l->n_places = k;
}

static int part_load(void *part, const struct state_range *of, struct sv entry, struct err *err) {
    struct row_log *l = part;
    struct row_log_place place = {.at = (l->loaded.len + 15) / 16 * 16};
    struct sv in = {entry.ptr + 1, entry.len - 1};
    if (entry.ptr[0] == STATE_CLEAR) {
        clear_range(l, of);
        return 0;
    }
    if (entry.ptr[0] != STATE_PUT || !sv_take(&in, &place.hash, 8) ||
        !sv_take(&in, &place.number, 8))
        return err_set(err, ERR_CORRUPT, "this is no row of a window");
    str_add_n(&l->loaded, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", place.at - l->loaded.len);
    str_add_n(&l->loaded, in.ptr, in.len);
    MEM_GROW(l->places, l->n_places, l->cap_places);
    l->places[l->n_places++] = place;
    return row_pack_check(l->pack, l->loaded.ptr + place.at, in.len, err);
}

static int cmp_names(const void *pa, const void *pb) {
    const struct row_log_place *a = *(struct row_log_place *const *)pa,
                               *b = *(struct row_log_place *const *)pb;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    if (a->number != b->number) return a->number < b->number ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

/* A row may have been written twice, where a checkpoint was complete only after the next began. */
static void drop_repeated(struct row_log *l) {
    enum { REPEATED = 1 }; /* rows lie at multiples of 16 */
    AUTO_FREE struct row_log_place **by_name = mem_calloc(l->n_places + 1, sizeof *by_name);
    for (size_t i = 0; i < l->n_places; i++)
        by_name[i] = &l->places[i];
    if (l->n_places) qsort(by_name, l->n_places, sizeof *by_name, cmp_names);
    for (size_t i = 1; i < l->n_places; i++)
        if (by_name[i]->hash == by_name[i - 1]->hash &&
            by_name[i]->number == by_name[i - 1]->number)
            by_name[i]->at |= REPEATED;
    size_t k = 0;
    for (size_t i = 0; i < l->n_places; i++) {
        l->first_number = MAX(l->first_number, l->places[i].number + 1);
        if (!(l->places[i].at & REPEATED)) l->places[k++] = l->places[i];
    }
    l->n_places = k;
}

static void part_loaded(void *part) {
    struct row_log *l = part;
    drop_repeated(l);
    const char *packed[BATCH_ROWS_MAX];
    for (size_t from = 0; from < l->n_places; from += ARRAY_LEN(packed)) {
        uint32_t n = (uint32_t)MIN(l->n_places - from, ARRAY_LEN(packed));
        struct row_log_part p = {batch_new(l->n_cols), n, mem_alloc(sizeof *p.rows * n)};
        for (uint32_t i = 0; i < n; i++) {
            packed[i] = l->loaded.ptr + l->places[from + i].at;
            p.rows[i] = i;
        }
        p.batch->n = n;
        row_pack_read(l->pack, packed, n, p.batch->cols);
        add_part(l, p);
    }
    str_release(&l->loaded);
    free(l->places);
    l->places = NULL;
    l->n_places = l->cap_places = 0;
    l->last_rows = l->base_rows = l->n_loaded = l->n_rows;
    l->first_number = MAX(l->first_number, l->n_loaded);
    l->last_checkpoint = 0;
}

const struct state_part_ops row_log_part_ops = {part_track, part_begin,  part_step, part_cancel,
                                                part_load,  part_loaded, NULL};
