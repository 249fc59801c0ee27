/* batch.c - batches: sharing, slicing, gathering, and the steps (embedded watermarks) in them. */
#include "vector/batch.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

const char *const row_kind_text[4] = {"+I", "-U", "+U", "-D"};

struct batch *batch_new(int32_t n_cols) {
    struct batch *b = mem_zalloc(sizeof(*b));
    atomic_init(&b->refs, 1);
    b->n_cols = n_cols;
    b->cols = mem_calloc(n_cols ? (size_t)n_cols : 1, sizeof(*b->cols));
    return b;
}

struct batch *batch_ref(struct batch *b) {
    if (b) atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void batch_unref(struct batch *b) {
    if (!b) return;
    /* Acquire/release as in buffer_unref. */
    if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1) return;
    for (int32_t i = 0; i < b->n_cols; i++)
        col_release(&b->cols[i]);
    free(b->cols);
    buffer_unref(b->kinds_buf);
    buffer_unref(b->hashes_buf);
    buffer_unref(b->steps_buf);
    free(b);
}

struct batch *batch_share(const struct batch *src) {
    struct batch *b = batch_new(src->n_cols);
    b->n = src->n;
    for (int32_t i = 0; i < src->n_cols; i++)
        col_ref(&b->cols[i], &src->cols[i]);
    b->kinds = src->kinds;
    b->kinds_buf = buffer_ref(src->kinds_buf);
    b->hashes = src->hashes;
    b->hashes_buf = buffer_ref(src->hashes_buf);
    b->steps = src->steps;
    b->n_steps = src->n_steps;
    b->steps_buf = buffer_ref(src->steps_buf);
    b->split = src->split;
    b->source_ns = src->source_ns;
    return b;
}

uint8_t *batch_make_kinds(struct batch *b) {
    if (b->kinds && atomic_load_explicit(&b->kinds_buf->refs, memory_order_acquire) == 1)
        return b->kinds;
    struct buffer *buf = buffer_new(b->n ? b->n : 1);
    if (b->kinds)
        memcpy(buf->data, b->kinds, b->n);
    else
        memset(buf->data, ROW_INSERT, b->n);
    buffer_unref(b->kinds_buf);
    b->kinds_buf = buf;
    b->kinds = buf->data;
    return b->kinds;
}

void batch_take_kinds(struct batch *b, struct col_builder *kinds) {
    struct column k;
    col_builder_finish(kinds, &k);
    b->kinds = k.data;
    b->kinds_buf = buffer_ref(k.data_buf);
    col_release(&k);
}

void batch_set_steps(struct batch *b, const struct wm_step *steps, uint32_t n) {
    struct buffer *buf = n ? buffer_new(n * sizeof(*steps)) : NULL;
    if (n) memcpy(buf->data, steps, n * sizeof(*steps));
    buffer_unref(b->steps_buf);
    b->steps_buf = buf;
    b->steps = n ? (struct wm_step *)buf->data : NULL;
    b->n_steps = n;
}

struct batch *batch_slice(const struct batch *src, uint32_t from, uint32_t n) {
    CHECK(from <= src->n && n <= src->n - from);
    struct batch *b = batch_new(src->n_cols);
    b->n = n;
    for (int32_t i = 0; i < src->n_cols; i++)
        col_slice(&b->cols[i], &src->cols[i], from, n);
    if (src->kinds) {
        b->kinds = src->kinds + from;
        b->kinds_buf = buffer_ref(src->kinds_buf);
    }
    if (src->hashes) {
        b->hashes = src->hashes + from;
        b->hashes_buf = buffer_ref(src->hashes_buf);
    }
    uint32_t first = 0, end;
    while (first < src->n_steps && src->steps[first].row < from)
        first++;
    for (end = first; end < src->n_steps; end++) {
        uint32_t row = src->steps[end].row;
        if (row >= from + n && !(row == src->n && from + n == src->n)) break;
    }
    if (end > first) {
        batch_set_steps(b, src->steps + first, end - first);
        for (uint32_t i = 0; i < b->n_steps; i++)
            b->steps[i].row -= from;
    }
    b->split = src->split;
    b->source_ns = src->source_ns;
    return b;
}

/* A step in front of row r stands in front of the first kept row at or behind r. Steps that fall
 * together leave the last, highest one. */
static void gather_steps(struct batch *b, const struct batch *src, const uint32_t *idx,
                         uint32_t n) {
    AUTO_FREE struct wm_step *out = mem_calloc(src->n_steps, sizeof(*out));
    uint32_t at = 0, n_out = 0;
    for (uint32_t s = 0; s < src->n_steps; s++) {
        while (at < n && idx[at] < src->steps[s].row)
            at++;
        if (n_out && out[n_out - 1].row == at) n_out--;
        out[n_out++] = (struct wm_step){at, src->steps[s].wm};
    }
    batch_set_steps(b, out, n_out);
}

struct batch *batch_gather(const struct batch *src, const uint32_t *idx, uint32_t n,
                           bool keep_steps) {
    struct batch *b = batch_new(src->n_cols);
    b->n = n;
    for (int32_t i = 0; i < src->n_cols; i++)
        col_gather(&b->cols[i], &src->cols[i], idx, n);
    if (src->kinds) {
        b->kinds_buf = buffer_new(n ? n : 1);
        b->kinds = b->kinds_buf->data;
        for (uint32_t i = 0; i < n; i++)
            b->kinds[i] = src->kinds[idx[i]];
    }
    if (src->hashes) {
        b->hashes_buf = buffer_new((n ? n : 1) * sizeof(uint64_t));
        b->hashes = (uint64_t *)b->hashes_buf->data;
        for (uint32_t i = 0; i < n; i++)
            b->hashes[i] = src->hashes[idx[i]];
    }
    if (keep_steps && src->n_steps) gather_steps(b, src, idx, n);
    b->split = src->split;
    b->source_ns = src->source_ns;
    return b;
}

static void concat_kinds(struct batch *b, struct batch *const *srcs, uint32_t n_srcs) {
    uint8_t *d = batch_make_kinds(b);
    for (uint32_t s = 0; s < n_srcs; d += srcs[s++]->n)
        if (srcs[s]->kinds) memcpy(d, srcs[s]->kinds, srcs[s]->n);
}

static void concat_hashes(struct batch *b, struct batch *const *srcs, uint32_t n_srcs) {
    b->hashes_buf = buffer_new((b->n ? b->n : 1) * sizeof(uint64_t));
    b->hashes = (uint64_t *)b->hashes_buf->data;
    uint64_t *d = b->hashes;
    for (uint32_t s = 0; s < n_srcs; d += srcs[s++]->n)
        memcpy(d, srcs[s]->hashes, srcs[s]->n * sizeof(uint64_t));
}

/* A step at the end of one part and one at the start of the next fall together: the later stays. */
static void concat_steps(struct batch *b, struct batch *const *srcs, uint32_t n_srcs,
                         uint32_t n_steps) {
    AUTO_FREE struct wm_step *out = mem_calloc(n_steps, sizeof(*out));
    uint32_t n_out = 0, base = 0;
    for (uint32_t s = 0; s < n_srcs; base += srcs[s++]->n)
        for (uint32_t i = 0; i < srcs[s]->n_steps; i++) {
            struct wm_step step = {srcs[s]->steps[i].row + base, srcs[s]->steps[i].wm};
            if (n_out && step.wm <= out[n_out - 1].wm) continue;
            if (n_out && out[n_out - 1].row == step.row) n_out--;
            out[n_out++] = step;
        }
    batch_set_steps(b, out, n_out);
}

struct batch *batch_concat(struct batch *const *srcs, uint32_t n_srcs) {
    CHECK(n_srcs > 0);
    struct batch *b = batch_new(srcs[0]->n_cols);
    uint32_t n_steps = 0;
    bool kinds = false, hashes = true;
    for (uint32_t s = 0; s < n_srcs; s++) {
        CHECK(srcs[s]->n_cols == b->n_cols);
        b->n += srcs[s]->n;
        n_steps += srcs[s]->n_steps;
        kinds |= srcs[s]->kinds != NULL;
        hashes &= srcs[s]->hashes != NULL || srcs[s]->n == 0;
        if (s == 0 || srcs[s]->source_ns < b->source_ns) b->source_ns = srcs[s]->source_ns;
    }
    CHECK(b->n <= BATCH_ROWS_MAX);
    AUTO_FREE const struct column **cols = mem_calloc(n_srcs, sizeof(*cols));
    for (int32_t i = 0; i < b->n_cols; i++) {
        for (uint32_t s = 0; s < n_srcs; s++)
            cols[s] = &srcs[s]->cols[i];
        col_concat(&b->cols[i], cols, n_srcs);
    }
    if (kinds) concat_kinds(b, srcs, n_srcs);
    if (hashes && b->n) concat_hashes(b, srcs, n_srcs);
    if (n_steps) concat_steps(b, srcs, n_srcs, n_steps);
    return b;
}

size_t batch_size_bytes(const struct batch *b) {
    size_t sum = sizeof(*b) + (b->kinds ? b->n : 0) + (b->hashes ? b->n * sizeof(uint64_t) : 0) +
                 b->n_steps * sizeof(*b->steps);
    for (int32_t i = 0; i < b->n_cols; i++)
        sum += col_size_bytes(&b->cols[i]);
    return sum;
}

static int verify_col(const struct column *c, uint32_t n, struct err *err) {
    if (!c->type) return err_set(err, ERR_INTERNAL, "column has no type");
    if (c->phys != type_phys(c->type))
        return err_set(err, ERR_INTERNAL, "column is held as %s", phys_name(c->phys));
    if (c->n != n) return err_set(err, ERR_INTERNAL, "column has %u rows, not %u", c->n, n);
    if (c->phys == PHYS_STR)
        for (uint32_t i = 0; i < n; i++) {
            const struct strv *s = &COL_DATA(c, struct strv)[i];
            if (s->len <= STRV_INLINE_MAX_BYTES) {
                for (uint32_t k = s->len; k < STRV_INLINE_MAX_BYTES; k++)
                    if (s->u.inl[k]) return err_set(err, ERR_INTERNAL, "row %u: dirty view", i);
            } else if (memcmp(s->u.ref.prefix, s->u.ref.ptr, 4) != 0) {
                return err_set(err, ERR_INTERNAL, "row %u: wrong prefix in view", i);
            }
        }
    const uint32_t *off = c->phys == PHYS_LIST || c->phys == PHYS_MAP ? c->data : NULL;
    for (uint32_t i = 0; off && i < n; i++)
        if (off[i + 1] < off[i]) return err_set(err, ERR_INTERNAL, "row %u: falling offset", i);
    for (int i = 0; i < c->n_children; i++) {
        uint32_t want = off ? c->children[i].n : n;
        if (off && off[n] > want)
            return err_set(err, ERR_INTERNAL, "offsets reach past %u children", want);
        int rc = verify_col(&c->children[i], want, err);
        if (rc) return err_wrap(err, "child %d", i);
    }
    return 0;
}

int batch_verify(const struct batch *b, struct err *err) {
    if (b->n > BATCH_ROWS_MAX)
        return err_set(err, ERR_INTERNAL, "batch of %u rows, at most %d", b->n, BATCH_ROWS_MAX);
    for (int32_t i = 0; i < b->n_cols; i++)
        if (verify_col(&b->cols[i], b->n, err)) return err_wrap(err, "column %d", i);
    for (uint32_t i = 0; b->kinds && i < b->n; i++)
        if (b->kinds[i] > ROW_DELETE)
            return err_set(err, ERR_INTERNAL, "row %u: row kind %u", i, b->kinds[i]);
    for (uint32_t i = 0; i < b->n_steps; i++) {
        if (b->steps[i].row > b->n)
            return err_set(err, ERR_INTERNAL, "step %u: row %u of %u", i, b->steps[i].row, b->n);
        if (i && (b->steps[i].row < b->steps[i - 1].row || b->steps[i].wm <= b->steps[i - 1].wm))
            return err_set(err, ERR_INTERNAL, "step %u doesn't rise", i);
    }
    return 0;
}

/* ---- schema --------------------------------------------------------------------------------- */

const struct schema *schema_new(struct arena *a, int32_t n) {
    struct schema *s = ARENA_NEW(a, struct schema);
    s->n = n;
    s->fields = ARENA_NEW_N(a, struct field, n ? n : 1);
    return s;
}

const struct schema *schema_copy(struct arena *a, const struct schema *s) {
    const struct schema *r = schema_new(a, s->n);
    struct field *f = (struct field *)r->fields;
    for (int32_t i = 0; i < s->n; i++) {
        f[i].name = arena_strdup(a, s->fields[i].name);
        f[i].type = type_copy(a, s->fields[i].type);
    }
    return r;
}

int schema_find(const struct schema *s, const char *name) {
    for (int32_t i = 0; i < s->n; i++)
        if (strcmp(s->fields[i].name, name) == 0) return i;
    return -1;
}

cJSON *schema_to_json(const struct schema *s) {
    cJSON *arr = cJSON_CreateArray();
    for (int32_t i = 0; i < s->n; i++) {
        struct type plain = *s->fields[i].type;
        plain.time_attr = TIME_ATTR_NONE;
        AUTO_STR text = STR_INIT;
        type_print(&plain, &text);
        cJSON *f = cJSON_CreateObject();
        json_set_str(f, "name", s->fields[i].name);
        json_set_str(f, "type", str_text(&text));
        cJSON_AddItemToArray(arr, f);
    }
    return arr;
}

int schema_from_json(struct arena *a, const cJSON *j, const struct schema **ret, struct err *err) {
    if (!cJSON_IsArray(j)) return err_set(err, ERR_INVALID, "a schema must be an array");
    const struct schema *s = schema_new(a, cJSON_GetArraySize(j));
    struct field *f = (struct field *)s->fields;
    const cJSON *item;
    cJSON_ArrayForEach(item, j) {
        const char *name, *type;
        int rc = json_get_str(item, "name", &name, err);
        if (rc == 0) rc = json_get_str(item, "type", &type, err);
        if (rc == 0) rc = type_parse(a, type, &f->type, err);
        if (rc) return err_wrap(err, "schema field %d", (int)(f - s->fields));
        f->name = arena_strdup(a, name);
        f++;
    }
    *ret = s;
    return 0;
}
