/* sink_rules.c - columns are looked at one by one; a batch that breaks no rule passes untouched. */
#include "worker/sink_rules.h"

#include "base/core/mem.h"

#include <stdlib.h>

enum lengths { LENGTHS_IGNORE, LENGTHS_TRIM_PAD, LENGTHS_ERROR };

struct sink_rules {
    const struct schema *schema;
    const char *table;
    int n_not_null;
    int *not_null;
    bool drop_nulls;
    enum lengths lengths;
};

static bool has_length(const struct type *t) {
    return (type_is_char(t) || type_is_binary(t)) &&
           !((t->kind == TYPE_VARCHAR || t->kind == TYPE_VARBINARY) &&
             t->length == TYPE_LENGTH_MAX);
}

int sink_rules_new(const cJSON *config, const struct schema *schema, const char *table,
                   struct sink_rules **ret, struct err *err) {
    struct sink_rules *r = mem_zalloc(sizeof(*r));
    r->schema = schema;
    r->table = table;
    const cJSON *cols = json_opt(config, "notNull"), *col;
    r->not_null = mem_calloc((size_t)(cols ? cJSON_GetArraySize(cols) : 0) + 1, sizeof(int));
    cJSON_ArrayForEach(col, cols) {
        int i = cJSON_IsNumber(col) ? col->valueint : -1;
        if (i < 0 || i >= schema->n) {
            sink_rules_free(r);
            return err_set(err, ERR_INVALID, "notNull: %d is not a column of table %s", i, table);
        }
        r->not_null[r->n_not_null++] = i;
    }
    r->drop_nulls = strcmp(json_opt_str(config, "onNull", "error"), "drop") == 0;
    const char *lengths = json_opt_str(config, "lengths", "ignore");
    r->lengths = strcmp(lengths, "trim_pad") == 0 ? LENGTHS_TRIM_PAD
                 : strcmp(lengths, "error") == 0  ? LENGTHS_ERROR
                                                  : LENGTHS_IGNORE;
    *ret = r;
    return 0;
}

void sink_rules_free(struct sink_rules *r) {
    if (!r) return;
    free(r->not_null);
    free(r);
}

/* ---- NOT NULL ------------------------------------------------------------------------------- */

static int null_error(const struct sink_rules *r, int col, struct err *err) {
    return err_set(err, ERR_RUNTIME,
                   "table %s: column '%s' is NOT NULL and a NULL is being written into it; SET "
                   "'table.exec.sink.not-null-enforcer' = 'DROP' drops such rows",
                   r->table, r->schema->fields[col].name);
}

static int drop_nulls(const struct sink_rules *r, struct batch **b, uint32_t *ret_dropped) {
    struct batch *in = *b;
    AUTO_FREE uint32_t *rows = mem_calloc((size_t)in->n + 1, sizeof(*rows));
    uint32_t n = 0;
    for (uint32_t i = 0; i < in->n; i++) {
        bool keep = true;
        for (int c = 0; c < r->n_not_null; c++)
            keep &= col_is_valid(&in->cols[r->not_null[c]], i);
        rows[n] = i;
        n += keep;
    }
    *ret_dropped = in->n - n;
    *b = batch_gather(in, rows, n, true);
    batch_unref(in);
    return 0;
}

static int check_nulls(const struct sink_rules *r, struct batch **b, uint32_t *ret_dropped,
                       struct err *err) {
    for (int i = 0; i < r->n_not_null; i++) {
        const struct column *c = &(*b)->cols[r->not_null[i]];
        if (!col_null_count(c)) continue;
        return r->drop_nulls ? drop_nulls(r, b, ret_dropped) : null_error(r, r->not_null[i], err);
    }
    return 0;
}

/* ---- lengths -------------------------------------------------------------------------------- */

/* Length in characters (code points) or bytes; *ret_cut: bytes of the first `limit` of them. */
static uint32_t measure(const struct strv *s, bool chars, uint32_t limit, uint32_t *ret_cut) {
    if (!chars) {
        *ret_cut = MIN(s->len, limit);
        return s->len;
    }
    const char *p = strv_data(s);
    uint32_t n = 0;
    *ret_cut = s->len;
    for (uint32_t i = 0; i < s->len; i++) {
        if (((uint8_t)p[i] & 0xc0) == 0x80) continue; /* inside a character */
        if (n++ == limit) *ret_cut = i;
    }
    return n;
}

static struct strv trim_pad(struct column *dst, const struct strv *s, const struct type *t) {
    bool chars = type_is_char(t), fixed = t->kind == TYPE_CHAR || t->kind == TYPE_BINARY;
    uint32_t limit = (uint32_t)t->length, cut, n = measure(s, chars, limit, &cut);
    if (n > limit) return strv_copy(col_heap(dst), strv_data(s), cut);
    if (n == limit || !fixed) return strv_copy(col_heap(dst), strv_data(s), s->len);
    AUTO_STR padded = STR_INIT;
    str_add_n(&padded, strv_data(s), s->len);
    for (; n < limit; n++)
        str_add_char(&padded, chars ? ' ' : '\0');
    return strv_copy(col_heap(dst), padded.ptr, (uint32_t)padded.len);
}

/* The first row whose value doesn't fit, or UINT32_MAX. */
static uint32_t first_misfit(const struct column *c, const struct type *t) {
    bool fixed = t->kind == TYPE_CHAR || t->kind == TYPE_BINARY;
    uint32_t limit = (uint32_t)t->length, cut;
    const struct strv *v = COL_DATA(c, struct strv);
    for (uint32_t i = 0; i < c->n; i++) {
        if (!fixed && v[i].len <= limit) continue;
        if (!col_is_valid(c, i)) continue;
        uint32_t n = measure(&v[i], type_is_char(t), limit, &cut);
        if (fixed ? n != limit : n > limit) return i;
    }
    return UINT32_MAX;
}

static void fit_column(struct column *c, const struct type *t) {
    struct column out;
    col_init(&out, c->type, c->n);
    const struct strv *v = COL_DATA(c, struct strv);
    for (uint32_t i = 0; i < c->n; i++) {
        COL_DATA(&out, struct strv)[i] = (struct strv){0};
        if (col_is_valid(c, i))
            COL_DATA(&out, struct strv)[i] = trim_pad(&out, &v[i], t);
        else
            col_set_null(&out, i);
    }
    col_release(c);
    *c = out;
}

static int check_lengths(const struct sink_rules *r, struct batch **b, struct err *err) {
    for (int i = 0; i < r->schema->n; i++) {
        const struct type *t = r->schema->fields[i].type;
        if (!has_length(t)) continue;
        uint32_t row = first_misfit(&(*b)->cols[i], t);
        if (row == UINT32_MAX) continue;
        if (r->lengths == LENGTHS_ERROR) {
            uint32_t cut, n = measure(&COL_DATA(&(*b)->cols[i], struct strv)[row], type_is_char(t),
                                      (uint32_t)t->length, &cut);
            return err_set(err, ERR_RUNTIME,
                           "table %s: a value of length %u does not fit column '%s' of length %d; "
                           "SET 'table.exec.sink.type-length-enforcer' = 'TRIM_PAD' makes it fit",
                           r->table, n, r->schema->fields[i].name, t->length);
        }
        if (atomic_load_explicit(&(*b)->refs, memory_order_acquire) != 1) {
            struct batch *own = batch_share(*b);
            batch_unref(*b);
            *b = own;
        }
        fit_column(&(*b)->cols[i], t);
    }
    return 0;
}

int sink_rules_apply(struct sink_rules *r, struct batch *b, struct batch **ret_b,
                     uint32_t *ret_dropped, struct err *err) {
    *ret_dropped = 0;
    int rc = check_nulls(r, &b, ret_dropped, err);
    if (!rc && r->lengths != LENGTHS_IGNORE) rc = check_lengths(r, &b, err);
    if (rc) {
        batch_unref(b);
        return rc;
    }
    *ret_b = b;
    return 0;
}
