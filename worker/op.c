/* op.c - the table of op kinds. */
#include "worker/op.h"

#include <string.h>

#define X(kind) extern const struct op_desc op_##kind;
#include "worker/op_list.def"
#undef X

static const struct op_desc *const all_ops[] = {
#define X(kind) &op_##kind,
#include "worker/op_list.def"
#undef X
};

const struct op_desc *op_find(const char *kind) {
    for (size_t i = 0; i < ARRAY_LEN(all_ops); i++)
        if (strcmp(all_ops[i]->kind, kind) == 0) return all_ops[i];
    return NULL;
}
