/* call.c - one use of a function: what the library is given, and what it gives back. */
#include "vector/udf/arrow.h"
#include "vector/udf/udf_int.h"

#include "base/core/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX_BYTES = 1024 };

static void call_fail(struct penstock_udf_call *call, int64_t row, const char *message) {
    struct udf_call *c = CONTAINER_OF(call, struct udf_call, c);
    free(c->fail_message);
    c->fail_message = mem_strndup(message ? message : "no reason given",
                                  message ? strnlen(message, MESSAGE_MAX_BYTES) : 15);
    c->fail_row = row;
}

struct udf_call *udf_call_new(struct arena *a, const struct udf *u, int overload,
                              const struct type *const *args, int n_args, const char *zone) {
    struct udf_call *c = ARENA_NEW(a, struct udf_call);
    arena_init(&c->batch);
    c->u = u;
    c->overload = &u->overloads[overload];
    c->fail_row = -1;
    arrow_schema_row(a, args, n_args, &c->args);
    arrow_schema(a, c->overload->result, "result", &c->result);
    c->c = (struct penstock_udf_call){.size_bytes = sizeof c->c,
                                      .overload = (uint32_t)overload,
                                      .args = &c->args,
                                      .result = &c->result,
                                      .time_zone = arena_strdup(a, zone),
                                      .fail = call_fail};
    return c;
}

int udf_call_check(struct udf_call *c, int rc, uint32_t *ret_row, struct err *err) {
    if (!rc) return 0;
    *ret_row = c->fail_row >= 0 && c->fail_row < UINT32_MAX ? (uint32_t)c->fail_row : UINT32_MAX;
    int e = err_set(err, ERR_RUNTIME, "%s: %s", c->u->name,
                    c->fail_message ? c->fail_message : "it failed without saying why");
    free(c->fail_message);
    c->fail_message = NULL;
    c->fail_row = -1;
    return e;
}

int udf_call_export(struct udf_call *c, const struct column *const *cols, int n_cols, uint32_t n,
                    int *released, struct ArrowArray *ret, uint32_t *ret_row, struct err *err) {
    *released = 0;
    *ret_row = UINT32_MAX;
    for (int i = 0; i < n_cols; i++) {
        if (udf_arg_type(c->overload, i)->nullable || !cols[i]->valid) continue;
        for (uint32_t row = 0; row < n; row++)
            if (!col_is_valid(cols[i], row)) {
                *ret_row = row;
                return err_set(err, ERR_RUNTIME,
                               "%s: argument %d is NULL, but the function takes it NOT NULL",
                               c->u->name, i + 1);
            }
    }
    int rc = arrow_export(&c->batch, cols, n_cols, n, released, ret, ret_row, err);
    return rc ? err_wrap(err, "%s", c->u->name) : 0;
}

/* Memory of arguments that libraries did not give back: they may still read it. */
struct kept {
    struct arena arena;
    struct kept *next;
};
static _Atomic(struct kept *) kept; /* relaxed: nothing reads it */

static void keep(struct arena *a) {
    struct kept *k = mem_zalloc(sizeof *k);
    k->arena = *a;
    k->next = atomic_exchange_explicit(&kept, k, memory_order_relaxed);
    arena_init(a);
}

int udf_call_returned(struct udf_call *c, int *released, struct ArrowArray *args, struct err *err) {
    if (args->release) args->release(args);
    if (*released != 1) {
        keep(&c->batch);
        return err_set(err, ERR_RUNTIME,
                       "%s moved its arguments and did not release them before it returned",
                       c->u->name);
    }
    return 0;
}

int udf_call_import(struct udf_call *c, int rc, struct ArrowArray *array,
                    struct ArrowSchema *schema, bool nullable, uint32_t n, struct column *ret,
                    uint32_t *ret_row, struct err *err) {
    if (!rc) {
        struct type t = *c->overload->result; /* the column's type is set by the caller */
        t.nullable |= nullable;
        rc = arrow_import(array, schema, &t, n, ret, ret_row, err);
        if (rc) err_wrap(err, "%s", c->u->name);
    }
    if (array->release) array->release(array);
    if (schema->release) schema->release(schema);
    return rc;
}
