/* agg_values.c - the values of a group, by value or by arrival. */
#include "worker/agg_values.h"

#include "base/core/mem.h"
#include "vector/value_codec.h"

#include <stdlib.h>
#include <string.h>

/* By value: a value whose prefix doesn't say all, with its count. By arrival: every value. */
struct value_item {
    union {
        int64_t count;
        struct {
            struct value_item *prev, *next;
            uint64_t arrival, hash;
        };
    };
    uint32_t len, pad;
    char bytes[];
};

enum { RESULT_CHUNK = 4096 };

static const uint64_t sign_bit = 1ull << 63;

struct agg_values_spec agg_values_spec_of(const struct agg_call *call) {
    enum agg_keep keep = call->agg->keep;
    return (struct agg_values_spec){.call = call,
                                    .phys = type_phys(call->arg_types[0]),
                                    .by_value =
                                        keep == AGG_KEEP_LEAST || keep == AGG_KEEP_GREATEST};
}

static size_t item_bytes(const struct value_item *x) {
    return sizeof *x + x->len;
}

static struct value_item *new_item(struct var_memory *var, const char *p, size_t n) {
    struct value_item *x = var_alloc(var, sizeof *x + n);
    memset(x, 0, sizeof *x);
    x->len = (uint32_t)n;
    memcpy(x->bytes, p, n);
    return x;
}

/* ---- by value ---- */

/* Text as a prefix: seven bytes, then how many there are (8: more, and the item has them). Others:
 * the value, shifted so that it rises from 0; beyond 64 bits the limit stands for all that lies
 * there. */
enum { TEXT_SHORT_MAX = 7 };

static uint64_t prefix_of_text(struct sv v) {
    uint64_t p = 0;
    for (size_t i = 0; i < TEXT_SHORT_MAX; i++)
        p = p << 8 | (i < v.len ? (uint8_t)v.ptr[i] : 0);
    return p << 8 | (v.len <= TEXT_SHORT_MAX ? v.len : TEXT_SHORT_MAX + 1);
}

static uint64_t prefix_of_double(double d) {
    uint64_t u;
    if (d != d) return UINT64_MAX; /* NaN is the greatest */
    memcpy(&u, &d, sizeof u);
    return u & sign_bit ? ~u : u | sign_bit;
}

static double double_of_prefix(uint64_t p) {
    uint64_t u = p & sign_bit ? p & ~sign_bit : ~p;
    double d;
    memcpy(&d, &u, sizeof d);
    return p == UINT64_MAX ? (double)__builtin_nan("") : d;
}

static uint64_t prefix_of_i128(i128 v) {
    if (v >= INT64_MAX) return UINT64_MAX;
    return v <= INT64_MIN ? 0 : (uint64_t)(int64_t)v ^ sign_bit;
}

static uint64_t prefix_of(const struct agg_values_spec *s, const struct column *c, uint32_t row) {
    switch (s->phys) {
    case PHYS_BOOL:
        return COL_DATA(c, uint8_t)[row] | sign_bit;
    case PHYS_I8:
        return (uint64_t)(int64_t)COL_DATA(c, int8_t)[row] ^ sign_bit;
    case PHYS_I16:
        return (uint64_t)(int64_t)COL_DATA(c, int16_t)[row] ^ sign_bit;
    case PHYS_I32:
        return (uint64_t)(int64_t)COL_DATA(c, int32_t)[row] ^ sign_bit;
    case PHYS_I128:
        return prefix_of_i128(COL_DATA(c, i128)[row]);
    case PHYS_F32:
        return prefix_of_double((double)COL_DATA(c, float)[row]);
    case PHYS_F64:
        return prefix_of_double(COL_DATA(c, double)[row]);
    case PHYS_STR:
        return prefix_of_text(strv_sv(&COL_DATA(c, struct strv)[row]));
    default:
        return (uint64_t)COL_DATA(c, int64_t)[row] ^ sign_bit;
    }
}

/* Whether values with this prefix lie in items. */
static bool in_items(const struct agg_values_spec *s, uint64_t prefix) {
    if (s->phys == PHYS_STR) return (prefix & 0xff) > TEXT_SHORT_MAX;
    return s->phys == PHYS_I128 && (prefix == 0 || prefix == UINT64_MAX);
}

static struct sv bytes_of(const struct agg_values_spec *s, const struct column *c, uint32_t row) {
    if (s->phys == PHYS_STR) return strv_sv(&COL_DATA(c, struct strv)[row]);
    return (struct sv){(const char *)&COL_DATA(c, i128)[row], sizeof(i128)};
}

static int cmp_values(const void *self, const struct sorted_entry *a,
                      const struct sorted_entry *b) {
    const struct agg_values_spec *s = self;
    if (!in_items(s, a->prefix)) return 0;
    const struct value_item *x = a->u.item, *y = b->u.item;
    if (s->phys == PHYS_I128) {
        i128 v, w;
        memcpy(&v, x->bytes, sizeof v);
        memcpy(&w, y->bytes, sizeof w);
        return v < w ? -1 : v > w;
    }
    int c = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);
    return c ? c : x->len < y->len ? -1 : x->len > y->len;
}

static struct sorted_order value_order(const struct agg_values_spec *s) {
    return (struct sorted_order){.cmp = cmp_values, .self = s};
}

static int64_t *count_of(const struct agg_values_spec *s, struct sorted_entry *e) {
    return in_items(s, e->prefix) ? &((struct value_item *)e->u.item)->count : &e->u.count;
}

static void free_entry(const struct agg_values_spec *s, struct sorted_entry *e,
                       struct var_memory *var) {
    if (!in_items(s, e->prefix)) return;
    struct value_item *x = e->u.item;
    var_free(var, x, item_bytes(x));
}

/* Counts a value; one whose count becomes 0 goes. tmp: scratch. */
static void count_value(const struct agg_values_spec *s, struct agg_values *v, uint64_t prefix,
                        struct sv bytes, int64_t add, struct str *tmp, struct var_memory *var) {
    struct sorted_order o = value_order(s);
    struct sorted_entry key = {.prefix = prefix}, *e;
    bool item = in_items(s, prefix);
    if (item) { /* an item to look for */
        struct value_item head = {.len = (uint32_t)bytes.len};
        str_clear(tmp);
        str_add_n(tmp, &head, sizeof head);
        str_add_sv(tmp, bytes);
        key.u.item = tmp->ptr;
    }
    uint64_t at = sorted_set_lower(&v->set, &o, &key, &e);
    if (e && e->prefix == prefix && !cmp_values(s, e, &key)) {
        int64_t *count = count_of(s, e);
        *count += add;
        if (*count) return;
        free_entry(s, e, var);
        sorted_set_take(&v->set, at, var);
        return;
    }
    if (item) key.u.item = new_item(var, bytes.ptr, bytes.len);
    *count_of(s, &key) = add;
    sorted_set_insert(&v->set, &o, key, var);
}

/* The least or greatest value that is there, NULL. */
static struct sorted_entry *extreme(const struct agg_values_spec *s, const struct agg_values *v) {
    bool least = s->call->agg->keep == AGG_KEEP_LEAST;
    for (uint64_t i = 0; i < v->set.n; i++) {
        struct sorted_entry *e = sorted_set_at(&v->set, least ? i : v->set.n - 1 - i);
        if (*count_of(s, e) > 0) return e;
    }
    return NULL;
}

static void add_extreme(const struct agg_values_spec *s, struct sorted_entry *e,
                        struct col_builder *b) {
    const struct value_item *x = in_items(s, e->prefix) ? e->u.item : NULL;
    int64_t v = (int64_t)(e->prefix ^ sign_bit);
    i128 wide = v;
    char text[8];
    switch (s->phys) {
    case PHYS_STR:
        for (int i = 0; i < TEXT_SHORT_MAX; i++)
            text[i] = (char)(e->prefix >> (56 - 8 * i));
        col_add_str(b, x ? x->bytes : text, x ? x->len : (uint32_t)(e->prefix & 0xff));
        break;
    case PHYS_I128:
        if (x) memcpy(&wide, x->bytes, sizeof wide);
        col_add_i128(b, wide);
        break;
    case PHYS_F32:
    case PHYS_F64:
        col_add_f64(b, double_of_prefix(e->prefix));
        break;
    case PHYS_BOOL:
        col_add_bool(b, (e->prefix & 1) != 0);
        break;
    default:
        col_add_int(b, v);
    }
}

static void update_by_value(const struct agg_values_spec *s, const struct agg_rows *r,
                            struct var_memory *var) {
    const struct column *c = r->args[0];
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t row = r->rows ? r->rows[i] : i;
        if (!col_is_valid(c, row)) continue;
        bool adds = !r->kinds || row_kind_adds(r->kinds[row]);
        uint64_t prefix = prefix_of(s, c, row);
        struct sv bytes = in_items(s, prefix) ? bytes_of(s, c, row) : (struct sv){0};
        count_value(s, (struct agg_values *)(r->accs[i] + r->acc_offset), prefix, bytes,
                    adds ? 1 : -1, &tmp, var);
    }
}

/* ---- by arrival ---- */

static int cmp_arrivals(const void *self, const struct sorted_entry *a,
                        const struct sorted_entry *b) {
    const struct value_item *x = a->u.item, *y = b->u.item;
    if (x->len != y->len) return x->len < y->len ? -1 : 1;
    int c = memcmp(x->bytes, y->bytes, x->len);
    return c ? c : x->arrival < y->arrival ? -1 : x->arrival > y->arrival;
}

static const struct sorted_order arrival_order = {.cmp = cmp_arrivals};

static void append(struct agg_values *v, uint64_t hash, struct sv bytes, struct var_memory *var) {
    struct value_item *x = new_item(var, bytes.ptr, bytes.len);
    x->arrival = ++v->arrivals;
    x->hash = hash;
    x->prev = v->tail;
    if (v->tail)
        v->tail->next = x;
    else
        v->head = x;
    v->tail = x;
    sorted_set_insert(&v->set, &arrival_order, (struct sorted_entry){.prefix = hash, .u.item = x},
                      var);
}

/* The oldest of equal values goes. probe: an item's header and the bytes. */
static void take_back(struct agg_values *v, uint64_t hash, struct value_item *probe,
                      struct var_memory *var) {
    struct sorted_entry key = {.prefix = hash, .u.item = probe}, *e;
    uint64_t at = sorted_set_lower(&v->set, &arrival_order, &key, &e);
    if (!e || e->prefix != hash) return;
    struct value_item *x = e->u.item;
    if (x->len != probe->len || memcmp(x->bytes, probe->bytes, x->len) != 0) return;
    sorted_set_take(&v->set, at, var);
    if (x->prev)
        x->prev->next = x->next;
    else
        v->head = x->next;
    if (x->next)
        x->next->prev = x->prev;
    else
        v->tail = x->prev;
    var_free(var, x, item_bytes(x));
}

/* NULLs count only where the result is made of all values. */
static bool skips(const struct agg_values_spec *s, const struct column *c, uint32_t row) {
    return s->call->agg->keep != AGG_KEEP_ALL && !col_is_valid(c, row);
}

static void update_by_arrival(const struct agg_values_spec *s, const struct agg_rows *r,
                              struct var_memory *var) {
    const struct agg_call *c = s->call;
    AUTO_FREE uint64_t *hashes = mem_calloc((size_t)r->n + 1, sizeof *hashes);
    AUTO_STR tmp = STR_INIT;
    for (int k = 0; k < c->n_args; k++)
        if (!c->consts[k]) col_hash_rows(r->args[k], r->rows, hashes, r->n);
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t row = r->rows ? r->rows[i] : i;
        if (skips(s, r->args[0], row)) continue;
        struct value_item head = {0};
        str_clear(&tmp);
        str_add_n(&tmp, &head, sizeof head);
        for (int k = 0; k < c->n_args; k++)
            if (!c->consts[k]) value_encode(r->args[k], row, &tmp);
        struct value_item *probe = (struct value_item *)tmp.ptr;
        probe->len = (uint32_t)(tmp.len - sizeof head);
        struct agg_values *v = (struct agg_values *)(r->accs[i] + r->acc_offset);
        if (!r->kinds || row_kind_adds(r->kinds[row]))
            append(v, hashes[i], (struct sv){probe->bytes, probe->len}, var);
        else
            take_back(v, hashes[i], probe, var);
    }
}

/* ---- both ---- */

void agg_values_update(const struct agg_values_spec *s, const struct agg_rows *r,
                       struct var_memory *var) {
    if (s->by_value)
        update_by_value(s, r, var);
    else
        update_by_arrival(s, r, var);
}

void agg_values_merge(const struct agg_values_spec *s, char *const *dst, const char *const *src,
                      uint32_t acc_offset, uint32_t n, struct var_memory *var) {
    AUTO_STR tmp = STR_INIT;
    for (uint32_t i = 0; i < n; i++) {
        struct agg_values *d = (struct agg_values *)(dst[i] + acc_offset);
        const struct agg_values *v = (const struct agg_values *)(src[i] + acc_offset);
        for (uint64_t k = 0; s->by_value && k < v->set.n; k++) {
            struct sorted_entry *e = sorted_set_at(&v->set, k);
            const struct value_item *x = in_items(s, e->prefix) ? e->u.item : NULL;
            struct sv bytes = x ? (struct sv){x->bytes, x->len} : (struct sv){0};
            count_value(s, d, e->prefix, bytes, *count_of(s, e), &tmp, var);
        }
        for (const struct value_item *x = v->head; x; x = x->next)
            append(d, x->hash, (struct sv){x->bytes, x->len}, var);
    }
}

void agg_values_release(const struct agg_values_spec *s, struct agg_values *v,
                        struct var_memory *var) {
    struct sorted_entry some[64];
    uint32_t n;
    for (uint64_t at = 0; s->by_value && (n = sorted_set_read(&v->set, at, 64, some)); at += n)
        for (uint32_t i = 0; i < n; i++)
            free_entry(s, &some[i], var);
    for (struct value_item *x = v->head, *next; x; x = next) {
        next = x->next;
        var_free(var, x, item_bytes(x));
    }
    sorted_set_release(&v->set, var);
    *v = (struct agg_values){0};
}

/* ---- results ---- */

static int damaged(const struct agg_values_spec *s, struct err *err) {
    return err_set(err, ERR_CORRUPT, "%s: damaged value in the state", s->call->agg->name);
}

/* Folds chunks of one group's values into an accumulator. */
static int fold_all(const struct agg_values_spec *s, const struct agg_values *v, char *acc,
                    const struct eval_env *env, struct var_memory *var, struct err *err) {
    const struct agg_call *c = s->call;
    char *accs[RESULT_CHUNK];
    int rc = 0;
    for (const struct value_item *x = v->head; x && !rc;) {
        struct col_builder builders[AGG_ARGS_MAX];
        struct column cols[AGG_ARGS_MAX] = {0};
        const struct column *args[AGG_ARGS_MAX];
        uint32_t n = 0;
        for (int k = 0; k < c->n_args; k++)
            col_builder_init(&builders[k], c->arg_types[k], 0);
        for (; x && n < RESULT_CHUNK && !rc; x = x->next) {
            size_t at = 0, used;
            for (int k = 0; k < c->n_args && !rc; k++) {
                if (c->consts[k]) continue;
                used = value_decode(&builders[k], x->bytes + at, x->len - at);
                at += used;
                if (!used) rc = damaged(s, err);
            }
            accs[n++] = acc;
        }
        for (int k = 0; k < c->n_args; k++) {
            args[k] = c->consts[k] ? c->consts[k] : &cols[k];
            if (!c->consts[k]) col_builder_finish(&builders[k], &cols[k]);
            col_builder_release(&builders[k]);
        }
        struct agg_rows r = {.n = n, .args = args, .accs = accs, .blobs = &var->blobs, .env = env};
        if (!rc) rc = c->agg->update(c, &r, err);
        for (int k = 0; k < c->n_args; k++)
            col_release(&cols[k]);
    }
    return rc;
}

static int finish_all(const struct agg_values_spec *s, char *const *groups, uint32_t acc_offset,
                      uint32_t n, const struct eval_env *env, struct var_memory *var,
                      struct column *ret, struct err *err) {
    const struct agg_call *c = s->call;
    size_t stride = ((size_t)c->acc_size_bytes + 15) / 16 * 16;
    AUTO_FREE char *mem = mem_aligned(64, stride * n + 64);
    AUTO_FREE char **accs = mem_calloc((size_t)n + 1, sizeof *accs);
    memset(mem, 0, stride * n);
    int rc = 0;
    for (uint32_t i = 0; i < n; i++) {
        accs[i] = mem + stride * i;
        if (c->agg->init) c->agg->init(c, accs[i]);
    }
    for (uint32_t i = 0; i < n && !rc; i++)
        rc = fold_all(s, (const struct agg_values *)(groups[i] + acc_offset), accs[i], env, var,
                      err);
    if (!rc) rc = c->agg->finish(c, accs, 0, n, ret, err);
    for (uint32_t i = 0; i < n && c->agg->free_acc; i++)
        c->agg->free_acc(c, accs[i], &var->blobs);
    return rc;
}

static int add_result(const struct agg_values_spec *s, const struct agg_values *v,
                      struct col_builder *b, struct err *err) {
    if (s->by_value) {
        struct sorted_entry *e = extreme(s, v);
        if (e)
            add_extreme(s, e, b);
        else
            col_add_null(b);
        return 0;
    }
    const struct value_item *x = s->call->agg->keep == AGG_KEEP_FIRST ? v->head : v->tail;
    if (!x)
        col_add_null(b);
    else if (!value_decode(b, x->bytes, x->len))
        return damaged(s, err);
    return 0;
}

int agg_values_finish(const struct agg_values_spec *s, char *const *accs, uint32_t acc_offset,
                      uint32_t n, const struct eval_env *env, struct var_memory *var,
                      struct column *ret, struct err *err) {
    if (s->call->agg->keep == AGG_KEEP_ALL)
        return finish_all(s, accs, acc_offset, n, env, var, ret, err);
    struct col_builder b;
    int rc = 0;
    col_builder_init(&b, ret->type, n);
    for (uint32_t i = 0; i < n && !rc; i++)
        rc = add_result(s, (const struct agg_values *)(accs[i] + acc_offset), &b, err);
    if (!rc) {
        col_release(ret);
        col_builder_finish(&b, ret);
    }
    col_builder_release(&b);
    return rc;
}

/* ---- bytes ---- */

/* Values in order, each {prefix or hash, count, length, bytes}. */
struct saved {
    uint64_t prefix;
    int64_t count;
    uint32_t len, pad;
};

static void save_one(struct str *out, uint64_t prefix, int64_t count, const struct value_item *x) {
    struct saved h = {.prefix = prefix, .count = count, .len = x ? x->len : 0};
    str_add_n(out, &h, sizeof h);
    if (x) str_add_n(out, x->bytes, x->len);
}

void agg_values_save(const struct agg_values_spec *s, const struct agg_values *v, struct str *out) {
    for (uint64_t k = 0; s->by_value && k < v->set.n; k++) {
        struct sorted_entry *e = sorted_set_at(&v->set, k);
        save_one(out, e->prefix, *count_of(s, e), in_items(s, e->prefix) ? e->u.item : NULL);
    }
    for (const struct value_item *x = v->head; x; x = x->next)
        save_one(out, x->hash, 1, x);
}

int agg_values_load(const struct agg_values_spec *s, struct agg_values *v, struct sv bytes,
                    struct var_memory *var, struct err *err) {
    AUTO_STR tmp = STR_INIT;
    for (size_t at = 0; at < bytes.len;) {
        struct saved h;
        if (bytes.len - at < sizeof h) return damaged(s, err);
        memcpy(&h, bytes.ptr + at, sizeof h);
        at += sizeof h;
        if (bytes.len - at < h.len) return damaged(s, err);
        struct sv value = {bytes.ptr + at, h.len};
        at += h.len;
        if (!s->by_value)
            append(v, h.prefix, value, var);
        else if (!h.count || (s->phys == PHYS_I128 && h.len && h.len != sizeof(i128)))
            return damaged(s, err);
        else
            count_value(s, v, h.prefix, value, h.count, &tmp, var);
    }
    return 0;
}
