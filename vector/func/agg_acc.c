/* agg_acc.c - see agg_acc.h. */
#include "vector/func/agg_acc.h"

#include <string.h>

enum { ACC_BYTES_MIN = 32, ACC_BYTES_MAX = 1 << 30 };

int acc_bytes_add(struct acc_bytes *b, const void *p, size_t n, struct blob_alloc *blobs,
                  struct err *err) {
    if (n > ACC_BYTES_MAX - b->len)
        return err_set(err, ERR_RUNTIME, "the value of one group grew beyond 1 GiB");
    if (b->len + n > b->cap) {
        size_t cap = b->cap ? b->cap : ACC_BYTES_MIN;
        while (cap < b->len + n)
            cap *= 2;
        char *ptr = blobs->alloc(blobs, cap);
        if (b->len) memcpy(ptr, b->ptr, b->len);
        if (b->cap) blobs->free(blobs, b->ptr, b->cap);
        b->ptr = ptr;
        b->cap = (uint32_t)cap;
    }
    if (n) memcpy(b->ptr + b->len, p, n);
    b->len += (uint32_t)n;
    return 0;
}

void acc_bytes_free(struct acc_bytes *b, struct blob_alloc *blobs) {
    if (b->cap) blobs->free(blobs, b->ptr, b->cap);
    *b = (struct acc_bytes){0};
}

int agg_bind_cast(struct agg_bind *ab, int i, const struct type *to, struct err *err) {
    const struct type *t = type_with_null(ab->arena, to, ab->args[i]->type->nullable);
    if (type_eq_ignore_null(ab->args[i]->type, to)) return 0;
    return func_cast(ab->arena, ab->args[i], t, false, &ab->args[i], err);
}

const struct type *agg_nullable_like(struct agg_bind *ab, const struct type *t) {
    t = type_with_time_attr(ab->arena, t, TIME_ATTR_NONE);
    return type_with_null(ab->arena, t, ab->args[0]->type->nullable || !ab->grouped);
}
