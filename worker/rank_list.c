/* rank_list.c - sorted arrays of row pointers. */
#include "worker/rank_list.h"

#include <string.h>

int rank_cmp(const struct rank_order *o, const char *a, const char *b) {
    for (int i = 0; i < o->order.n; i++) {
        const struct order_key *k = &o->order.keys[i];
        bool na = !row_pack_fixed(o->pack, a, k->column),
             nb = !row_pack_fixed(o->pack, b, k->column);
        if (na != nb) return na == k->nulls_first ? -1 : 1;
        if (na) continue;
        int c = row_pack_cmp(o->pack, a, b, k->column);
        if (c) return k->desc ? -c : c;
    }
    return 0;
}

int rank_cmp_row(const struct rank_order *o, const char *a, const struct batch *b, uint32_t row) {
    for (int i = 0; i < o->order.n; i++) {
        const struct order_key *k = &o->order.keys[i];
        const struct column *c = &b->cols[k->column];
        bool na = row_pack_is_null(a, k->column), nb = !col_is_valid(c, row);
        if (na != nb) return na == k->nulls_first ? -1 : 1;
        int order = row_pack_cmp_value(o->pack, a, k->column, c, row);
        if (order) return k->desc ? -order : order;
    }
    return 0;
}

uint32_t rank_list_place(const struct rank_order *o, const struct rank_list *l, const char *row) {
    uint32_t lo = 0, hi = l->n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        int c = rank_cmp(o, l->rows[mid], row);
        if (c < 0 || (c == 0 && !o->later_first))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void rank_list_insert(struct rank_list *l, struct var_memory *v, uint32_t at, char *row) {
    if (!l->cap) {
        l->rows = &l->one;
        l->cap = 1;
    } else if (l->n == l->cap) {
        uint32_t cap = l->cap * 2;
        char **rows = var_alloc(v, sizeof *rows * cap);
        if (l->n) memcpy(rows, l->rows, sizeof *rows * l->n);
        if (l->cap > 1) var_free(v, l->rows, sizeof *rows * l->cap);
        l->rows = rows;
        l->cap = cap;
    }
    memmove(&l->rows[at + 1], &l->rows[at], sizeof *l->rows * (l->n - at));
    l->rows[at] = row;
    l->n++;
}

char *rank_list_take(struct rank_list *l, uint32_t at) {
    char *row = l->rows[at];
    l->n--;
    memmove(&l->rows[at], &l->rows[at + 1], sizeof *l->rows * (l->n - at));
    return row;
}

static bool same_key(const struct rank_order *o, const char *a, const char *b, const int *key,
                     int n_key) {
    if (!n_key) return row_pack_eq(o->pack, a, b);
    for (int i = 0; i < n_key; i++)
        if (row_pack_cmp(o->pack, a, b, key[i])) return false;
    return true;
}

uint32_t rank_list_find(const struct rank_order *o, const struct rank_list *l, const char *row,
                        const int *key, int n_key) {
    if (n_key) {
        for (uint32_t i = 0; i < l->n; i++)
            if (same_key(o, l->rows[i], row, key, n_key)) return i;
        return l->n;
    }
    /* Equal rows are equal in the order, too. */
    uint32_t at = rank_list_place(o, l, row);
    for (uint32_t i = at; i-- > 0 && rank_cmp(o, l->rows[i], row) == 0;)
        if (same_key(o, l->rows[i], row, key, n_key)) return i;
    for (uint32_t i = at; i < l->n && rank_cmp(o, l->rows[i], row) == 0; i++)
        if (same_key(o, l->rows[i], row, key, n_key)) return i;
    return l->n;
}

void rank_list_release(struct rank_list *l, struct var_memory *v) {
    for (uint32_t i = 0; i < l->n; i++)
        var_free(v, l->rows[i], row_pack_size(l->rows[i]));
    if (l->cap > 1) var_free(v, l->rows, sizeof *l->rows * l->cap);
    *l = (struct rank_list){0};
}
