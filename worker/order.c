/* order.c - comparison by ORDER BY keys. */
#include "worker/order.h"

int order_read(struct arena *a, const cJSON *list, const struct schema *schema, struct order *ret,
               struct err *err) {
    int n = cJSON_GetArraySize(list), i = 0;
    struct order_key *keys = ARENA_NEW_N(a, struct order_key, n);
    const cJSON *j;
    cJSON_ArrayForEach(j, list) {
        int rc = json_get_int(j, "col", &keys[i].column, err);
        if (rc) return rc;
        if (keys[i].column < 0 || keys[i].column >= schema->n)
            return err_set(err, ERR_PROTOCOL, "order column out of range");
        keys[i].desc = json_opt_bool(j, "desc", false);
        keys[i].nulls_first = json_opt_bool(j, "nullsFirst", !keys[i].desc);
        i++;
    }
    *ret = (struct order){.n = n, .keys = keys};
    return 0;
}

int order_cmp(const struct order *o, const struct column *a, uint32_t ra, const struct column *b,
              uint32_t rb) {
    for (int i = 0; i < o->n; i++) {
        const struct order_key *k = &o->keys[i];
        const struct column *ca = &a[k->column], *cb = &b[k->column];
        bool va = col_is_valid(ca, ra), vb = col_is_valid(cb, rb);
        if (va != vb) return va == k->nulls_first ? 1 : -1;
        if (!va) continue;
        int c = col_cmp(ca, ra, cb, rb);
        if (c) return k->desc ? -c : c;
    }
    return 0;
}
